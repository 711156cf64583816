/**
 * A logical unit: SCSI over a Device. It checks what holds for every command (unit attentions, reservations, write protection),
 * finds the command, and runs it. It belongs to no session: all nexuses share it.
 */

import { isDeepStrictEqual } from 'node:util';
import type { Awaitable, Device } from '../block/device.ts';
import { DisklessError } from '../bytes/index.ts';
import { systemClock } from '../os/clock.ts';
import {
  AdditionalSense,
  CDB_LENGTH,
  type CommandDescription,
  type CommandName,
  defaultModeState,
  describeCommand,
  type ModeState,
  type SenseFormat,
  SenseKey,
  type UnitIdentification,
} from '../scsi/index.ts';
import { asksForDpoFua, type DispatchEntry, dispatch, entryNamed, unknownCommand } from './commands/index.ts';
import { DataBuffers } from './data-buffer.ts';
import { DeviceClock } from './device-clock.ts';
import { ExclusiveRanges } from './exclusive-ranges.ts';
import { IdentifyingInformation } from './identifying-information.ts';
import { MediumChanges, type ReadableDevice } from './medium-changes.ts';
import type { Nexus } from './nexus.ts';
import {
  checkCondition,
  GOOD,
  INVALID_OPERATION_CODE,
  invalidFieldInCdb,
  type Outcome,
  WRITE_PROTECTED,
} from './outcome.ts';
import { PersistentReservations } from './persistent-reservations.ts';
import { type Provisioning, provisioningOf } from './provisioning.ts';
import { MEDIUM_NOT_PRESENT, RemovableMedium } from './removable-medium.ts';
import { type NexusName, sameNexus } from './reservations/state.ts';
import { Sanitizer } from './sanitize.ts';
import type { Task } from './task.ts';
import { TaskSet } from './task-set.ts';
import { CopyManager } from './third-party-copy/copy-manager.ts';
import type { RodTokens } from './third-party-copy/rod-tokens.ts';
import { UnitAttentions } from './unit-attention.ts';
import { UnitCounters } from './unit-counters.ts';
import type { UnitFeatures } from './unit-features.ts';
import { type UnitIdentity, unitIdentity } from './unit-identity.ts';
import { attentionOf, refusalOf } from './unit-refusal.ts';
import { UnitReservation } from './unit-reservation.ts';

/**
 * The longest READ, WRITE or VERIFY. Every READ(10) of 512-byte blocks fits, for firmware that does not look at the Block Limits
 * page.
 */
const MAXIMUM_TRANSFER_BYTES = 32 << 20;

/** Where the question is about a command as such. */
const noCdb = { cdb: new Uint8Array(CDB_LENGTH) };

export interface LogicalUnitOptions {
  readonly number: number;
  readonly device: Device;
  readonly targetName: string;
  readonly portalGroupTag: number;
  readonly identification?: Partial<UnitIdentification>;
  /** The numbers of all units of the target, this one included. */
  readonly siblings: () => readonly number[];
  /** All units of the target, this one included. */
  readonly reachableUnits: () => Iterable<LogicalUnit>;
  /** The tokens of all units of the target. */
  readonly rodTokens: RodTokens;
  readonly managementUrls: readonly string[];
  readonly features: UnitFeatures;
}

export class LogicalUnit {
  readonly number: number;
  readonly device: ReadableDevice;
  /** All that changes the device's blocks. */
  readonly changes: MediumChanges;
  readonly identity: UnitIdentity;
  readonly siblings: () => readonly number[];
  readonly blockSize: number;
  /** Capacity in logical blocks. */
  readonly blocks: number;
  readonly maximumTransferBlocks: number;
  readonly provisioning: Provisioning;
  readonly canUnmap: boolean;
  /** WCE of the caching page: acknowledged writes may be lost at a power cut until they are flushed. */
  readonly writeCache: boolean;
  /** DPOFUA of the mode parameter header: whether a CDB may have DPO or FUA set. */
  readonly dpoFuaSupported: boolean;
  readonly removable: boolean;
  readonly managementUrls: readonly string[];
  /** RELATIVE TARGET PORT IDENTIFIER of the one port, which is also its group's number. */
  readonly relativeTargetPort: number;
  /** All units of the target, this one included: what a copy may name. */
  readonly reachableUnits: () => readonly LogicalUnit[];
  readonly taskSet = new TaskSet();
  readonly unitAttentions = new UnitAttentions();
  readonly medium = new RemovableMedium();
  readonly exclusiveRanges = new ExclusiveRanges();
  readonly counters = new UnitCounters();
  readonly dataBuffers = new DataBuffers();
  readonly copyManager: CopyManager<Nexus>;
  readonly reservation = new UnitReservation();
  readonly reservations: PersistentReservations;
  readonly sanitizer: Sanitizer;
  readonly information: IdentifyingInformation;
  readonly clock: DeviceClock;
  /** Every nexus that has a session with the target, with its name. */
  readonly #nexuses = new Map<Nexus, NexusName>();
  #modeState: ModeState = defaultModeState;

  constructor(options: LogicalUnitOptions) {
    const { device } = options;
    this.number = options.number;
    this.device = device;
    this.changes = new MediumChanges(device);
    this.identity = unitIdentity(options.targetName, options.number, options.portalGroupTag, options.identification);
    this.siblings = options.siblings;
    this.blockSize = device.blockSize;
    this.blocks = device.size / device.blockSize;
    this.maximumTransferBlocks = MAXIMUM_TRANSFER_BYTES / device.blockSize;
    const { features } = options;
    this.provisioning = provisioningOf(device.capabilities, features.thin ?? true);
    this.canUnmap = this.provisioning !== 'full';
    this.writeCache = device.capabilities.flush !== 'none';
    this.dpoFuaSupported = features.dpoFua ?? true;
    this.removable = features.removable ?? false;
    this.managementUrls = options.managementUrls;
    this.relativeTargetPort = options.portalGroupTag;
    this.reachableUnits = () => [...options.reachableUnits()];
    const ports = () => ({ targetPorts: [this.relativeTargetPort], initiatorPorts: [...this.#nexuses.keys()] });
    this.reservations = new PersistentReservations(ports, features.savedReservations);
    this.sanitizer = new Sanitizer(this.changes, features.sanitizePace);
    this.copyManager = new CopyManager(options.rodTokens);
    this.information = features.information ?? new IdentifyingInformation();
    this.clock = new DeviceClock(features.clock ?? systemClock);
  }

  get modeState(): ModeState {
    return this.#modeState;
  }

  get writeProtected(): boolean {
    return this.device.readOnly || this.#modeState.softwareWriteProtect;
  }

  get senseFormat(): SenseFormat {
    return this.#modeState.descriptorSense ? 'descriptor' : 'fixed';
  }

  /** Whether a command of the table exists for this unit. */
  knows(name: CommandName): boolean {
    return this.#supports(describeCommand(name).needs);
  }

  #supports(needs: CommandDescription['needs']): boolean {
    if (needs === undefined) return true;
    return needs === 'unmap' ? this.canUnmap : this.information.canSet;
  }

  /** The whole blocks that `bytes` touch, as bytes. */
  wholeBlocksOf(bytes: number): number {
    return Math.ceil(bytes / this.blockSize) * this.blockSize;
  }

  /**
   * Finds the command and checks everything that can be checked before data is transferred. Gives the failure, or undefined when
   * the task may go on.
   */
  prepare(task: Task): Outcome | undefined {
    const { nexus } = task;
    const entry = this.#find(task);
    const precedence = this.unitAttentions.any ? attentionOf(this, nexus, entry, task) : undefined;
    if (precedence !== undefined) return precedence;
    if (entry === undefined) return unknownCommand(task.cdb);
    const refusal = refusalOf(this, nexus, entry, task);
    if (refusal !== undefined) return refusal;
    if (entry.medium === 'write' && this.writeProtected) return WRITE_PROTECTED;
    if (!this.dpoFuaSupported && asksForDpoFua(entry, task.cdb)) return invalidFieldInCdb(entry.dpoFuaByte);
    task.entry = entry;
    return entry.command.prepare?.(this, task);
  }

  #find(task: Task): DispatchEntry | undefined {
    const entry = dispatch(task);
    return entry !== undefined && this.#supports(entry.needs) ? entry : undefined;
  }

  /** Whether a nexus may run a command here now: for a copy manager that does so in its name. */
  admits(nexus: Nexus, name: 'read16' | 'write16'): boolean {
    return refusalOf(this, nexus, entryNamed(name), noCdb) === undefined;
  }

  /** Why TEST UNIT READY would fail for everybody; undefined when the unit is ready. */
  notReady(): Outcome | undefined {
    return this.sanitizer.refusal('testUnitReady') ?? (this.medium.present ? undefined : MEDIUM_NOT_PRESENT);
  }

  /** Runs a prepared task whose data has arrived. Never raises: what the device raises becomes sense. */
  execute(task: Task): Awaitable<Outcome> {
    const { entry } = task;
    if (entry === undefined) return INVALID_OPERATION_CODE;
    // A SANITIZE or an eject may have come while the task's data was on its way.
    if (this.sanitizer.busy || !this.medium.present) {
      const refusal = refusalOf(this, task.nexus, entry, task);
      if (refusal !== undefined) return refusal;
    }
    try {
      const outcome = entry.command.execute(this, task);
      return outcome instanceof Promise ? outcome.catch((error) => this.#deviceFailure(task, error)) : outcome;
    } catch (error) {
      return this.#deviceFailure(task, error);
    }
  }

  /** Fetches the next piece of a long read into the task. Never rejects. */
  async readPiece(task: Task, length: number): Promise<Outcome> {
    try {
      task.dataIn = await this.device.read(task.offset, length);
    } catch (error) {
      return this.#deviceFailure(task, error);
    }
    task.offset += length;
    task.dataInPending -= length;
    return GOOD;
  }

  /** MODE SELECT. Done when what was acknowledged before is as durable as the new state promises. */
  changeModeState(state: ModeState, by: Nexus): Awaitable<void> {
    const before = this.#modeState;
    // A state of its own also when it says the same: a reset that was asked for before does not undo it.
    this.#setModeState({ ...state });
    if (isDeepStrictEqual(state, before)) return;
    this.tellOthers(by, AdditionalSense.modeParametersChanged);
    if (state.writeThrough && !before.writeThrough) return this.device.flush();
  }

  #setModeState(state: ModeState): void {
    this.#modeState = state;
    this.changes.writeThrough = state.writeThrough;
  }

  /** LOG SELECT with PCR. */
  resetCounters(by: Nexus): void {
    this.counters.reset();
    this.tellOthers(by, AdditionalSense.logParametersChanged);
  }

  /** START STOP UNIT with LOEJ. */
  ejectMedium(): void {
    this.changes.replaced();
    this.medium.eject();
  }

  /** START STOP UNIT with LOEJ and START. The medium may be another one: all but the asker are told. */
  loadMedium(by: Nexus): void {
    if (this.medium.load()) this.tellOthers(by, AdditionalSense.notReadyToReadyChange);
  }

  /**
   * LOGICAL UNIT RESET (SAM-5), without its tasks, which are the sessions' to end. Gives what does it when they are over: to what
   * there is now, as a device may keep the last of them for long, and initiators rely on what they are granted meanwhile.
   */
  prepareReset(code: number): () => void {
    const nexuses = [...this.#nexuses.keys()];
    const modeState = this.#modeState;
    const parts = [this.reservation, this.medium, this.copyManager].map((part) => part.prepareReset());
    return () => {
      for (const reset of parts) reset();
      if (this.#modeState === modeState) this.#setModeState(defaultModeState);
      for (const nexus of nexuses) this.tell(nexus, code);
    };
  }

  /** Raises a unit attention. One that has left is told nothing: it would be kept for ever. */
  tell(nexus: Nexus, code: number): void {
    if (!this.#nexuses.has(nexus)) return;
    this.unitAttentions.add(nexus, { key: SenseKey.unitAttention, code });
  }

  /** Raises a unit attention for everybody but one. */
  tellOthers(by: Nexus, code: number): void {
    for (const nexus of this.#nexuses.keys()) {
      if (nexus !== by) this.tell(nexus, code);
    }
  }

  /** Raises a unit attention for the sessions of that name, if there are any. */
  tellNamed(name: NexusName, code: number): void {
    for (const [nexus, own] of this.#nexuses) {
      if (sameNexus(own, name)) this.tell(nexus, code);
    }
  }

  /** Registrations belong to names, since they outlive sessions. */
  nameOf(nexus: Nexus): NexusName {
    return this.#nexuses.get(nexus) ?? this.#makeName(nexus);
  }

  #makeName({ initiatorName, isid }: Nexus): NexusName {
    return { initiatorName, isid, relativeTargetPort: this.relativeTargetPort };
  }

  /** Ends what a preempted nexus copies (SPC-4, PREEMPT AND ABORT). Done when nothing of it changes the medium any more. */
  async endCopiesOf(name: NexusName): Promise<void> {
    const nexuses = [...this.#nexuses].filter(([, own]) => sameNexus(own, name)).map(([nexus]) => nexus);
    await Promise.all(nexuses.map((nexus) => this.copyManager.left(nexus)));
  }

  joined(nexus: Nexus): void {
    this.#nexuses.set(nexus, this.#makeName(nexus));
  }

  /** Whether a nexus has something here that ends with it. */
  isHeldBy(nexus: Nexus): boolean {
    return this.reservation.holder === nexus || this.medium.isPreventedBy(nexus);
  }

  /** What a nexus held ends with it (SAM-5, I_T nexus loss). */
  left(nexus: Nexus): void {
    this.#nexuses.delete(nexus);
    this.medium.allow(nexus);
    this.unitAttentions.forget(nexus);
    this.reservation.release(nexus);
  }

  #deviceFailure(task: Task, error: unknown): Outcome {
    task.deviceError = error instanceof Error ? error : new Error(String(error));
    if (task.entry !== undefined && task.entry.medium !== 'none') {
      this.counters[task.isWrite ? 'write' : 'read'].uncorrectedErrors += 1;
    }
    return deviceFailure(task, error);
  }
}

/** What the codes of a failing device mean to an initiator. */
function deviceFailure(task: Task, error: unknown): Outcome {
  const code = error instanceof DisklessError ? error.code : undefined;
  if (code === 'DEVICE_READ_ONLY') return WRITE_PROTECTED;
  if (code === 'DEVICE_NO_SPACE') {
    return checkCondition(SenseKey.dataProtect, AdditionalSense.spaceAllocationFailedWriteProtect);
  }
  if (code !== 'DEVICE_IO') return checkCondition(SenseKey.hardwareError, AdditionalSense.internalTargetFailure);
  // A flush that fails is a write that came to nothing.
  const isReading = task.entry?.medium === 'read' && !task.isWrite;
  const asc = isReading ? AdditionalSense.unrecoveredReadError : AdditionalSense.writeError;
  return checkCondition(SenseKey.mediumError, asc);
}
