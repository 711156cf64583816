/** `dnsmasq` as a DHCP server in a namespace, for as long as a test runs. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { end, type NamespacePair } from './namespace-pair.ts';
import { findProgram } from './requires.ts';
import { run, type ServedNetwork } from './served-network.ts';

export interface Dnsmasq extends AsyncDisposable {
  /** All that it has logged. */
  readonly log: readonly string[];
}

export interface DnsmasqPlace {
  readonly namespace: string;
  readonly interface: string;
  /** `first,last` of the addresses that it gives. */
  readonly range: string;
}

/** In the server's namespace; gives addresses from 192.0.2.100 on. `settings` are further options, such as `--dhcp-option=17,...`. */
export function startDnsmasq({ server }: NamespacePair, settings: readonly string[]): Promise<Dnsmasq> {
  return startDnsmasqAt({ namespace: server, interface: 'server0', range: '192.0.2.100,192.0.2.150' }, settings);
}

/** Somebody else's DHCP server on a network that is served, at the client's end of the cable: the address there ends in .2. */
export async function startForeignDnsmasq({ number, onClient, clientInterface }: ServedNetwork): Promise<Dnsmasq> {
  const network = `192.168.${78 + number}`;
  const added = await run([...onClient, 'ip', 'address', 'add', `${network}.2/24`, 'dev', clientInterface]);
  assert.equal(added.code, 0, added.stderr);
  const range = `${network}.50,${network}.60`;
  return startDnsmasqAt({ namespace: onClient.at(-1) ?? '', interface: clientInterface, range }, []);
}

export async function startDnsmasqAt(place: DnsmasqPlace, settings: readonly string[]): Promise<Dnsmasq> {
  const options = [
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--log-facility=-',
    '--log-dhcp',
    '--user=root',
    '--pid-file=',
    // No name server, unless one is asked for.
    ...(settings.some((each) => each.startsWith('--port=')) ? [] : ['--port=0']),
    '--no-ping',
    '--leasefile-ro',
    `--interface=${place.interface}`,
    '--bind-interfaces',
    '--dhcp-authoritative',
    `--dhcp-range=${place.range},255.255.255.0,1h`,
    ...settings,
  ];
  const command = ['netns', 'exec', place.namespace, findProgram('dnsmasq') ?? 'dnsmasq', ...options];
  const daemon = spawn('ip', command, { stdio: ['ignore', 'pipe', 'pipe'] });
  const log: string[] = [];
  const up = new Promise<void>((resolve) => {
    createInterface({ input: daemon.stderr }).on('line', (line) => {
      log.push(line);
      if (line.includes('DHCP, sockets bound')) resolve();
    });
  });
  const ended = once(daemon, 'exit').then(() => Promise.reject(new Error(`dnsmasq ended: ${log.join('\n')}`)));
  ended.catch(() => {});
  await Promise.race([up, ended]);
  return { log, [Symbol.asyncDispose]: () => end(daemon) };
}
