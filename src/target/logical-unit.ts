/**
 * A logical unit: SCSI over a Device. It checks what holds for every command (unit attentions, reservations, write protection),
 * finds the command, and runs it. It belongs to no session: all nexuses share it.
 */

import type { Awaitable, Device } from '../block/device.ts';
import { DisklessError } from '../bytes/index.ts';
import {
  AdditionalSense,
  type CommandName,
  defaultModeState,
  describeCommand,
  type ModeState,
  type SenseFormat,
  SenseKey,
  type UnitIdentification,
} from '../scsi/index.ts';
import { dispatch } from './commands/index.ts';
import type { Nexus } from './nexus.ts';
import {
  checkCondition,
  GOOD,
  INVALID_OPERATION_CODE,
  type Outcome,
  RESERVATION_CONFLICT,
  WRITE_PROTECTED,
} from './outcome.ts';
import type { Task } from './task.ts';
import { TaskSet } from './task-set.ts';
import { UnitAttentions } from './unit-attention.ts';
import { type UnitIdentity, unitIdentity } from './unit-identity.ts';

/**
 * The longest READ, WRITE or VERIFY. Every READ(10) of 512-byte blocks fits, for firmware that does not look at the Block Limits
 * page.
 */
const MAXIMUM_TRANSFER_BYTES = 32 << 20;

export interface LogicalUnitOptions {
  readonly number: number;
  readonly device: Device;
  readonly targetName: string;
  readonly portalGroupTag: number;
  readonly identification?: Partial<UnitIdentification>;
  /** The numbers of all units of the target, this one included. */
  readonly siblings: () => readonly number[];
}

export class LogicalUnit {
  readonly number: number;
  readonly device: Device;
  readonly identity: UnitIdentity;
  readonly siblings: () => readonly number[];
  readonly blockSize: number;
  /** Capacity in logical blocks. */
  readonly blocks: number;
  readonly maximumTransferBlocks: number;
  readonly canUnmap: boolean;
  /** WCE of the caching page: acknowledged writes may be lost at a power cut until they are flushed. */
  readonly writeCache: boolean;
  readonly removable = false;
  readonly taskSet = new TaskSet();
  readonly unitAttentions = new UnitAttentions();
  readonly removalPreventedBy = new Set<Nexus>();
  reservedBy: Nexus | undefined;
  /** Every nexus that has a session with the target. */
  readonly nexuses = new Set<Nexus>();
  #modeState: ModeState = defaultModeState;

  constructor(options: LogicalUnitOptions) {
    const { device } = options;
    this.number = options.number;
    this.device = device;
    this.identity = unitIdentity(options.targetName, options.number, options.portalGroupTag, options.identification);
    this.siblings = options.siblings;
    this.blockSize = device.blockSize;
    this.blocks = device.size / device.blockSize;
    this.maximumTransferBlocks = MAXIMUM_TRANSFER_BYTES / device.blockSize;
    this.canUnmap = device.capabilities.unmap !== 'none' && !device.readOnly;
    this.writeCache = device.capabilities.flush !== 'none';
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
    return describeCommand(name).needs !== 'unmap' || this.canUnmap;
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
    const entry = dispatch(task.cdb);
    if (entry === undefined) return INVALID_OPERATION_CODE;
    const { description, command } = entry;
    if (description.needs === 'unmap' && !this.canUnmap) return INVALID_OPERATION_CODE;
    if (this.unitAttentions.any && description.ignoresUnitAttention === undefined) {
      const sense = this.unitAttentions.take(task.nexus);
      if (sense !== undefined) return { ...checkCondition(sense.key, sense.code), sense };
    }
    if (this.reservedBy !== undefined && this.reservedBy !== task.nexus && description.whenReserved === 'conflict') {
      return RESERVATION_CONFLICT;
    }
    if (description.medium === 'write' && this.writeProtected) return WRITE_PROTECTED;
    task.command = command;
    return command.prepare?.(this, task);
  }

  /** Runs a prepared task whose data has arrived. Never raises: what the device raises becomes sense. */
  execute(task: Task): Awaitable<Outcome> {
    if (task.command === undefined) return INVALID_OPERATION_CODE;
    try {
      const outcome = task.command.execute(this, task);
      return outcome instanceof Promise ? outcome.catch(deviceFailure(task)) : outcome;
    } catch (error) {
      return deviceFailure(task)(error);
    }
  }

  /** Fetches the next piece of a long read into the task. Never rejects. */
  async readPiece(task: Task, length: number): Promise<Outcome> {
    try {
      task.dataIn = await this.device.read(task.offset, length);
    } catch (error) {
      return deviceFailure(task)(error);
    }
    task.offset += length;
    task.dataInPending -= length;
    return GOOD;
  }

  changeModeState(state: ModeState, by: Nexus): void {
    const changed =
      state.descriptorSense !== this.#modeState.descriptorSense ||
      state.softwareWriteProtect !== this.#modeState.softwareWriteProtect;
    this.#modeState = state;
    if (!changed) return;
    for (const nexus of this.nexuses) {
      if (nexus !== by) this.tell(nexus, AdditionalSense.modeParametersChanged);
    }
  }

  /** LOGICAL UNIT RESET (SAM-5 §6.3.3), without its tasks, which are the sessions' to end. */
  reset(code: number): void {
    this.reservedBy = undefined;
    this.removalPreventedBy.clear();
    this.#modeState = defaultModeState;
    for (const nexus of this.nexuses) this.tell(nexus, code);
  }

  /** Raises a unit attention. */
  tell(nexus: Nexus, code: number): void {
    this.unitAttentions.add(nexus, { key: SenseKey.unitAttention, code });
  }

  joined(nexus: Nexus): void {
    this.nexuses.add(nexus);
  }

  /** Whether a nexus has something here that ends with it. */
  isHeldBy(nexus: Nexus): boolean {
    return this.reservedBy === nexus || this.removalPreventedBy.has(nexus);
  }

  /** What a nexus held ends with it (SAM-5 §6.3.4, SPC-2 §5.5.1). */
  left(nexus: Nexus): void {
    this.nexuses.delete(nexus);
    this.removalPreventedBy.delete(nexus);
    this.unitAttentions.forget(nexus);
    if (this.reservedBy === nexus) this.reservedBy = undefined;
  }
}

/** What the codes of a failing device mean to an initiator. */
function deviceFailure(task: Task): (error: unknown) => Outcome {
  return (error) => {
    task.deviceError = error instanceof Error ? error : new Error(String(error));
    const code = error instanceof DisklessError ? error.code : undefined;
    if (code === 'DEVICE_READ_ONLY') return WRITE_PROTECTED;
    if (code === 'DEVICE_NO_SPACE') {
      return checkCondition(SenseKey.dataProtect, AdditionalSense.spaceAllocationFailedWriteProtect);
    }
    if (code !== 'DEVICE_IO') return checkCondition(SenseKey.hardwareError, AdditionalSense.internalTargetFailure);
    const asc = task.isWrite ? AdditionalSense.writeError : AdditionalSense.unrecoveredReadError;
    return checkCondition(SenseKey.mediumError, asc);
  };
}
