/** The commands that a disk needs, as calls: each answer decoded, unit attentions and busy targets waited out. */

import { DisklessError, inOnePiece } from '../bytes/index.ts';
import { type Clock, pause } from '../os/clock.ts';
import { AdditionalSense } from '../scsi/additional-sense.ts';
import { CAPACITY_BEYOND_32_BITS, ReadCapacity10Data, ReadCapacity16Data } from '../scsi/capacity.ts';
import {
  InquiryCdb,
  ModeSense6Cdb,
  ReadCapacity10Cdb,
  ReadCapacity16Cdb,
  ReportLunsCdb,
  TestUnitReadyCdb,
} from '../scsi/cdb.ts';
import { commandTable } from '../scsi/command-table.ts';
import { decodeStandardInquiry, type Inquiry } from '../scsi/inquiry.ts';
import { LUN_LENGTH } from '../scsi/lun.ts';
import { ModeSubpageCode } from '../scsi/mode/page-layouts.ts';
import { decodeLunList } from '../scsi/report-luns.ts';
import { type Sense, SenseKey } from '../scsi/sense.ts';
import { Status } from '../scsi/status.ts';
import { pageContent, VitalProductDataPage } from '../scsi/vital-product-data.ts';
import { type CommandExecutor, ScsiError, type ScsiRequest, type ScsiResult } from './scsi-request.ts';

export interface Capacity {
  readonly blockSize: number;
  readonly blocks: number;
  readonly physicalBlockSize: number;
  /** LBPME: blocks can be given back. VPD page B2h says whether that gains the unit room. */
  readonly provisioningManagementEnabled: boolean;
  readonly unmappedReadsZeros: boolean;
}

/** A unit attention is reported once per cause, and several can wait after a login. */
const MAX_UNIT_ATTENTIONS = 16;
/** Milliseconds between tries when the target is busy or not ready yet. */
const RETRY_DELAY = 250;
/** Milliseconds after which a unit that is still busy or becoming ready counts as failed. */
const READY_TIMEOUT = 30_000;

const INQUIRY_LENGTH = 96;
const PAGE_LENGTH = 255;
const LUN_LIST_LENGTH = 16 * 1024;
const MODE_LENGTH = 192;

export class LogicalUnit {
  readonly session: CommandExecutor;
  /** Eight bytes. */
  readonly lun: Uint8Array;
  readonly #clock: Clock;

  constructor(session: CommandExecutor, lun: Uint8Array, clock: Clock) {
    this.session = session;
    this.lun = lun;
    this.#clock = clock;
  }

  /**
   * Runs a command until it is done: it is sent again after a unit attention, and a little later when the target is busy. Raises
   * ScsiError when it ends in another way, and what the session raises.
   */
  async command(title: string, request: Omit<ScsiRequest, 'lun'>): Promise<ScsiResult> {
    const started = this.#clock.monotonic();
    for (let attentions = 0; ; ) {
      const result = await this.session.execute({ ...request, lun: this.lun });
      if (result.status === Status.good || result.status === Status.conditionMet) return result;
      const waited = this.#clock.monotonic() - started;
      if (result.sense?.key === SenseKey.unitAttention && attentions < MAX_UNIT_ATTENTIONS) attentions += 1;
      else if (passes(result.status, result.sense) && waited < READY_TIMEOUT) await pause(this.#clock, RETRY_DELAY);
      else throw new ScsiError(title, result);
    }
  }

  testUnitReady(): Promise<ScsiResult> {
    const { title, operationCode } = commandTable.testUnitReady;
    return this.command(title, { cdb: TestUnitReadyCdb.encode({ operationCode }) });
  }

  async inquiry(): Promise<Inquiry> {
    const { title, operationCode } = commandTable.inquiry;
    const cdb = InquiryCdb.encode({ operationCode, allocationLength: INQUIRY_LENGTH });
    return decodeStandardInquiry(inOnePiece((await this.command(title, { cdb, readLength: INQUIRY_LENGTH })).data));
  }

  /** The whole page with its header, or undefined when the unit does not have it. */
  async vitalProductData(pageCode: number): Promise<Uint8Array | undefined> {
    const { title, operationCode } = commandTable.inquiry;
    const cdb = InquiryCdb.encode({
      operationCode,
      enableVitalProductData: true,
      pageCode,
      allocationLength: PAGE_LENGTH,
    });
    const result = await this.#optional(this.command(title, { cdb, readLength: PAGE_LENGTH }));
    const page = result && inOnePiece(result.data);
    return page !== undefined && pageContent(pageCode, page) !== undefined ? page : undefined;
  }

  /** The codes of the pages that the unit says it has. Without that list it has none that anybody may rely on. */
  async supportedPages(): Promise<ReadonlySet<number>> {
    const code = VitalProductDataPage.supportedPages;
    const page = await this.vitalProductData(code);
    return new Set(page && pageContent(code, page));
  }

  /** The mode parameters with their header(6), or undefined when the unit does not know the page. */
  async modeSense(pageCode: number, subpageCode: number = ModeSubpageCode.none): Promise<Uint8Array | undefined> {
    const { title, operationCode } = commandTable.modeSense6;
    const cdb = ModeSense6Cdb.encode({
      operationCode,
      disableBlockDescriptors: true,
      pageCode,
      subpageCode,
      allocationLength: MODE_LENGTH,
    });
    const result = await this.#optional(this.command(title, { cdb, readLength: MODE_LENGTH }));
    return result && inOnePiece(result.data);
  }

  /** By READ CAPACITY(16), or (10) where the unit does not know that. */
  async readCapacity(): Promise<Capacity> {
    const { title, operationCode, serviceAction } = commandTable.readCapacity16;
    const allocationLength = ReadCapacity16Data.size;
    const cdb = ReadCapacity16Cdb.encode({ operationCode, serviceAction, allocationLength });
    const result = await this.#optional(this.command(title, { cdb, readLength: allocationLength }));
    if (result === undefined || result.dataLength < 12) return this.#readCapacity10();
    const data = new Uint8Array(allocationLength);
    data.set(inOnePiece(result.data));
    const view = ReadCapacity16Data.view(data);
    return {
      ...this.#size(Number(view.lastLogicalBlockAddress), view.blockLength),
      physicalBlockSize: view.blockLength * 2 ** view.logicalBlocksPerPhysicalBlockExponent,
      provisioningManagementEnabled: view.provisioningManagementEnabled,
      unmappedReadsZeros: view.provisioningReadsZeros,
    };
  }

  async #readCapacity10(): Promise<Capacity> {
    const { title, operationCode } = commandTable.readCapacity10;
    const cdb = ReadCapacity10Cdb.encode({ operationCode });
    const result = await this.command(title, { cdb, readLength: ReadCapacity10Data.size });
    const view = ReadCapacity10Data.view(inOnePiece(result.data));
    if (view.lastLogicalBlockAddress === CAPACITY_BEYOND_32_BITS)
      throw capacityImplausible('more blocks than it can address');
    return {
      ...this.#size(view.lastLogicalBlockAddress, view.blockLength),
      physicalBlockSize: view.blockLength,
      provisioningManagementEnabled: false,
      unmappedReadsZeros: false,
    };
  }

  /** Nothing further up is safe with a size that numbers cannot hold, or with blocks of no known length. */
  #size(lastBlock: number, blockSize: number): { blocks: number; blockSize: number } {
    const blocks = lastBlock + 1;
    if (!Number.isSafeInteger(blocks * blockSize)) throw capacityImplausible(`${blocks} blocks`);
    if (blockSize < 512 || blockSize > 65_536 || (blockSize & (blockSize - 1)) !== 0) {
      throw capacityImplausible(`blocks of ${blockSize} bytes`);
    }
    return { blocks, blockSize };
  }

  /** Undefined when the unit says that it does not know the command or the page. */
  async #optional(command: Promise<ScsiResult>): Promise<ScsiResult | undefined> {
    try {
      return await command;
    } catch (error) {
      if (error instanceof ScsiError && error.sense?.key === SenseKey.illegalRequest) return undefined;
      throw error;
    }
  }
}

/** The numbers of all units of a target. LUN 0 answers for them even where it is no unit itself (SPC-4, REPORT LUNS). */
export async function reportLuns(session: CommandExecutor, clock: Clock): Promise<number[]> {
  const { title, operationCode } = commandTable.reportLuns;
  const unit = new LogicalUnit(session, new Uint8Array(LUN_LENGTH), clock);
  const cdb = ReportLunsCdb.encode({ operationCode, allocationLength: LUN_LIST_LENGTH });
  return decodeLunList(inOnePiece((await unit.command(title, { cdb, readLength: LUN_LIST_LENGTH })).data)).luns;
}

/** Whether it is only a matter of time: the target is busy, or the unit becomes ready. */
function passes(status: number, sense: Sense | undefined): boolean {
  if (status === Status.busy || status === Status.taskSetFull) return true;
  return sense?.key === SenseKey.notReady && sense.code === AdditionalSense.logicalUnitIsInProcessOfBecomingReady;
}

function capacityImplausible(what: string): DisklessError {
  return new DisklessError('SCSI_CAPACITY', `the logical unit claims ${what}`, {
    hint: 'This program reads disks with blocks of 512 to 65536 bytes and sizes below 8 PiB.',
  });
}
