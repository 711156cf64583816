/**
 * The copy manager of one logical unit (SPC-4): EXTENDED COPY and WRITE USING TOKEN move blocks between units of the target without
 * the initiator's network, POPULATE TOKEN gives a token for blocks, and other commands tell how that goes.
 */

import { channel } from 'node:diagnostics_channel';
import { DisklessError } from '../../bytes/index.ts';
import { AdditionalSense } from '../../scsi/additional-sense.ts';
import { type SenseFormat, SenseKey } from '../../scsi/sense.ts';
import {
  CopyOperationAbortCdb,
  encodeCopyOperation,
  encodeRodTokenInformation,
  ReceiveCopyOperationCdb,
} from '../../scsi/third-party-copy/copy-operation.ts';
import {
  encodeCopyStatus,
  encodeOperatingParameters,
  ReceiveCopyResultsCdb,
} from '../../scsi/third-party-copy/copy-results.ts';
import { decodeCopyRequest, ExtendedCopyCdb, ListIdUsage } from '../../scsi/third-party-copy/extended-copy.ts';
import type { MalformedCopyRequest } from '../../scsi/third-party-copy/malformed-copy-request.ts';
import {
  decodePopulateToken,
  decodeWriteUsingToken,
  PopulateTokenParameters,
  TokenCdb,
  WriteUsingTokenParameters,
} from '../../scsi/third-party-copy/token-request.ts';
import { checkCondition, GOOD, invalidFieldInCdb, type Outcome, PARAMETER_LIST_LENGTH_ERROR } from '../outcome.ts';
import { copyOperation, copyStatus } from './copy-answers.ts';
import { CopyRecord, CopyRecords } from './copy-record.ts';
import { type CopyUnit, THIRD_PARTY_DEVICE_FAILURE } from './copy-unit.ts';
import { type CopyUnitResolver, copySegments, resolveTargets } from './extended-copy.ts';
import type { RodTokens } from './rod-tokens.ts';
import { makeRod, refusalOfOffset, resolveRanges, type TokenUnit, writeRod } from './token-copy.ts';

/** Copies that one unit has under way at a time. */
export const CONCURRENT_COPIES = 16;

/** Where all CDBs of this file have their LIST IDENTIFIER, but those of token copies. */
const LIST_IDENTIFIER = 2;

const { illegalRequest, copyAborted, abortedCommand } = SenseKey;
const OPERATION_IN_PROGRESS = checkCondition(illegalRequest, AdditionalSense.operationInProgress);
const NO_SPACE = checkCondition(copyAborted, AdditionalSense.spaceAllocationFailedWriteProtect);
const ABORTED = checkCondition(abortedCommand, AdditionalSense.noAdditionalSenseInformation);

/** Told `{ error }` when a device has failed in the middle of a copy. */
const deviceFailedChannel = channel('diskless:target:copy-failed');

function deviceFailure(error: unknown): Outcome {
  deviceFailedChannel.publish({ error });
  return error instanceof DisklessError && error.code === 'DEVICE_NO_SPACE' ? NO_SPACE : THIRD_PARTY_DEVICE_FAILURE;
}

/** Parameter data with what the CDB allows of it, or how the command fails. */
type CopyAnswer = { readonly data: Uint8Array; readonly allocationLength: number } | Outcome;

/** The command that asks for a copy: its abort is the copy's. */
type CopyTask = { readonly aborted: boolean };

/** `Nexus` is whatever names one session: records end with it. No method rejects. */
export class CopyManager<Nexus extends object> {
  readonly #records = new CopyRecords<Nexus>();
  readonly #tokens: RodTokens;
  readonly #underWay = new Set<CopyRecord>();

  /** `tokens` are those of all units between which copies go. */
  constructor(tokens: RodTokens) {
    this.#tokens = tokens;
  }

  /**
   * EXTENDED COPY(LID1) with its parameter list. `own` is the unit itself as the nexus may use it. Done when all is copied, or at the
   * first segment that fails; what the segments before it have copied stays.
   */
  async extendedCopy(
    nexus: Nexus,
    cdb: Uint8Array,
    list: Uint8Array,
    own: CopyUnit,
    resolve: CopyUnitResolver,
    task: CopyTask,
  ): Promise<Outcome> {
    // No parameter list is nothing to do, and no error.
    if (list.length === 0) return GOOD;
    const request = decodeCopyRequest(list);
    if ('malformed' in request) return refusal(request);
    const { listIdentifier, listIdUsage } = request;
    const isNamed = listIdUsage !== ListIdUsage.none;
    if (isNamed && this.#isUnderWay(nexus, listIdentifier)) return OPERATION_IN_PROGRESS;
    const targets = resolveTargets(request.targets, resolve);
    if ('status' in targets) return targets;
    const { serviceAction } = ExtendedCopyCdb.view(cdb);
    const record = new CopyRecord({ serviceAction, countedIn: 1, task });
    if (!this.#begin(nexus, isNamed ? listIdentifier : undefined, record)) return OPERATION_IN_PROGRESS;
    const outcome = await this.#run(record, () => copySegments(request, targets, own, record));
    const isMine = isNamed && this.#records.find(nexus, listIdentifier) === record;
    if (isMine && listIdUsage === ListIdUsage.discard) this.#records.forget(nexus, listIdentifier);
    return outcome;
  }

  /** POPULATE TOKEN: RECEIVE ROD TOKEN INFORMATION then has the token. It takes no time, and so IMMED makes no difference. */
  async populateToken(
    nexus: Nexus,
    cdb: Uint8Array,
    list: Uint8Array,
    unit: TokenUnit,
    task: CopyTask,
  ): Promise<Outcome> {
    if (list.length === 0) return GOOD;
    const { listIdentifier, serviceAction } = TokenCdb.view(cdb);
    const request = decodePopulateToken(list);
    if ('malformed' in request) return refusal(request);
    if (this.#isUnderWay(nexus, listIdentifier)) return OPERATION_IN_PROGRESS;
    const { blockSize } = unit.device;
    const ranges = resolveRanges(request.ranges, unit.device, PopulateTokenParameters.fields.rangeListLength.offset);
    if ('status' in ranges) return ranges;
    const record = new CopyRecord({ serviceAction, countedIn: blockSize, task });
    if (!this.#begin(nexus, listIdentifier, record)) return OPERATION_IN_PROGRESS;
    return this.#run(record, async () => {
      const rod = await makeRod(unit, request, ranges, this.#tokens);
      record.token = rod.token;
      record.copied(rod.length);
      return GOOD;
    });
  }

  /** WRITE USING TOKEN. With IMMED it is answered before anything is written, and goes on without its command. */
  async writeUsingToken(
    nexus: Nexus,
    cdb: Uint8Array,
    list: Uint8Array,
    unit: CopyUnit,
    task: CopyTask,
  ): Promise<Outcome> {
    if (list.length === 0) return GOOD;
    const { listIdentifier, serviceAction } = TokenCdb.view(cdb);
    const request = decodeWriteUsingToken(list);
    if ('malformed' in request) return refusal(request);
    if (this.#isUnderWay(nexus, listIdentifier)) return OPERATION_IN_PROGRESS;
    const { device } = unit;
    const ranges = resolveRanges(request.ranges, device, WriteUsingTokenParameters.fields.rangeListLength.offset);
    if ('status' in ranges) return ranges;
    const rod = this.#tokens.find(request.token);
    if (rod !== 'zeros') {
      if ('status' in rod) return rod;
      const wanted = ranges.reduce((sum, { length }) => sum + length, 0);
      const refused = refusalOfOffset(request, rod, wanted, device.blockSize);
      if (refused !== undefined) return refused;
    }
    const record = new CopyRecord({
      serviceAction,
      countedIn: device.blockSize,
      task: request.immediate ? undefined : task,
    });
    if (!this.#begin(nexus, listIdentifier, record)) return OPERATION_IN_PROGRESS;
    const offset = Number(request.offsetIntoRod) * device.blockSize;
    const write = () => writeRod(unit, ranges, rod, offset, record);
    const done = this.#run(record, async () => {
      if (rod === 'zeros') return write();
      const outcome = await this.#tokens.use(rod, write);
      if (request.deleteToken) this.#tokens.delete(rod);
      return outcome;
    });
    return request.immediate ? GOOD : done;
  }

  /** COPY OPERATION ABORT: done when the copy changes nothing any more. One that is over stays as it ended. */
  async copyOperationAbort(nexus: Nexus, cdb: Uint8Array): Promise<Outcome> {
    const record = this.#records.find(nexus, CopyOperationAbortCdb.view(cdb).listIdentifier);
    if (record === undefined) return invalidFieldInCdb(LIST_IDENTIFIER);
    if (record.outcome === undefined) record.cancel();
    await record.ended;
    return GOOD;
  }

  /** RECEIVE COPY STATUS(LID1) */
  receiveCopyStatus(nexus: Nexus, cdb: Uint8Array): CopyAnswer {
    const { listIdentifier, allocationLength } = ReceiveCopyResultsCdb.view(cdb);
    const record = this.#records.find(nexus, listIdentifier);
    if (record === undefined) return invalidFieldInCdb(LIST_IDENTIFIER);
    return { data: encodeCopyStatus(copyStatus(record)), allocationLength };
  }

  /** RECEIVE COPY OPERATING PARAMETERS */
  receiveCopyOperatingParameters(cdb: Uint8Array): CopyAnswer {
    const { allocationLength } = ReceiveCopyResultsCdb.view(cdb);
    return { data: encodeOperatingParameters(CONCURRENT_COPIES), allocationLength };
  }

  /** RECEIVE COPY STATUS(LID4) */
  receiveCopyOperationStatus(nexus: Nexus, cdb: Uint8Array, format: SenseFormat): CopyAnswer {
    const { listIdentifier, allocationLength } = ReceiveCopyOperationCdb.view(cdb);
    const record = this.#records.find(nexus, listIdentifier);
    if (record === undefined) return invalidFieldInCdb(LIST_IDENTIFIER);
    return { data: encodeCopyOperation(copyOperation(record, format)), allocationLength };
  }

  /** RECEIVE ROD TOKEN INFORMATION. One that takes no data is done with what it asks about. */
  receiveRodTokenInformation(nexus: Nexus, cdb: Uint8Array, format: SenseFormat): CopyAnswer {
    const { listIdentifier, allocationLength } = ReceiveCopyOperationCdb.view(cdb);
    const record = this.#records.find(nexus, listIdentifier);
    if (record === undefined) return invalidFieldInCdb(LIST_IDENTIFIER);
    if (allocationLength === 0 && record.outcome !== undefined) this.#records.forget(nexus, listIdentifier);
    return { data: encodeRodTokenInformation(copyOperation(record, format), record.token), allocationLength };
  }

  /** The nexus has ended: what it could ask for ends with it, and so do its copies. Done when these change nothing any more. */
  async left(nexus: Nexus): Promise<void> {
    await Promise.all(this.#records.forgetNexus(nexus).map((record) => record.ended));
  }

  /** LOGICAL UNIT RESET: gives what does it to the copies of now, and to none that is begun since. */
  prepareReset(): () => void {
    return this.#records.prepareReset();
  }

  /** Ends all copies, for the end of the process. The devices may be closed when it is done. */
  async close(): Promise<void> {
    const underWay = [...this.#underWay];
    for (const record of underWay) record.cancel();
    await Promise.all(underWay.map((record) => record.ended));
  }

  #isUnderWay(nexus: Nexus, listIdentifier: number): boolean {
    const record = this.#records.find(nexus, listIdentifier);
    return record !== undefined && record.outcome === undefined;
  }

  /** False when there are too many copies under way, of the unit or of the nexus. */
  #begin(nexus: Nexus, listIdentifier: number | undefined, record: CopyRecord): boolean {
    if (this.#underWay.size >= CONCURRENT_COPIES) return false;
    if (listIdentifier !== undefined && !this.#records.keep(nexus, listIdentifier, record)) return false;
    this.#underWay.add(record);
    return true;
  }

  async #run(record: CopyRecord, work: () => Promise<Outcome>): Promise<Outcome> {
    const outcome = await work().catch(deviceFailure);
    this.#underWay.delete(record);
    record.end(record.aborted ? ABORTED : outcome);
    return record.outcome ?? outcome;
  }
}

function refusal(request: MalformedCopyRequest): Outcome {
  if (request.malformed === 'length') return PARAMETER_LIST_LENGTH_ERROR;
  return checkCondition(illegalRequest, request.code, { field: { in: 'parameters', byte: request.byte } });
}
