/** What a DHCPv6 exchange means for the boot of the machine that has it. */

import type { MacAddress } from '../bytes/index.ts';
import type { BootClient, BootClientKind } from '../dhcp6/boot-client.ts';
import { MessageType } from '../dhcp6/message.ts';
import type { Dhcp6ServerEvent } from '../dhcp6/server/event.ts';
import { messageTypeName } from '../dhcp6/summary.ts';
import type { BootTrace } from './boot-trace.ts';
import type { Boot6Decision } from './boot6-policy.ts';
import type { ServerEventBody } from './events.ts';
import type { Machines } from './machines.ts';
import { troubleOf } from './parts.ts';

export interface Dhcp6ObserverOptions {
  readonly interface: string;
  readonly trace: BootTrace;
  readonly machines: Machines;
  readonly decide: (client: BootClient, mac: MacAddress) => Boot6Decision;
  readonly emit: (event: ServerEventBody) => void;
}

const firmwareNames: Partial<Record<BootClientKind, string>> = {
  ipxe: 'iPXE',
  pxe: 'UEFI PXE',
  http: 'UEFI HTTP boot',
  'uefi-iscsi': 'UEFI’s iSCSI driver',
  'iscsi-rom': 'the ROM of an iSCSI card',
};

export class Dhcp6Observer {
  readonly #options: Dhcp6ObserverOptions;

  constructor(options: Dhcp6ObserverOptions) {
    this.#options = options;
  }

  observe(event: Dhcp6ServerEvent): void {
    switch (event.type) {
      case 'received':
        if (beginsExchange(event.message.type)) this.#asked(event.message.type, event.client);
        break;
      case 'sent':
        if (beginsBoot(event.message.type)) this.#told(event.client);
        break;
      case 'ignored':
        if (event.reason === 'no-link')
          this.#unanswered(event.client, 'it came by a relay agent of a link that is not served here');
        break;
      case 'exhausted':
        this.#unanswered(event.client, 'no address is left in the IPv6 pool');
        break;
      case 'lease':
        this.#leased(event);
        break;
      case 'malformed':
        this.#trouble(event.error, undefined);
        break;
      case 'failed':
        this.#trouble(event.error, event.client.hardwareAddress);
        break;
    }
  }

  /** Firmware asks for an address: the machine starts. */
  #asked(type: number, { hardwareAddress: mac, kind }: BootClient): void {
    const name = firmwareNames[kind];
    if (mac === undefined || name === undefined) return;
    const { trace, machines, interface: link } = this.#options;
    machines.isNotRunning(mac);
    const text = `DHCPv6 ${messageTypeName({ type })} from ${name} on ${link}`;
    if (kind === 'ipxe') trace.ipxeDiscover(mac, text);
    else trace.discover(mac, text);
  }

  #told(client: BootClient): void {
    const { hardwareAddress: mac, kind } = client;
    if (mac === undefined || firmwareNames[kind] === undefined) return;
    const { trace, decide } = this.#options;
    const decision = decide(client, mac);
    if (decision.kind === 'no-loader') {
      trace.step(mac, 'no-loader', `no loader for architecture ${decision.architectures.join(', ')} over IPv6`);
      return;
    }
    const what = `DHCPv6: ${decision.answer.bootFileUrl}`;
    trace.step(mac, decision.kind === 'disk' ? 'root-path' : 'offer', what);
    if (decision.kind === 'disk') this.#remember(mac);
  }

  #unanswered({ hardwareAddress: mac, kind }: BootClient, text: string): void {
    if (mac !== undefined && kind !== 'other') this.#options.trace.step(mac, 'no-answer', text);
    else
      this.#options.emit({ event: 'trouble', code: 'DHCP_NOT_ANSWERED', text, ...(mac === undefined ? {} : { mac }) });
  }

  #leased({ lease, change }: Extract<Dhcp6ServerEvent, { type: 'lease' }>): void {
    const { hardwareAddress: mac, address } = lease;
    const { trace, emit } = this.#options;
    const isGiven = change === 'bound' || change === 'renewed';
    if (mac !== undefined && isGiven && trace.leased(mac, address)) return;
    emit({ event: 'lease', change, address, ...(mac === undefined ? {} : { mac }) });
  }

  #remember(mac: MacAddress): void {
    this.#options.machines.seen(mac).catch((error) => this.#trouble(error, mac));
  }

  #trouble(error: unknown, mac: MacAddress | undefined): void {
    this.#options.emit({ ...troubleOf('DHCP_FAILED', error), ...(mac === undefined ? {} : { mac }) });
  }
}

/** What a client says first. */
function beginsExchange(type: number): boolean {
  return type === MessageType.solicit || type === MessageType.informationRequest;
}

/** An Advertise is not taken by all that hear it. */
function beginsBoot(type: number): boolean {
  return type === MessageType.reply;
}
