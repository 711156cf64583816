/**
 * The client's side of one read. The owner sends what `start`, `receive` and `poll` give, calls `poll` at `deadline`, takes the file's
 * bytes from `data` actions, and closes its socket after the outcome once there is no deadline left: until then a repeated last block
 * is still acknowledged (RFC 1350 §6).
 */

import { DisklessError, ProtocolError } from '../bytes/index.ts';
import { defaultBlockSize } from './negotiation.ts';
import { decodePacket, ErrorCode, encodePacket, errorPacket, Opcode, type TftpOptions } from './packet.ts';
import type { Endpoint } from './server.ts';

export interface ReadClientOptions {
  /** Address and port that requests go to (69). */
  readonly server: Endpoint;
  readonly fileName: string;
  readonly mode?: 'octet' | 'netascii';
  /** Asked for; default 1428, which fills an Ethernet frame even behind IPv6. */
  readonly blockSize?: number;
  /** Blocks between two ACKs, asked for; default 8. */
  readonly windowSize?: number;
  /** The largest file to take, in bytes. Default 1 GiB. */
  readonly longest?: number;
}

export type ReadClientAction =
  | { readonly type: 'send'; readonly data: Uint8Array; readonly to: Endpoint }
  /** The server told how long the file is. */
  | { readonly type: 'size'; readonly size: number }
  /** The next bytes of the file: a view of the datagram. */
  | { readonly type: 'data'; readonly data: Uint8Array }
  | { readonly type: 'complete'; readonly length: number }
  /** TFTP_FILE_NOT_FOUND, TFTP_REFUSED, TFTP_TIMEOUT, TFTP_FILE_TOO_LONG, TFTP_OPTION_INVALID. */
  | { readonly type: 'failed'; readonly error: DisklessError };

const firstTimeout = 1000;
const longestTimeout = 8000;
const mostAttempts = 6;
const dallyTime = 3000;
const blockNumbers = 0x1_0000;

export class ReadClient {
  readonly #options: ReadClientOptions;
  /** The transfer's other end: known from the first answer. */
  #peer: Endpoint | undefined;
  #blockSize = defaultBlockSize;
  #windowSize = 1;
  #withOptions = true;
  /** Blocks received in order; the next one has this number plus one. */
  #received = 0;
  #sinceAck = 0;
  /** The gap after `#received` was reported with an ACK already. */
  #gapReported = false;
  #length = 0;
  #attempts = 0;
  #deadline: number | undefined;
  #state: 'requesting' | 'reading' | 'dallying' | 'ended' = 'requesting';

  constructor(options: ReadClientOptions) {
    this.#options = options;
  }

  get deadline(): number | undefined {
    return this.#deadline;
  }

  start(now: number): ReadClientAction[] {
    this.#arm(now);
    return [this.#request()];
  }

  receive(datagram: Uint8Array, from: Endpoint, now: number): ReadClientAction[] {
    if (this.#state === 'ended' || from.address !== this.#options.server.address) return [];
    if (this.#peer !== undefined && from.port !== this.#peer.port) {
      return [{ type: 'send', data: errorPacket(ErrorCode.unknownTransferId, 'unknown transfer ID'), to: from }];
    }
    try {
      const packet = decodePacket(datagram);
      if (packet.opcode === Opcode.error) return this.#refused(packet.code, packet.message, now);
      if (packet.opcode === Opcode.data) return this.#data(packet.block, packet.data, from, now);
      if (packet.opcode === Opcode.optionAck) return this.#optionAck(packet.options, from, now);
      return [];
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return this.#fail(error, from);
    }
  }

  poll(now: number): ReadClientAction[] {
    if (this.#deadline === undefined || now < this.#deadline) return [];
    if (this.#state === 'dallying') {
      this.#state = 'ended';
      this.#deadline = undefined;
      return [];
    }
    if (this.#attempts >= mostAttempts) {
      const what = `${this.#options.server.address} stopped answering after ${this.#length} bytes of ${this.#options.fileName}`;
      const hint = 'Does a TFTP server run there, and is UDP open between the two?';
      return this.#fail(new DisklessError('TFTP_TIMEOUT', what, { hint }), this.#peer);
    }
    this.#attempts++;
    this.#arm(now);
    this.#gapReported = false;
    return [this.#peer === undefined ? this.#request() : this.#ack(this.#peer)];
  }

  #request(): ReadClientAction {
    const { server, fileName, mode = 'octet', blockSize = 1428, windowSize = 8 } = this.#options;
    const options = new Map<string, string>();
    if (this.#withOptions) {
      if (mode === 'octet') options.set('tsize', '0');
      options.set('blksize', String(blockSize)).set('windowsize', String(windowSize));
    }
    return { type: 'send', data: encodePacket({ opcode: Opcode.readRequest, fileName, mode, options }), to: server };
  }

  #optionAck(options: TftpOptions, from: Endpoint, now: number): ReadClientAction[] {
    // Repeated because our ACK of it was lost.
    if (this.#state !== 'requesting') return this.#received === 0 ? [this.#ack(from)] : [];
    const { blockSize = 1428, windowSize = 8, longest = 2 ** 30 } = this.#options;
    this.#blockSize = granted(options, 'blksize', blockSize) ?? defaultBlockSize;
    this.#windowSize = granted(options, 'windowsize', windowSize) ?? 1;
    const size = granted(options, 'tsize', Number.MAX_SAFE_INTEGER);
    if (size !== undefined && size > longest) return this.#fail(this.#tooLong(), from);
    this.#begin(from, now);
    const told: ReadClientAction[] = size === undefined ? [] : [{ type: 'size', size }];
    return [...told, this.#ack(from)];
  }

  #begin(peer: Endpoint, now: number): void {
    this.#peer = peer;
    this.#state = 'reading';
    this.#attempts = 0;
    this.#arm(now);
  }

  #data(block: number, data: Uint8Array, from: Endpoint, now: number): ReadClientAction[] {
    if (this.#state === 'requesting') this.#begin(from, now);
    const isNext = block === (this.#received + 1) % blockNumbers;
    if (!isNext || this.#state === 'dallying') return this.#unexpected(block, from);
    if (data.length > this.#blockSize) {
      const what = `block ${block} holds ${data.length} bytes where ${this.#blockSize} were agreed`;
      return this.#fail(new ProtocolError('TFTP_PACKET_INVALID', what), from);
    }
    this.#received++;
    this.#length += data.length;
    this.#sinceAck++;
    this.#gapReported = false;
    this.#attempts = 0;
    if (this.#length > (this.#options.longest ?? 2 ** 30)) return this.#fail(this.#tooLong(), from);
    this.#arm(now);
    const given: ReadClientAction = { type: 'data', data };
    if (data.length < this.#blockSize) return [given, ...this.#complete(from, now)];
    return this.#sinceAck >= this.#windowSize ? [given, this.#ack(from)] : [given];
  }

  #complete(peer: Endpoint, now: number): ReadClientAction[] {
    this.#state = 'dallying';
    this.#deadline = now + dallyTime;
    return [this.#ack(peer), { type: 'complete', length: this.#length }];
  }

  /**
   * A block out of order. One that comes too early tells of a gap: the ACK of the last good one says where to go on, once for each gap
   * (RFC 7440 §4). The one that was acknowledged last comes again when that ACK was lost. Any other came twice on its way, and an ACK
   * of it would only make the server send more.
   */
  #unexpected(block: number, from: Endpoint): ReadClientAction[] {
    const ahead = (block - this.#received) & 0xffff;
    if (this.#gapReported || ahead >= blockNumbers / 2) return [];
    if (ahead === 0) return this.#sinceAck === 0 ? [this.#ack(from)] : [];
    this.#gapReported = true;
    return [this.#ack(from)];
  }

  #ack(to: Endpoint): ReadClientAction {
    this.#sinceAck = 0;
    return { type: 'send', data: encodePacket({ opcode: Opcode.ack, block: this.#received % blockNumbers }), to };
  }

  #refused(code: number, message: string, now: number): ReadClientAction[] {
    if (this.#state === 'requesting' && this.#withOptions && code === ErrorCode.optionNegotiationFailed) {
      this.#withOptions = false;
      this.#arm(now);
      return [this.#request()];
    }
    if (this.#state === 'dallying') return [];
    const isMissing = code === ErrorCode.fileNotFound;
    const what = `${this.#options.server.address} refused ${this.#options.fileName}: ${message} (TFTP error ${code})`;
    return this.#fail(new DisklessError(isMissing ? 'TFTP_FILE_NOT_FOUND' : 'TFTP_REFUSED', what), undefined);
  }

  #tooLong(): DisklessError {
    const what = `${this.#options.fileName} is longer than ${this.#options.longest ?? 2 ** 30} bytes`;
    return new DisklessError('TFTP_FILE_TOO_LONG', what);
  }

  /** Tells the server, when it must know. */
  #fail(error: DisklessError, peer: Endpoint | undefined): ReadClientAction[] {
    this.#state = 'ended';
    this.#deadline = undefined;
    const failed: ReadClientAction = { type: 'failed', error };
    if (peer === undefined) return [failed];
    return [{ type: 'send', data: errorPacket(ErrorCode.notDefined, 'given up'), to: peer }, failed];
  }

  #arm(now: number): void {
    this.#deadline = now + Math.min(firstTimeout * 2 ** this.#attempts, longestTimeout);
  }
}

/** A number that the server granted; it may grant less than was asked, never more. Raises TFTP_OPTION_INVALID. */
function granted(options: TftpOptions, name: string, most: number): number | undefined {
  const text = options.get(name);
  if (text === undefined) return undefined;
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  const least = name === 'tsize' ? 0 : 1;
  if (value >= least && value <= most) return value;
  throw new ProtocolError('TFTP_OPTION_INVALID', `the server granted ${name} ${text}, ${most} is the most`);
}
