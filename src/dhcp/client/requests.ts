/** What a client says in each of its states (RFC 2131 table 5), as actions for its owner. */

import { IPV4_BROADCAST, type Ipv4Address } from '../../bytes/index.ts';
import type { AuthenticationKey } from '../authentication.ts';
import { DhcpPort } from '../datagram.ts';
import { type DhcpMessage, encodeMessage, MessageType } from '../message.ts';
import { Option } from '../option.ts';
import { OptionList } from '../option-list.ts';
import type { ClientAuthentication, Proof } from './authentication.ts';
import type { DhcpLease } from './lease.ts';
import { serverOf } from './offer.ts';
import {
  bootParameterRequestList,
  bootpRequest,
  clientMessage,
  clientRequest,
  type DhcpClientOptions,
  type DhcpQuestion,
  leaseTimes,
} from './options.ts';
import type { DhcpClientAction } from './state.ts';

/** What differs from one transmission to the next. */
interface Fields {
  readonly xid: number;
  readonly secs: number;
}

export class ClientRequests {
  readonly #options: DhcpClientOptions;
  readonly #authentication: ClientAuthentication | undefined;

  constructor(options: DhcpClientOptions, authentication: ClientAuthentication | undefined) {
    this.#options = options;
    this.#authentication = authentication;
  }

  /** The first thing that it says to everybody. */
  ask(question: DhcpQuestion, fields: Fields): DhcpClientAction {
    return this.#send(this.#question(question, fields), IPV4_BROADCAST, 'request');
  }

  #question(question: DhcpQuestion, fields: Fields): DhcpMessage {
    switch (question.kind) {
      case 'lease':
        return clientRequest(this.#options, MessageType.discover, fields);
      case 'bootp':
        return bootpRequest(this.#options, fields);
      case 'inform': {
        // The answer comes to the address that is there (RFC 2131 §4.3.5), never by broadcast.
        const parameterRequestList = withoutLeaseTimes(this.#options.parameterRequestList ?? bootParameterRequestList);
        const options = { ...this.#options, broadcast: false, parameterRequestList };
        return clientRequest(options, MessageType.inform, { ...fields, ciaddr: question.address });
      }
    }
  }

  select(offer: DhcpMessage, key: AuthenticationKey | undefined, fields: Fields): DhcpClientAction {
    const specific = new OptionList().set(Option.requestedAddress, offer.yiaddr);
    specific.set(Option.serverIdentifier, serverOf(offer));
    const message = clientRequest(this.#options, MessageType.request, fields, specific);
    return this.#send(message, IPV4_BROADCAST, key);
  }

  /** Does the address of before still hold? */
  reboot(address: Ipv4Address, fields: Fields): DhcpClientAction {
    const specific = new OptionList().set(Option.requestedAddress, address);
    const message = clientRequest(this.#options, MessageType.request, fields, specific);
    return this.#send(message, IPV4_BROADCAST, this.#authentication?.firstKey);
  }

  renew(lease: DhcpLease, xid: number): DhcpClientAction {
    return this.#prolong(lease, xid, lease.serverIdentifier);
  }

  rebind(lease: DhcpLease, xid: number): DhcpClientAction {
    return this.#prolong(lease, xid, IPV4_BROADCAST);
  }

  /** Neither server identifier nor requested address: the server answers to ciaddr. */
  #prolong({ address, key }: DhcpLease, xid: number, to: Ipv4Address): DhcpClientAction {
    return this.#send(clientRequest(this.#options, MessageType.request, { xid, ciaddr: address }), to, key);
  }

  decline({ address, serverIdentifier, key }: DhcpLease, xid: number): DhcpClientAction {
    const specific = new OptionList().set(Option.requestedAddress, address);
    specific.set(Option.serverIdentifier, serverIdentifier);
    return this.#send(clientMessage(this.#options, MessageType.decline, { xid }, specific), IPV4_BROADCAST, key);
  }

  release({ address, serverIdentifier, key }: DhcpLease, xid: number): DhcpClientAction {
    const specific = new OptionList().set(Option.serverIdentifier, serverIdentifier);
    const message = clientMessage(this.#options, MessageType.release, { xid, ciaddr: address }, specific);
    return this.#send(message, serverIdentifier, key);
  }

  #send(message: DhcpMessage, address: Ipv4Address, proof: Proof | undefined): DhcpClientAction {
    const data =
      proof === undefined || this.#authentication === undefined
        ? encodeMessage(message)
        : this.#authentication.encode(message, proof);
    return { type: 'send', message, datagram: { data, to: { address, port: DhcpPort.server } } };
  }
}

function withoutLeaseTimes(codes: readonly number[]): number[] {
  return codes.filter((code) => !leaseTimes.some((option) => option.code === code));
}
