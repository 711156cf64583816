/** A server's events as a person reads them: one line for each step of each machine. */

import type { ServedInterface, ServerEvent } from '../server/events.ts';
import { clockText } from './clock-text.ts';

export function eventLines(event: ServerEvent): string[] {
  switch (event.event) {
    case 'image-progress':
    case 'stopped':
      return [];
    case 'dhcp-mode':
      return [stamped(event, `${event.interface}: DHCP ${event.mode}: ${event.reason}`)];
    case 'ready':
      return readyLines(event);
    case 'boot-step':
      return [stamped(event, `${event.mac}  ${elapsed(event.elapsed)}  ${event.text}`)];
    case 'boot-end': {
      const text = event.outcome === 'up' ? 'boot complete' : 'this boot ended before the system was up';
      return [stamped(event, `${event.mac}  ${elapsed(event.elapsed)}  ${text}`)];
    }
    case 'lease':
      return [
        stamped(event, `${event.mac ?? 'a client'}  address ${event.address} ${event.change}${named(event.hostName)}`),
      ];
    case 'connected':
    case 'disconnected': {
      // What is part of a boot shows as its steps.
      if (event.boot !== undefined) return [];
      const what = event.event === 'connected' ? event.initiator : (event.reason ?? 'closed');
      return [stamped(event, `${event.mac ?? event.target}  ${event.event}: ${what} (${event.address})`)];
    }
    case 'slp': {
      const what = event.change === 'registered' ? 'has the targets' : 'does not answer any more';
      return [stamped(event, `the SLP directory agent ${event.directoryAgent} ${what}`)];
    }
    case 'trouble':
      return [
        stamped(event, `${event.mac === undefined ? '' : `${event.mac}  `}trouble: ${event.text} (${event.code})`),
      ];
    case 'stopping':
      return [stamped(event, `${event.reason}: stopping`)];
  }
}

function readyLines(event: Extract<ServerEvent, { event: 'ready' }>): string[] {
  return [
    `serving ${event.image} (${sizeText(event.imageSize)}), state in ${event.data}`,
    ...event.interfaces.flatMap(interfaceLines),
    ...(event.loaders.length === 0 ? ['no boot loaders: only machines with iPXE in their firmware boot'] : []),
    stamped(
      event,
      'ready: plug machines into the network above and let them boot from it (PXE, iPXE or UEFI HTTP boot)',
    ),
  ];
}

function sizeText(bytes: number): string {
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(2)} GiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function interfaceLines(one: ServedInterface): string[] {
  const dhcp = {
    full: `DHCP gives ${one.pool ?? 'addresses'}`,
    proxy: 'proxyDHCP beside the DHCP server that is there',
    off: 'no DHCP',
  }[one.dhcp];
  return [
    `  ${one.name}: ${one.address === undefined ? 'IPv6 alone' : `${one.address} in ${one.subnet}: ${dhcp}`}`,
    `    ${one.tftp}  ${one.http}  iSCSI ${one.iscsi}`,
    ...(one.ipv6 === undefined ? [] : [`    ${one.ipv6.address} in ${one.ipv6.prefix}: DHCPv6 gives ${one.ipv6.pool}`]),
  ];
}

function stamped({ time }: ServerEvent, text: string): string {
  return `${clockText(time)}  ${text}`;
}

/** Since the machine's first DISCOVER. */
function elapsed(milliseconds: number): string {
  return `+${(milliseconds / 1000).toFixed(1)} s`.padStart(9);
}

function named(hostName: string | undefined): string {
  return hostName === undefined ? '' : ` (${hostName})`;
}
