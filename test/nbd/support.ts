/** Both ends of a negotiation, bytes as text, and streams in pieces. */

import { ByteQueue } from '../../src/bytes/index.ts';
import { type ClientAgreement, clientHandshake } from '../../src/nbd/client-handshake.ts';
import { Dialogue } from '../../src/nbd/dialogue.ts';
import { TransmissionFlag } from '../../src/nbd/protocol.ts';
import { type ExportDescription, type ServerAgreement, serverHandshake } from '../../src/nbd/server-handshake.ts';

/** Hexadecimal, with blanks and comments from # to the line's end. */
export function hex(lines: string): Buffer {
  return Buffer.from(lines.replaceAll(/#.*$/gm, '').replaceAll(/\s/g, ''), 'hex');
}

export const disk: ExportDescription = {
  name: 'disk',
  description: 'a disk',
  size: 0x1_0000_0000_0000,
  transmissionFlags: TransmissionFlag.hasFlags | TransmissionFlag.sendFlush,
  blockSize: { minimum: 512, preferred: 4096, maximum: 32 << 20 },
};

/** A server that is given bytes, and what it answers. */
export class ServerSide {
  readonly queue = new ByteQueue();
  readonly #sent: Uint8Array[] = [];
  readonly #dialogue: Dialogue<ServerAgreement>;

  constructor(exports: readonly ExportDescription[] = [disk]) {
    this.#dialogue = new Dialogue(serverHandshake(exports, (bytes) => this.#sent.push(bytes)));
  }

  give(bytes: Uint8Array): ServerAgreement | undefined {
    this.queue.push(bytes);
    return this.#dialogue.receive(this.queue);
  }

  /** Everything that it has sent since the last time. */
  sent(): Buffer {
    return Buffer.concat(this.#sent.splice(0));
  }
}

export class ClientSide {
  readonly queue = new ByteQueue();
  readonly #sent: Uint8Array[] = [];
  readonly #dialogue: Dialogue<ClientAgreement>;

  constructor(exportName = 'disk') {
    this.#dialogue = new Dialogue(clientHandshake(exportName, (bytes) => this.#sent.push(bytes)));
  }

  give(bytes: Uint8Array): ClientAgreement | undefined {
    this.queue.push(bytes);
    return this.#dialogue.receive(this.queue);
  }

  sent(): Buffer {
    return Buffer.concat(this.#sent.splice(0));
  }
}

/** Lets both ends talk until neither has anything to say; `cut` says in which pieces bytes arrive. */
export function shakeHands(
  client: ClientSide,
  server: ServerSide,
  cut: (bytes: Buffer) => readonly Uint8Array[] = (bytes) => [bytes],
): { client: ClientAgreement | undefined; server: ServerAgreement | undefined } {
  const result: { client: ClientAgreement | undefined; server: ServerAgreement | undefined } = {
    client: undefined,
    server: undefined,
  };
  for (;;) {
    const toClient = server.sent();
    for (const piece of cut(toClient)) result.client = client.give(piece) ?? result.client;
    const toServer = client.sent();
    for (const piece of cut(toServer)) result.server = server.give(piece) ?? result.server;
    if (toClient.length + toServer.length === 0) return result;
  }
}
