/** A logical unit behind an iSCSI session, as a Device: what reads and writes blocks here does not know that they are elsewhere. */

import type { Capabilities, Device, Extent, WriteOptions } from '../block/device.ts';
import { DisklessError } from '../bytes/index.ts';
import type { Clock } from '../os/clock.ts';
import { AdditionalSense } from '../scsi/additional-sense.ts';
import { SynchronizeCache10Cdb, Transfer10Cdb, Transfer16Cdb, UnmapCdb, WriteSame16Cdb } from '../scsi/cdb.ts';
import { commandTable } from '../scsi/command-table.ts';
import { CachingPage, ModePageCode } from '../scsi/mode/page-layouts.ts';
import { ModeHeader6 } from '../scsi/mode/parameter-header.ts';
import { SenseKey } from '../scsi/sense.ts';
import { encodeUnmap } from '../scsi/unmap.ts';
import { BlockLimits, LogicalBlockProvisioning, VitalProductDataPage } from '../scsi/vital-product-data.ts';
import { slice } from './data-out.ts';
import { type Capacity, LogicalUnit } from './logical-unit.ts';
import { type CommandExecutor, ScsiError, type ScsiRequest } from './scsi-request.ts';

/** How the unit gives blocks back so that they read as zeros. */
type ZeroingMethod = 'unmap' | 'write-same' | 'write';

/** What the unit's pages say, in blocks. */
interface Limits {
  readonly capacity: Capacity;
  readonly supportedPages: ReadonlySet<number>;
  readonly readOnly: boolean;
  readonly writeCache: boolean;
  readonly fua: boolean;
  readonly maximumTransfer: number;
  readonly maximumUnmap: number;
  readonly maximumWriteSame: number;
  readonly unmapping: ZeroingMethod;
  readonly zeroing: ZeroingMethod;
}

/** Bytes of one READ or WRITE when the unit names no limit: large enough to fill a link, small enough to be fair. */
const TRANSFER_BYTES = 1 << 20;
/** The TRANSFER LENGTH of READ(10) and WRITE(10) has 16 bits. */
const MAX_TRANSFER_10 = 0xffff;
const MAX_ADDRESS_10 = 0xffff_ffff;
/** Bytes of zeros that one WRITE carries where the unit cannot do it by itself. */
const ZEROS = new Uint8Array(1 << 16);
/** Blocks of one UNMAP or WRITE SAME: the counts have 32 bits, and long commands time out. */
const MAX_ZEROING_BLOCKS = 1 << 22;

/**
 * Opens a unit of a session: waits until it is ready, asks for its size and abilities. The session stays the caller's: closing the
 * device does not log out. Raises ScsiError, SCSI_CAPACITY, and what the session raises.
 */
export async function openRemoteDevice(session: CommandExecutor, lun: Uint8Array, clock: Clock): Promise<RemoteDevice> {
  const unit = new LogicalUnit(session, lun, clock);
  await unit.testUnitReady();
  return new RemoteDevice(unit, await readLimits(unit));
}

async function readLimits(unit: LogicalUnit): Promise<Limits> {
  const capacity = await unit.readCapacity();
  // Asked for a page that it does not have, istgt answers as RFC 7143 §7.7 ends sessions for.
  const supported = await unit.supportedPages();
  const page = async (code: number) => (supported.has(code) ? unit.vitalProductData(code) : undefined);
  const limits = viewOf(BlockLimits, await page(VitalProductDataPage.blockLimits));
  const provisioning = viewOf(LogicalBlockProvisioning, await page(VitalProductDataPage.logicalBlockProvisioning));
  const mode = await unit.modeSense(ModePageCode.caching);
  const header = mode === undefined || mode.length < ModeHeader6.size ? undefined : ModeHeader6.view(mode);
  const writeSame = Number(limits?.maximumWriteSameLength ?? 0n);
  const unmapsToZeros =
    provisioning?.unmap === true && capacity.unmappedReadsZeros && (limits?.maximumUnmapLbaCount ?? 0) > 0;
  // WRITE SAME gives zeros whether or not the unit unmaps, since the zeros are what it is told to write (SBC-3, WRITE SAME).
  const bySame: ZeroingMethod = provisioning?.writeSame16Unmap === true || writeSame > 0 ? 'write-same' : 'write';
  return {
    capacity,
    supportedPages: supported,
    readOnly: header?.writeProtected ?? false,
    writeCache: cachingPageOf(mode)?.writeCacheEnable ?? true,
    fua: header?.dpoFuaSupported ?? false,
    maximumTransfer: Math.min(
      limits?.maximumTransferLength || Number.POSITIVE_INFINITY,
      Math.max(1, TRANSFER_BYTES / capacity.blockSize),
    ),
    maximumUnmap: Math.min(limits?.maximumUnmapLbaCount ?? 0, MAX_ZEROING_BLOCKS),
    maximumWriteSame: Math.min(writeSame || MAX_ZEROING_BLOCKS, MAX_ZEROING_BLOCKS),
    unmapping: unmapsToZeros ? 'unmap' : bySame,
    zeroing: bySame,
  };
}

/** A view of a page that may be shorter than its newest layout. */
function viewOf<V>(
  page: { readonly size: number; view(source: Uint8Array): V },
  data: Uint8Array | undefined,
): V | undefined {
  if (data === undefined) return undefined;
  const whole = new Uint8Array(page.size);
  whole.set(data.subarray(0, page.size));
  return page.view(whole);
}

function cachingPageOf(mode: Uint8Array | undefined) {
  if (mode === undefined || mode.length < ModeHeader6.size) return undefined;
  const at = ModeHeader6.size + ModeHeader6.view(mode).blockDescriptorLength;
  const page = viewOf(CachingPage, mode.subarray(at));
  return page?.pageCode === ModePageCode.caching ? page : undefined;
}

export class RemoteDevice implements Device {
  readonly unit: LogicalUnit;
  readonly size: number;
  readonly blockSize: number;
  readonly physicalBlockSize: number;
  readonly readOnly: boolean;
  readonly capabilities: Capabilities;
  /** The codes of the pages of vital product data that the unit has. */
  readonly supportedPages: ReadonlySet<number>;
  readonly #limits: Limits;
  readonly #wide: boolean;

  constructor(unit: LogicalUnit, limits: Limits) {
    const { capacity } = limits;
    this.unit = unit;
    this.size = capacity.blocks * capacity.blockSize;
    this.blockSize = capacity.blockSize;
    this.physicalBlockSize = capacity.physicalBlockSize;
    this.readOnly = limits.readOnly;
    this.supportedPages = limits.supportedPages;
    this.#limits = limits;
    this.#wide = capacity.blocks - 1 > MAX_ADDRESS_10;
    this.capabilities = {
      flush: limits.writeCache ? 'native' : 'none',
      fua: limits.fua ? 'native' : 'emulated',
      unmap: limits.unmapping === 'write' ? 'emulated' : 'native',
      writeZeroes: limits.zeroing === 'write' ? 'emulated' : 'native',
      extents: 'none',
    };
  }

  async read(offset: number, length: number): Promise<readonly Uint8Array[]> {
    const limit = this.#limits.maximumTransfer * this.blockSize;
    if (length <= limit) return this.#read(offset, length);
    const parts = await Promise.all(
      pieces(offset, length, limit).map((piece) => this.#read(piece.offset, piece.length)),
    );
    return parts.flat();
  }

  async #read(offset: number, length: number): Promise<readonly Uint8Array[]> {
    const { title } = commandTable.read10;
    const result = await this.#run(title, { cdb: this.#transfer('read', offset, length, false), readLength: length });
    if (result.dataLength === length) return result.data;
    throw new DisklessError(
      'DEVICE_IO',
      `the target returned ${result.dataLength} of ${length} bytes at offset ${offset}`,
      {
        hint: "The target's own log says more.",
      },
    );
  }

  async write(offset: number, data: readonly Uint8Array[], options: WriteOptions = {}): Promise<void> {
    const length = data.reduce((sum, part) => sum + part.length, 0);
    const native = options.fua === true && this.#limits.fua;
    const limit = this.#limits.maximumTransfer * this.blockSize;
    await Promise.all(
      pieces(offset, length, limit).map((piece) =>
        this.#run(commandTable.write10.title, {
          cdb: this.#transfer('write', piece.offset, piece.length, native),
          write: slice(data, piece.offset - offset, piece.length),
        }),
      ),
    );
    if (options.fua === true && !native) await this.flush();
  }

  async flush(): Promise<void> {
    if (!this.#limits.writeCache) return;
    const { title, operationCode } = commandTable.synchronizeCache10;
    // No address and no length: the whole unit (SBC-3, SYNCHRONIZE CACHE).
    await this.#run(title, { cdb: SynchronizeCache10Cdb.encode({ operationCode }) });
  }

  unmap(offset: number, length: number): Promise<void> {
    return this.#zero(this.#limits.unmapping, offset, length);
  }

  async writeZeroes(offset: number, length: number, options: WriteOptions = {}): Promise<void> {
    await this.#zero(this.#limits.zeroing, offset, length);
    if (options.fua === true) await this.flush();
  }

  async #zero(method: ZeroingMethod, offset: number, length: number): Promise<void> {
    const { maximumUnmap, maximumWriteSame } = this.#limits;
    const blocks = { unmap: maximumUnmap, 'write-same': maximumWriteSame, write: ZEROS.length / this.blockSize }[
      method
    ];
    for (const piece of pieces(offset, length, blocks * this.blockSize)) {
      if (method === 'unmap') await this.#unmap(piece);
      else if (method === 'write-same') await this.#writeSame(piece);
      else await this.write(piece.offset, [ZEROS.subarray(0, piece.length)]);
    }
  }

  async #unmap(piece: Piece): Promise<void> {
    const { title, operationCode } = commandTable.unmap;
    const parameters = encodeUnmap([
      { logicalBlockAddress: BigInt(piece.offset / this.blockSize), numberOfBlocks: piece.length / this.blockSize },
    ]);
    const cdb = UnmapCdb.encode({ operationCode, parameterListLength: parameters.length });
    await this.#run(title, { cdb, write: [parameters] });
  }

  async #writeSame(piece: Piece): Promise<void> {
    const { title, operationCode } = commandTable.writeSame16;
    const cdb = WriteSame16Cdb.encode({
      operationCode,
      unmap: this.#limits.capacity.provisioningManagementEnabled,
      logicalBlockAddress: piece.offset / this.blockSize,
      numberOfBlocks: piece.length / this.blockSize,
    });
    await this.#run(title, { cdb, write: [ZEROS.subarray(0, this.blockSize)] });
  }

  /** Where data lies is the target's own business: everything counts as data. */
  extents(offset: number, length: number): readonly Extent[] {
    return [{ offset, length, allocated: true, zero: false }];
  }

  /** Sends what is cached to the medium. The session goes on. */
  async close(): Promise<void> {
    if (!this.readOnly) await this.flush();
  }

  #transfer(direction: 'read' | 'write', offset: number, length: number, forceUnitAccess: boolean): Uint8Array {
    const logicalBlockAddress = offset / this.blockSize;
    const transferLength = length / this.blockSize;
    if (this.#wide || transferLength > MAX_TRANSFER_10) {
      const { operationCode } = direction === 'read' ? commandTable.read16 : commandTable.write16;
      return Transfer16Cdb.encode({ operationCode, forceUnitAccess, logicalBlockAddress, transferLength });
    }
    const { operationCode } = direction === 'read' ? commandTable.read10 : commandTable.write10;
    return Transfer10Cdb.encode({ operationCode, forceUnitAccess, logicalBlockAddress, transferLength });
  }

  /** SCSI's failures as a Device's. */
  async #run(title: string, request: Omit<ScsiRequest, 'lun'>) {
    try {
      return await this.unit.command(title, request);
    } catch (error) {
      throw error instanceof ScsiError ? deviceError(error) : error;
    }
  }
}

function deviceError(error: ScsiError): DisklessError {
  const full = error.sense?.code === AdditionalSense.spaceAllocationFailedWriteProtect;
  const protectedMedium = error.sense?.key === SenseKey.dataProtect;
  const code = full ? 'DEVICE_NO_SPACE' : protectedMedium ? 'DEVICE_READ_ONLY' : 'DEVICE_IO';
  return new DisklessError(code, error.message, { cause: error, hint: "The target's own log says more." });
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
