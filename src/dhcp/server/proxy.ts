/**
 * A proxyDHCP server (PXE 2.1 §2.2): beside a DHCP server that knows nothing of booting, it tells machines that ask to boot where
 * their boot file or disk is, and gives no addresses.
 *
 * It hears DISCOVER on port 67 and answers with an offer without an address. A client that wants to hear more, or to hear it again,
 * asks this server alone, on port 4011.
 */

import { type Ipv4Address, ProtocolError } from '../../bytes/index.ts';
import { type BootClient, bootClient } from '../boot-client.ts';
import type { Datagram, Endpoint } from '../datagram.ts';
import { BootOperation, type DhcpMessage, decodeMessage, MessageType, messageType } from '../message.ts';
import { Option } from '../option.ts';
import { type BootAnswer, bootFields } from './boot-answer.ts';
import type { DhcpServerEvent, IgnoreReason } from './event.ts';
import { buildReply, defaultPorts, type ReplyPorts, replyDestination } from './reply.ts';

export interface ProxyDhcpServerOptions {
  readonly serverIdentifier: Ipv4Address;
  readonly bootFor: (client: BootClient) => BootAnswer | undefined | Promise<BootAnswer | undefined>;
  readonly onEvent?: (event: DhcpServerEvent) => void;
  readonly ports?: ReplyPorts;
}

/** The port that a datagram arrived on: `server` is 67, `proxy` is 4011. */
export type ProxyPort = 'server' | 'proxy';

export class ProxyDhcpServer {
  readonly #options: ProxyDhcpServerOptions;

  constructor(options: ProxyDhcpServerOptions) {
    this.#options = options;
  }

  /** Resolves to the answer, or to undefined when there is none. Never rejects: what goes wrong is an event. */
  async receive(data: Uint8Array, from: Endpoint, port: ProxyPort): Promise<Datagram | undefined> {
    const request = this.#parse(data, from);
    if (request === undefined) return undefined;
    const client = bootClient(request);
    this.#emit({ type: 'received', message: request, client, from });
    try {
      return await this.#answer(request, client, from, port);
    } catch (error) {
      this.#emit({ type: 'failed', error, client });
      return undefined;
    }
  }

  #parse(data: Uint8Array, from: Endpoint): DhcpMessage | undefined {
    try {
      const message = decodeMessage(data);
      messageType(message);
      return message.op === BootOperation.request ? message : undefined;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#emit({ type: 'malformed', error, from });
      return undefined;
    }
  }

  async #answer(request: DhcpMessage, client: BootClient, from: Endpoint, port: ProxyPort) {
    const type = replyType(messageType(request), port);
    if (type === undefined) return this.#ignore(request, client, 'unexpected');
    if (!(client.isIpxe || client.isPxe || client.isHttp)) return this.#ignore(request, client, 'no-boot');
    const boot = await this.#options.bootFor(client);
    if (boot === undefined) return this.#ignore(request, client, 'no-boot');
    return this.#send(request, client, from, port, type, boot);
  }

  #send(
    request: DhcpMessage,
    client: BootClient,
    from: Endpoint,
    port: ProxyPort,
    type: number,
    boot: BootAnswer,
  ): Datagram {
    const { serverIdentifier, ports = defaultPorts } = this.#options;
    const fields = bootFields(client, boot, 'proxy');
    // PXE 2.1 §2.2.3: the reply repeats the machine's UUID.
    const uuid = request.options.raw(Option.machineIdentifier.code);
    if (uuid !== undefined) fields.forced.setRaw(Option.machineIdentifier.code, uuid);
    const { message, data, omitted } = buildReply(request, { type, serverIdentifier, boot: fields });
    const to = port === 'proxy' ? from : replyDestination(request, message, ports);
    this.#emit({ type: 'sent', message, client, to, boot, omitted });
    return { data, to };
  }

  #ignore(message: DhcpMessage, client: BootClient, reason: IgnoreReason): undefined {
    this.#emit({ type: 'ignored', message, client, reason });
    return undefined;
  }

  #emit(event: DhcpServerEvent): void {
    this.#options.onEvent?.(event);
  }
}

/** A REQUEST on port 67 is for the server that gave the address, never for a proxy. */
function replyType(type: number | undefined, port: ProxyPort): number | undefined {
  if (port === 'server') return type === MessageType.discover ? MessageType.offer : undefined;
  return type === MessageType.request || type === MessageType.inform ? MessageType.ack : undefined;
}
