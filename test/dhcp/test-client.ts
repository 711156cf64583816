/** A DHCP client, what it sent last, and servers that answer it as a test wants. */

import assert from 'node:assert/strict';
import {
  DhcpClient,
  type DhcpClientAction,
  type DhcpClientOptions,
  type DhcpMessage,
  decodeMessage,
  dhcpMessage,
  encodeMessage,
  MessageType,
  messageTypeName,
  Option,
  OptionList,
} from '../../src/dhcp/index.ts';
import { ip, mac } from './support.ts';

export const rootPath = 'iscsi:192.0.2.1::::iqn.2024-01.com.example:disk';
export const half = () => 0.5;

export interface ReplyFields {
  readonly type: number | undefined;
  readonly yiaddr?: string;
  readonly server?: string;
  readonly leaseTime?: number;
  readonly rootPath?: string;
  readonly file?: string;
  readonly options?: (list: OptionList) => unknown;
}

/** A server's answer to what the client sent last. */
export function reply(to: DhcpMessage, { type, yiaddr = '192.0.2.10', server = '192.0.2.1', ...fields }: ReplyFields) {
  const options = new OptionList();
  if (type !== undefined) {
    options.set(Option.messageType, type).set(Option.serverIdentifier, ip(server));
    options.set(Option.leaseTime, fields.leaseTime ?? 3600);
  }
  if (fields.rootPath !== undefined) options.set(Option.rootPath, fields.rootPath);
  fields.options?.(options);
  const { xid, chaddr } = to;
  return encodeMessage(dhcpMessage({ op: 2, xid, chaddr, yiaddr: ip(yiaddr), file: fields.file ?? '', options }));
}

/** A client, and what it sent last. */
export class TestClient {
  readonly client: DhcpClient;
  readonly actions: DhcpClientAction[] = [];
  now = 0;

  constructor(options: Partial<DhcpClientOptions> = {}) {
    this.client = new DhcpClient({ hardwareAddress: mac(1), ...options }, half);
    this.#note(this.client.start(0));
  }

  #note(actions: readonly DhcpClientAction[]): string[] {
    this.actions.push(...actions);
    return actions.map((action) => (action.type === 'send' ? messageTypeName(action.message) : action.type));
  }

  get sent(): DhcpMessage {
    const last = this.actions.findLast((action) => action.type === 'send');
    assert.ok(last?.type === 'send');
    return decodeMessage(last.datagram.data);
  }

  get to(): string {
    const last = this.actions.findLast((action) => action.type === 'send');
    return last?.type === 'send' ? last.datagram.to.address : '';
  }

  get last(): DhcpClientAction | undefined {
    return this.actions.at(-1);
  }

  get lease() {
    const action = this.actions.findLast(({ type }) => type === 'bound' || type === 'renewed');
    assert.ok(action !== undefined && 'lease' in action, 'no lease');
    return action.lease;
  }

  receive(datagram: Uint8Array): string[] {
    return this.#note(this.client.receive(datagram, this.now));
  }

  answer(fields: ReplyFields): string[] {
    return this.receive(reply(this.sent, fields));
  }

  /** Goes to the next deadline. */
  next(): string[] {
    assert.ok(this.client.deadline !== undefined, 'nothing will happen');
    this.now = this.client.deadline;
    return this.#note(this.client.poll(this.now));
  }

  bind(leaseTime = 3600): void {
    this.answer({ type: MessageType.offer, rootPath });
    this.answer({ type: MessageType.ack, rootPath, leaseTime });
    assert.equal(this.client.state, 'bound');
  }
}
