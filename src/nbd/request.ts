/** Requests of the transmission phase (NBD "Request message"): read from a stream, and written. */

import { type ByteQueue, ProtocolError, type View } from '../bytes/index.ts';
import { Command, REQUEST_MAGIC, RequestHeader } from './protocol.ts';

export interface Request {
  readonly header: View<typeof RequestHeader>;
  /** What a WRITE carries, in as many pieces as it arrived in. */
  readonly data: readonly Uint8Array[];
}

const noData: readonly Uint8Array[] = [];

export class RequestReader {
  readonly #bytes: ByteQueue;
  readonly #maximumPayload: number;
  /** The header of a WRITE whose data has not all arrived. */
  #header: View<typeof RequestHeader> | undefined;

  /** Takes from `bytes`. */
  constructor(bytes: ByteQueue, maximumPayload: number) {
    this.#bytes = bytes;
    this.#maximumPayload = maximumPayload;
  }

  /** The next whole request, or undefined until more has arrived. Raises NBD_MAGIC and NBD_PAYLOAD_TOO_LONG: the stream has lost its place. */
  next(): Request | undefined {
    const header = this.#header ?? this.#takeHeader();
    if (header === undefined) return undefined;
    const { command, length } = header;
    if (command !== Command.write) return { header, data: noData };
    this.#header = header;
    if (this.#bytes.length < length) return undefined;
    this.#header = undefined;
    return { header, data: this.#bytes.takeSlices(length) };
  }

  #takeHeader(): View<typeof RequestHeader> | undefined {
    if (this.#bytes.length < RequestHeader.size) return undefined;
    const header = RequestHeader.view(this.#bytes.take(RequestHeader.size));
    if (header.magic !== REQUEST_MAGIC) {
      throw new ProtocolError('NBD_MAGIC', 'an NBD request without its magic number');
    }
    if (header.command === Command.write && header.length > this.#maximumPayload) {
      throw new ProtocolError(
        'NBD_PAYLOAD_TOO_LONG',
        `an NBD request carries ${header.length} bytes, ${this.#maximumPayload} are allowed`,
      );
    }
    return header;
  }
}
