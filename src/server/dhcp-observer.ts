/** What a DHCP exchange means for the boot of the machine that has it. */

import { IPV4_ANY, type MacAddress } from '../bytes/index.ts';
import type { BootClient } from '../dhcp/boot-client.ts';
import { type DhcpMessage, MessageType, messageType } from '../dhcp/message.ts';
import type { BootAnswer } from '../dhcp/server/boot-answer.ts';
import type { DhcpServerEvent, IgnoreReason } from '../dhcp/server/event.ts';
import { architectureOf, UNNAMED_ARCHITECTURE } from './architecture.ts';
import type { BootDecision } from './boot-policy.ts';
import type { BootTrace } from './boot-trace.ts';
import type { ServerEventBody } from './events.ts';
import type { Machines } from './machines.ts';

export interface DhcpObserverOptions {
  readonly interface: string;
  readonly mode: 'full' | 'proxy';
  readonly trace: BootTrace;
  readonly machines: Machines;
  readonly decide: (client: BootClient, mac: MacAddress) => BootDecision;
  readonly emit: (event: ServerEventBody) => void;
}

/** Reasons for silence that a person should hear of; the others are the normal course of things. */
const troubles: Partial<Record<IgnoreReason, string>> = {
  'pool-exhausted': 'no address is left in the pool: give a larger --pool',
  'not-authenticated': 'it does not prove the key that it has (RFC 3118)',
  'no-subnet': 'it came by a relay agent of a network that is not served here',
};

export class DhcpObserver {
  readonly #options: DhcpObserverOptions;

  constructor(options: DhcpObserverOptions) {
    this.#options = options;
  }

  observe(event: DhcpServerEvent): void {
    switch (event.type) {
      case 'received':
        this.#received(event.message, event.client);
        break;
      case 'sent':
        this.#sent(event.message, event.client, event.boot);
        break;
      case 'ignored':
        this.#ignored(event.client, event.reason);
        break;
      case 'lease':
        this.#leased(event);
        break;
      case 'conflict': {
        const text = `${event.holder} has ${event.address} on ${this.#options.interface} without a lease: nobody else gets it for an hour`;
        this.#options.emit({ event: 'trouble', code: 'DHCP_ADDRESS_IN_USE', text, mac: event.holder });
        break;
      }
      case 'malformed':
        this.#trouble(event.error, undefined, `a datagram from ${event.from.address} is no DHCP message`);
        break;
      case 'failed':
        this.#trouble(event.error, event.client.hardwareAddress, 'a DHCP request could not be answered');
        break;
    }
  }

  #received(message: DhcpMessage, client: BootClient): void {
    const mac = client.hardwareAddress;
    if (mac === undefined || messageType(message) !== MessageType.discover || client.kind === 'other') return;
    const { trace, machines, interface: name } = this.#options;
    machines.isNotRunning(mac);
    if (client.kind === 'ipxe') trace.ipxeDiscover(mac, `DHCP DISCOVER from iPXE on ${name}`);
    else trace.discover(mac, `DHCP DISCOVER from ${firmwareName(client)} on ${name}`);
  }

  #sent(reply: DhcpMessage, client: BootClient, boot: BootAnswer | undefined): void {
    const mac = client.hardwareAddress;
    const type = messageType(reply);
    if (mac === undefined || type === MessageType.nak) return;
    const address = reply.yiaddr === IPV4_ANY ? '' : `${reply.yiaddr}, `;
    const isFirstAnswer = type === MessageType.offer;
    if (client.kind === 'pxe' || client.kind === 'http') {
      if (!isFirstAnswer) return;
      if (boot?.bootFile === undefined) this.#noLoader(client, mac);
      else this.#options.trace.step(mac, 'offer', `DHCP OFFER: ${address}loader ${boot.bootFile}`);
      return;
    }
    if (client.kind === 'other' || boot === undefined) return;
    // Without leases of its own, a proxy's offer is all that most clients hear from it.
    if (isFirstAnswer === (this.#options.mode === 'full')) return;
    if (boot.bootFile !== undefined) this.#options.trace.step(mac, 'offer', `DHCP OFFER: script ${boot.bootFile}`);
    if (boot.rootPath === undefined) return;
    const name = isFirstAnswer ? 'OFFER' : 'ACK';
    this.#options.trace.step(mac, 'root-path', `DHCP ${name}: ${address}root path ${boot.rootPath}`);
    this.#remember(mac);
  }

  #ignored(client: BootClient, reason: IgnoreReason): void {
    const mac = client.hardwareAddress;
    if (mac === undefined) return;
    if (reason === 'no-boot' && (client.kind === 'pxe' || client.kind === 'http')) this.#noLoader(client, mac);
    const text = troubles[reason];
    if (text === undefined) return;
    if (client.kind === 'other') this.#options.emit({ event: 'trouble', code: 'DHCP_NOT_ANSWERED', text, mac });
    else this.#options.trace.step(mac, 'no-answer', text);
  }

  #noLoader(client: BootClient, mac: MacAddress): void {
    const decision = this.#options.decide(client, mac);
    if (decision.kind !== 'no-loader') return;
    const numbers = decision.architectures.join(', ');
    this.#options.trace.step(mac, 'no-loader', `no loader for architecture ${numbers}: ${decision.reason}`);
  }

  #leased({ lease, change }: Extract<DhcpServerEvent, { type: 'lease' }>): void {
    const { hardwareAddress: mac, address, hostName } = lease;
    const { trace, emit } = this.#options;
    if (mac !== undefined && (change === 'bound' || change === 'renewed')) {
      if (trace.leased(mac, address)) return;
    }
    emit({
      event: 'lease',
      change,
      address,
      ...(mac === undefined ? {} : { mac }),
      ...(hostName === undefined ? {} : { hostName }),
    });
  }

  #remember(mac: MacAddress): void {
    this.#options.machines.seen(mac).catch((error) => this.#trouble(error, mac, 'the machine could not be remembered'));
  }

  #trouble(error: unknown, mac: MacAddress | undefined, what: string): void {
    const reason = error instanceof Error ? error.message : String(error);
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'DHCP_FAILED';
    this.#options.emit({ event: 'trouble', code, text: `${what}: ${reason}`, ...(mac === undefined ? {} : { mac }) });
  }
}

function firmwareName({ kind, architectures, vendorClass }: BootClient): string {
  if (kind === 'iscsi-rom') return `a network card’s own iSCSI (${vendorClass})`;
  if (kind === 'uefi-iscsi') return 'UEFI’s iSCSI driver';
  const number = architectures[0] ?? UNNAMED_ARCHITECTURE;
  return `${architectureOf(number)?.name ?? 'firmware'} (architecture ${number})`;
}
