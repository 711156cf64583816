/** An export of an NBD server as a Device. */

import { DisklessError, totalLength } from '../bytes/index.ts';
import type { ClientAgreement } from '../nbd/client-handshake.ts';
import { type ClientRequest, type ClientResult, NbdError } from '../nbd/outstanding.ts';
import { AllocationState, Command, CommandFlag, ErrorValue, TransmissionFlag } from '../nbd/protocol.ts';
import type { StreamConnection } from '../os/network.ts';
import type { Capabilities, Device, Extent, WriteOptions } from './device.ts';
import { deviceError, readOnlyError } from './device-error.ts';
import { NbdClient, type NbdClientOptions } from './nbd-client.ts';

export interface NbdDeviceOptions extends NbdClientOptions {
  /** 512 or 4096; default: the smallest of them that the server takes. */
  readonly blockSize?: number;
  /** Default: what the server prefers. */
  readonly physicalBlockSize?: number;
  /** Default false. */
  readonly readOnly?: boolean;
}

/** Bytes of one request: what is longer goes in several. */
const MAX_TRANSFER = 1 << 20;
const MAX_PHYSICAL_BLOCK = 65_536;
/** Bytes of one WRITE_ZEROES or BLOCK_STATUS, which carry nothing. */
const MAX_RANGE = 1 << 30;
const ZEROS = new Uint8Array(1 << 16);

/**
 * Takes over the connection and opens the export. Raises NBD_TIMEOUT, NBD_CONNECTION_LOST, NBD_BLOCK_SIZE, DEVICE_SIZE, and what the
 * handshake raises.
 */
export async function openNbdDevice(stream: StreamConnection, options: NbdDeviceOptions): Promise<NbdDevice> {
  const client = new NbdClient(stream, options);
  try {
    return new NbdDevice(client, await client.agreed, options);
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

export class NbdDevice implements Device {
  readonly size: number;
  readonly blockSize: number;
  readonly physicalBlockSize: number;
  readonly readOnly: boolean;
  readonly capabilities: Capabilities;
  readonly #client: NbdClient;
  readonly #flags: number;
  readonly #maxTransfer: number;
  readonly #hasAllocation: boolean;

  constructor(client: NbdClient, agreement: ClientAgreement, options: NbdDeviceOptions) {
    const { size, transmissionFlags, blockSize, allocationContext } = agreement;
    this.#client = client;
    this.#flags = transmissionFlags;
    this.#hasAllocation = allocationContext !== undefined;
    this.blockSize = chooseBlockSize(blockSize, options.blockSize);
    if (size === 0 || size % this.blockSize !== 0 || !Number.isSafeInteger(size)) {
      throw new DisklessError('DEVICE_SIZE', `the NBD export has ${size} bytes, no whole number of blocks`, {
        hint: `Serve a disk whose size is a multiple of ${this.blockSize}.`,
      });
    }
    this.size = size;
    this.physicalBlockSize = options.physicalBlockSize ?? physicalBlockSize(this.blockSize, blockSize.preferred);
    this.#maxTransfer = Math.min(MAX_TRANSFER, blockSize.maximum - (blockSize.maximum % this.blockSize));
    this.readOnly = options.readOnly === true || this.#can(TransmissionFlag.readOnly);
    const zeroing = this.#can(TransmissionFlag.sendWriteZeroes) ? 'native' : 'emulated';
    this.capabilities = {
      flush: this.#can(TransmissionFlag.sendFlush) ? 'native' : 'none',
      fua: this.#can(TransmissionFlag.sendFua) ? 'native' : 'emulated',
      unmap: zeroing,
      writeZeroes: zeroing,
      extents: this.#hasAllocation ? 'native' : 'none',
    };
  }

  async read(offset: number, length: number): Promise<readonly Uint8Array[]> {
    if (length <= this.#maxTransfer) return this.#read(offset, length);
    const parts = pieces(offset, length, this.#maxTransfer).map((piece) => this.#read(piece.offset, piece.length));
    return (await Promise.all(parts)).flat();
  }

  async #read(offset: number, length: number): Promise<readonly Uint8Array[]> {
    return (await this.#run('read', { command: Command.read, offset, length })).data;
  }

  async write(offset: number, data: readonly Uint8Array[], options?: WriteOptions): Promise<void> {
    this.#checkWritable();
    const wantsFua = options?.fua === true;
    const flags = wantsFua && this.#can(TransmissionFlag.sendFua) ? CommandFlag.fua : 0;
    const length = totalLength(data);
    const command = Command.write;
    if (length <= this.#maxTransfer) await this.#run('write', { command, flags, offset, length, data });
    else {
      const parts = pieces(offset, length, this.#maxTransfer).map((piece) =>
        this.#run('write', { command, flags, ...piece, data: slices(data, piece.offset - offset, piece.length) }),
      );
      await Promise.all(parts);
    }
    if (wantsFua && flags === 0) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.readOnly || !this.#can(TransmissionFlag.sendFlush)) return;
    await this.#run('flush', { command: Command.flush });
  }

  /** By WRITE_ZEROES, which may make a hole: what a TRIM leaves behind may read as anything (NBD "NBD_CMD_TRIM"). */
  unmap(offset: number, length: number): Promise<void> {
    return this.writeZeroes(offset, length);
  }

  async writeZeroes(offset: number, length: number, options?: WriteOptions): Promise<void> {
    this.#checkWritable();
    const isNative = this.#can(TransmissionFlag.sendWriteZeroes);
    for (const piece of pieces(offset, length, isNative ? MAX_RANGE : ZEROS.length)) {
      if (isNative) await this.#run('write zeros to', { command: Command.writeZeroes, ...piece });
      else await this.write(piece.offset, [ZEROS.subarray(0, piece.length)]);
    }
    if (options?.fua === true) await this.flush();
  }

  async extents(offset: number, length: number): Promise<readonly Extent[]> {
    if (!this.#hasAllocation) return [{ offset, length, allocated: true, zero: false }];
    const extents: Extent[] = [];
    const end = offset + length;
    for (let at = offset; at < end; ) {
      const asked = Math.min(MAX_RANGE, end - at);
      const { statuses } = await this.#run('ask about', { command: Command.blockStatus, offset: at, length: asked });
      for (const { length: run, flags } of statuses) {
        // The last run may reach beyond what was asked about.
        const length = Math.min(run, end - at);
        if (length === 0) break;
        const isZero = (flags & AllocationState.zero) !== 0;
        extents.push({ offset: at, length, allocated: (flags & AllocationState.hole) === 0, zero: isZero });
        at += length;
      }
    }
    return extents;
  }

  /** Flushes, and says goodbye to the server. */
  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.#client.close();
    }
  }

  #can(flag: number): boolean {
    return (this.#flags & flag) !== 0;
  }

  #checkWritable(): void {
    if (this.readOnly) throw readOnlyError('the NBD export');
  }

  async #run(verb: string, request: ClientRequest): Promise<ClientResult> {
    try {
      return await this.#client.request(request);
    } catch (error) {
      throw asDeviceError(error, `${verb} the NBD export`);
    }
  }
}

function asDeviceError(error: unknown, what: string): DisklessError {
  if (error instanceof NbdError) {
    if (error.error === ErrorValue.noSpace)
      return new DisklessError('DEVICE_NO_SPACE', error.message, { cause: error });
    if (error.error === ErrorValue.notPermitted) return readOnlyError('the NBD export');
  }
  return deviceError(error, what);
}

function chooseBlockSize({ minimum, maximum }: ClientAgreement['blockSize'], wanted: number | undefined): number {
  const blockSize = wanted ?? (minimum <= 512 ? 512 : 4096);
  if (minimum <= blockSize && blockSize <= maximum) return blockSize;
  const range = `the NBD server takes ${minimum} to ${maximum} bytes at once, and not a block of ${blockSize}`;
  throw new DisklessError('NBD_BLOCK_SIZE', range, {
    hint: 'Ask for blocks of 4096 bytes, or let the server take smaller ones.',
  });
}

/** A power of two, as SCSI can tell it, from what may be any number of bytes. */
function physicalBlockSize(blockSize: number, preferred: number): number {
  const power = 2 ** Math.floor(Math.log2(Math.max(1, preferred)));
  return Math.max(blockSize, Math.min(power, MAX_PHYSICAL_BLOCK));
}

interface Piece {
  readonly offset: number;
  readonly length: number;
}

function pieces(offset: number, length: number, limit: number): Piece[] {
  const result: Piece[] = [];
  for (let at = offset; at < offset + length; at += limit) {
    result.push({ offset: at, length: Math.min(limit, offset + length - at) });
  }
  return result;
}

/** A part of several buffers, not copied. */
function slices(data: readonly Uint8Array[], offset: number, length: number): Uint8Array[] {
  const result: Uint8Array[] = [];
  let skip = offset;
  let left = length;
  for (const part of data) {
    const piece = part.subarray(skip, skip + left);
    skip = Math.max(0, skip - part.length);
    if (piece.length > 0) result.push(piece);
    left -= piece.length;
  }
  return result;
}
