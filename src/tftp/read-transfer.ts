/**
 * The server's side of one read: OACK, then windows of DATA until the short block that ends the file. It holds none of the data: a
 * thousand of them take no more memory than the file.
 *
 * One socket (TID) of the owner's serves one transfer: the owner sends to the client what `start`, `receive` and `poll` give, calls
 * `poll` at `deadline`, and closes when there is an `outcome`. Times are milliseconds on a clock that never jumps.
 */

import { DisklessError, ProtocolError } from '../bytes/index.ts';
import type { BlockSource, SourceBlock } from './block-source.ts';
import type { TransferParameters } from './negotiation.ts';
import { decodePacket, ErrorCode, encodePacket, errorPacket, Opcode } from './packet.ts';

export type TransferOutcome =
  | { readonly type: 'complete' }
  /** The client ended it. PXE ROMs do that on purpose after they have learned the size. */
  | { readonly type: 'aborted'; readonly code: number; readonly message: string }
  /** TFTP_TIMEOUT, TFTP_PACKET_INVALID, or what reading the file raised. */
  | { readonly type: 'failed'; readonly error: unknown };

const firstTimeout = 1000;
const longestTimeout = 8000;
/** Repetitions without any progress, each after silence, before the client is given up. */
const mostAttempts = 6;
/** Milliseconds without any progress after which a client is given up that is not silent and asks for the same again and again. */
const longestStandstill = 60_000;
const blockNumbers = 0x1_0000;
/** Milliseconds in which an ACK that was not meant to ask for anything is followed by one that confirms something. */
const settleTime = 200;

export class ReadTransfer {
  readonly #source: BlockSource;
  readonly #parameters: TransferParameters;
  /** Where the blocks that are sent and not acknowledged begin in the file, oldest first. */
  #window: number[] = [];
  /** Where the block after them begins. */
  #place = 0;
  /** Number of the window's first block, counted from 1 and not wrapped. */
  #base = 1;
  /** Bytes in the block that ends the file, once it has been read. */
  #lastLength: number | undefined;
  #awaitsOptionAck: boolean;
  #attempts = 0;
  #progressAt = 0;
  /** What `#deadline` is for: whether a better ACK follows, and not the client's silence. */
  #isSettling = false;
  /** Up to this block an ACK that asks for something again may itself come from blocks that came twice. */
  #doubtedUntil = 0;
  #deadline: number | undefined;
  #outcome: TransferOutcome | undefined;
  #acknowledged = 0;

  constructor(source: BlockSource, parameters: TransferParameters) {
    this.#source = source;
    this.#parameters = parameters;
    this.#awaitsOptionAck = parameters.granted.size > 0;
  }

  get deadline(): number | undefined {
    return this.#deadline;
  }

  /** How it ended; undefined while it runs. */
  get outcome(): TransferOutcome | undefined {
    return this.#outcome;
  }

  /** Bytes of the file (in the transfer's mode) that the client has confirmed. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Nothing was confirmed yet: a repeated request is a retransmission. */
  get isFresh(): boolean {
    return this.#base === 1;
  }

  start(now: number): Uint8Array[] {
    this.#progressed(now);
    if (this.#awaitsOptionAck) return [this.#optionAck()];
    return this.#fill();
  }

  receive(datagram: Uint8Array, now: number): Uint8Array[] {
    if (this.#outcome !== undefined) return [];
    try {
      const packet = decodePacket(datagram);
      if (packet.opcode === Opcode.ack) return this.#acked(packet.block, now);
      if (packet.opcode !== Opcode.error) throw new ProtocolError('TFTP_PACKET_INVALID', 'neither ACK nor ERROR');
      this.#end({ type: 'aborted', code: packet.code, message: packet.message });
      return [];
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#end({ type: 'failed', error });
      return [errorPacket(ErrorCode.illegalOperation, error.message)];
    }
  }

  /** Sends again what was not acknowledged, or gives up. */
  poll(now: number): Uint8Array[] {
    if (this.#deadline === undefined || now < this.#deadline) return [];
    const isHopeless = this.#isSettling ? now - this.#progressAt >= longestStandstill : this.#attempts >= mostAttempts;
    if (isHopeless) {
      const how = this.#isSettling ? `${longestStandstill / 1000} s` : `${mostAttempts} repetitions`;
      const what = `the client has not acknowledged block ${this.#base} after ${how}`;
      this.#end({ type: 'failed', error: new DisklessError('TFTP_TIMEOUT', what) });
      return [errorPacket(ErrorCode.notDefined, 'timed out')];
    }
    if (!this.#isSettling) this.#attempts++;
    this.#arm(now);
    return this.#awaitsOptionAck ? [this.#optionAck()] : this.#again();
  }

  #acked(number: number, now: number): Uint8Array[] {
    if (this.#awaitsOptionAck) {
      if (number !== 0) return [];
      this.#awaitsOptionAck = false;
      this.#progressed(now);
      return this.#fill();
    }
    // The block before the window counts as zero new ones; an older ACK comes out larger than the window.
    const confirmed = (number - (this.#base - 1)) & 0xffff;
    if (confirmed > this.#window.length) return [];
    if (confirmed === 0) return this.#parameters.windowSize === 1 ? [] : this.#askedAgain(now);
    this.#window.splice(0, confirmed);
    this.#base += confirmed;
    this.#acknowledged += confirmed * this.#parameters.blockSize;
    if (this.#window.length === 0 && this.#lastLength !== undefined) {
      this.#acknowledged += this.#lastLength - this.#parameters.blockSize;
      this.#end({ type: 'complete' });
      return [];
    }
    this.#progressed(now);
    const again = this.#window.length === 0 ? [] : this.#askedAgain(now);
    return this.#outcome === undefined ? [...again, ...this.#fill()] : again;
  }

  /**
   * RFC 7440 §4: an ACK inside the window, or of the block before it, says that what follows was lost. But a block that came twice is
   * acknowledged twice by many a client; were every such ACK heeded, each repetition would breed another to the end of the file (the
   * Sorcerer's Apprentice, RFC 1123 §4.2.3.1). So for a window after something was sent twice it is awaited whether a better ACK
   * follows. Without windows a repeated ACK says nothing at all.
   */
  #askedAgain(now: number): Uint8Array[] {
    if (this.#base >= this.#doubtedUntil) return this.#again();
    const settled = now + settleTime;
    if (this.#deadline === undefined || settled < this.#deadline) {
      this.#deadline = settled;
      this.#isSettling = true;
    }
    return [];
  }

  /** What was sent and not acknowledged. */
  #again(): Uint8Array[] {
    this.#doubtedUntil = this.#base + this.#window.length + this.#parameters.windowSize;
    return this.#reading(() =>
      this.#window.map((place, index) => this.#packet(this.#base + index, this.#read(place).data)),
    );
  }

  /** Reads blocks until the window is full; gives the new packets. */
  #fill(): Uint8Array[] {
    return this.#reading(() => {
      const fresh: Uint8Array[] = [];
      while (this.#lastLength === undefined && this.#window.length < this.#parameters.windowSize) {
        const { data, next } = this.#read(this.#place);
        fresh.push(this.#packet(this.#base + this.#window.length, data));
        this.#window.push(this.#place);
        this.#place = next;
        if (data.length < this.#parameters.blockSize) this.#lastLength = data.length;
      }
      return fresh;
    });
  }

  #read(place: number): SourceBlock {
    return this.#source.read(place, this.#parameters.blockSize);
  }

  #packet(number: number, data: Uint8Array): Uint8Array {
    return encodePacket({ opcode: Opcode.data, block: number % blockNumbers, data });
  }

  #reading(read: () => Uint8Array[]): Uint8Array[] {
    try {
      return read();
    } catch (error) {
      this.#end({ type: 'failed', error });
      return [errorPacket(ErrorCode.notDefined, 'the file cannot be read')];
    }
  }

  #optionAck(): Uint8Array {
    return encodePacket({ opcode: Opcode.optionAck, options: this.#parameters.granted });
  }

  #progressed(now: number): void {
    this.#attempts = 0;
    this.#progressAt = now;
    this.#arm(now);
  }

  #arm(now: number): void {
    const backoff = Math.min(firstTimeout * 2 ** this.#attempts, longestTimeout);
    this.#deadline = now + (this.#parameters.timeout ?? backoff);
    this.#isSettling = false;
  }

  #end(outcome: TransferOutcome): void {
    this.#outcome = outcome;
    this.#deadline = undefined;
    this.#window = [];
  }
}
