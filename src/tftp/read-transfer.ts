/**
 * The server's side of one read: OACK, then windows of DATA until the short block that ends the file.
 *
 * One socket (TID) of the owner's serves one transfer: the owner sends to the client what `start`, `receive` and `poll` give, calls
 * `poll` at `deadline`, and closes when there is an `outcome`. Times are milliseconds on a clock that never jumps.
 */

import { DisklessError, ProtocolError } from '../bytes/index.ts';
import type { BlockSource } from './block-source.ts';
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
/** Repetitions without any progress before the client is given up. */
const mostAttempts = 6;
const blockNumbers = 0x1_0000;

export class ReadTransfer {
  readonly #source: BlockSource;
  readonly #parameters: TransferParameters;
  /** Packets that are sent and not acknowledged, oldest first. */
  #window: Uint8Array[] = [];
  /** Number of the window's first block, counted from 1 and not wrapped. */
  #base = 1;
  #lastBlockRead = false;
  #awaitsOptionAck: boolean;
  #attempts = 0;
  /** The window has been sent again because of a repeated ACK: once is enough, or every repetition would breed another. */
  #resent = false;
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
    this.#arm(now);
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
    if (this.#attempts >= mostAttempts) {
      const what = `the client has not acknowledged block ${this.#base} after ${mostAttempts} repetitions`;
      this.#end({ type: 'failed', error: new DisklessError('TFTP_TIMEOUT', what) });
      return [errorPacket(ErrorCode.notDefined, 'timed out')];
    }
    this.#attempts++;
    this.#arm(now);
    return this.#awaitsOptionAck ? [this.#optionAck()] : [...this.#window];
  }

  #acked(number: number, now: number): Uint8Array[] {
    if (this.#awaitsOptionAck) {
      if (number !== 0) return [];
      this.#awaitsOptionAck = false;
      this.#attempts = 0;
      this.#arm(now);
      return this.#fill();
    }
    // The block before the window counts as zero new ones; an older ACK comes out larger than the window.
    const confirmed = (number - (this.#base - 1)) & 0xffff;
    if (confirmed > this.#window.length) return [];
    if (confirmed === 0) return this.#repeatedAck(now);
    for (const packet of this.#window.splice(0, confirmed)) this.#acknowledged += packet.length - 4;
    this.#base = this.#base + confirmed;
    this.#attempts = 0;
    this.#resent = false;
    if (this.#window.length === 0 && this.#lastBlockRead) {
      this.#end({ type: 'complete' });
      return [];
    }
    this.#arm(now);
    // RFC 7440 §4: an ACK inside the window asks for everything after it, the unconfirmed rest of the window first.
    return [...this.#window, ...this.#fill()];
  }

  /**
   * RFC 1123 §4.2.3.1: a repeated ACK must not bring the same DATA again (the Sorcerer's Apprentice). With windows it is how the
   * client says that the first block of the window was lost, and is heeded once.
   */
  #repeatedAck(now: number): Uint8Array[] {
    if (this.#parameters.windowSize === 1 || this.#resent) return [];
    this.#resent = true;
    this.#arm(now);
    return [...this.#window];
  }

  /** Reads blocks until the window is full; gives the new packets. */
  #fill(): Uint8Array[] {
    const fresh: Uint8Array[] = [];
    try {
      while (!this.#lastBlockRead && this.#window.length < this.#parameters.windowSize) {
        const data = this.#source.next(this.#parameters.blockSize);
        const block = (this.#base + this.#window.length) % blockNumbers;
        const packet = encodePacket({ opcode: Opcode.data, block, data });
        this.#lastBlockRead = data.length < this.#parameters.blockSize;
        this.#window.push(packet);
        fresh.push(packet);
      }
      return fresh;
    } catch (error) {
      this.#end({ type: 'failed', error });
      return [errorPacket(ErrorCode.notDefined, 'the file cannot be read')];
    }
  }

  #optionAck(): Uint8Array {
    return encodePacket({ opcode: Opcode.optionAck, options: this.#parameters.granted });
  }

  #arm(now: number): void {
    const backoff = Math.min(firstTimeout * 2 ** this.#attempts, longestTimeout);
    this.#deadline = now + (this.#parameters.timeout ?? backoff);
  }

  #end(outcome: TransferOutcome): void {
    this.#outcome = outcome;
    this.#deadline = undefined;
    this.#window = [];
  }
}
