/** One unit as SPC-4 and SBC-3 have it: who is told what before a command runs, who is kept out, and what then comes of it. */

import type { Command, PlainCommand, Reserve6Command } from '../command.ts';
import { type Expected, GOOD, illegal, invalidInCdb, type Refusal, refused } from '../expected.ts';
import { ASKING_PORTS } from '../ports.ts';
import { Attention, AttentionsModel } from './attentions.ts';
import { BlocksModel, type BlocksOptions } from './blocks.ts';
import { conflictsWithPersistent, conflictsWithReserve } from './conflicts.ts';
import { ModeModel } from './mode.ts';
import { PersistentReservationsModel } from './persistent-reservations.ts';

const UNIT_ATTENTION = 6;
const WRITE_PROTECTED = { key: 7, code: 0x2700 };
const INVALID_OPERATION_CODE = illegal(0x2000);

/** They run while a unit attention is pending, and two of them leave it pending (SAM-5, unit attention conditions). */
const ignoringAttentions: ReadonlySet<Command['kind']> = new Set(['inquiry', 'report luns', 'request sense']);

const writing: ReadonlySet<Command['kind']> = new Set([
  ...(['write', 'write and verify', 'write same', 'compare and write'] as const),
  ...(['orwrite', 'write atomic', 'unmap'] as const),
]);

export interface UnitModelOptions extends BlocksOptions {
  /** Reservations are kept through power loss. */
  readonly canPersist: boolean;
}

export class UnitModel {
  readonly blocks: BlocksModel;
  readonly mode = new ModeModel();
  readonly reservations: PersistentReservationsModel;
  readonly #thin: boolean;
  readonly #attentions = new AttentionsModel();
  #reservedBy: number | undefined;
  readonly #preventedBy = new Set<number>();

  constructor(options: UnitModelOptions) {
    this.#thin = options.thin;
    this.blocks = new BlocksModel(options);
    this.reservations = new PersistentReservationsModel(options.canPersist, (port, code) => {
      if (port < ASKING_PORTS) this.#attentions.tell(port, code);
    });
  }

  run(port: number, command: Command): Expected {
    if (!ignoringAttentions.has(command.kind)) {
      const attention = this.#attentions.hasReset(port) ? this.#attentions.take(port) : undefined;
      if (attention !== undefined) return refused({ key: UNIT_ATTENTION, code: attention });
      if (this.#isKnown(command) && this.#keepsOut(port, command)) return refused('conflict');
      const other = this.#attentions.take(port);
      if (other !== undefined) return refused({ key: UNIT_ATTENTION, code: other });
    }
    return this.#isKnown(command) ? this.#execute(port, command) : refused(unknownRefusal(command));
  }

  #isKnown({ kind }: Command): boolean {
    if (kind === 'unmap' || kind === 'get lba status') return this.#thin;
    return kind !== 'unknown';
  }

  #keepsOut(port: number, command: Command): boolean {
    if (this.#reservedBy !== undefined && conflictsWithReserve(command, this.#reservedBy === port)) return true;
    const { reservations } = this;
    return !reservations.hasAccess(port) && conflictsWithPersistent(command, reservations.isWriteExclusive);
  }

  #execute(port: number, command: Command): Expected {
    switch (command.kind) {
      case 'reserve out':
        return this.reservations.out(port, command);
      case 'reserve in':
        return this.reservations.in(command);
      case 'reserve':
      case 'release':
        return this.#reserve(port, command);
      case 'mode select':
        return this.mode.select(command, () => this.#tellOthers(port, Attention.modeParametersChanged));
      case 'mode sense':
        return this.mode.sense(command);
      case 'request sense':
        return this.#requestSense(port, command.descriptorFormat, command.room);
      case 'prevent allow':
        return this.#prevent(port, command.prevent);
      case 'unmap':
        return this.blocks.unmap(command, this.#protection(command));
      default:
        return 'cdb' in command ? this.#plain(port, command.kind) : this.blocks.run(command, this.#protection(command));
    }
  }

  #protection({ kind }: Command): readonly Refusal[] {
    return this.mode.isWriteProtected && writing.has(kind) ? [WRITE_PROTECTED] : [];
  }

  #plain(port: number, kind: PlainCommand['kind'] | 'unknown'): Expected {
    if (kind === 'reset log') this.#tellOthers(port, Attention.logParametersChanged);
    if (kind === 'report luns') return { kind: 'good', data: Buffer.from([...[0, 0, 0, 16, 0, 0, 0, 0], ...luns]) };
    return kind === 'test unit ready' ? { kind: 'good', data: Buffer.alloc(0) } : GOOD;
  }

  /** SPC-2, but for what SPC-4 makes of it for those who hold a persistent reservation, or have the access of one who does. */
  #reserve(port: number, { kind, thirdParty }: Reserve6Command): Expected {
    if (thirdParty) return refused(invalidInCdb(1));
    const { reservations } = this;
    if (reservations.reservation !== undefined && reservations.hasAccess(port)) return GOOD;
    if (reservations.keys.size > 0) return refused('conflict');
    if (kind === 'reserve') this.#reservedBy = port;
    else if (this.#reservedBy === port) this.#reservedBy = undefined;
    return GOOD;
  }

  #prevent(port: number, prevent: number): Expected {
    if (prevent > 1) return refused(invalidInCdb(4));
    if (prevent === 1) this.#preventedBy.add(port);
    else this.#preventedBy.delete(port);
    return GOOD;
  }

  #requestSense(port: number, descriptorFormat: boolean, room: number): Expected {
    const code = this.#attentions.take(port) ?? 0;
    const key = code === 0 ? 0 : UNIT_ATTENTION;
    const sense = Buffer.alloc(descriptorFormat ? 8 : 18);
    if (descriptorFormat) sense.set([0x72, key, code >>> 8, code & 0xff]);
    else {
      sense.set([0x70, 0, key, 0, 0, 0, 0, 10]);
      sense.writeUInt16BE(code, 12);
    }
    return { kind: 'good', data: sense.subarray(0, room) };
  }

  #tellOthers(port: number, code: Attention): void {
    for (let other = 0; other < ASKING_PORTS; other++) if (other !== port) this.#attentions.tell(other, code);
  }

  /** LOGICAL UNIT RESET, or what resets all units (SAM-5, logical unit reset). Persistent reservations stay. */
  reset(code: Attention): void {
    this.#reservedBy = undefined;
    this.#preventedBy.clear();
    this.mode.reset();
    for (let port = 0; port < ASKING_PORTS; port++) this.#attentions.tell(port, code);
  }

  /** The session of a port has ended, and it has a new one. `inPlace`: it is told what it has lost. */
  sessionReplaced(port: number, inPlace: boolean): void {
    const held = this.#reservedBy === port || this.#preventedBy.has(port);
    this.#attentions.forget(port);
    this.#preventedBy.delete(port);
    if (this.#reservedBy === port) this.#reservedBy = undefined;
    if (held && inPlace) this.#attentions.tell(port, Attention.nexusLoss);
  }
}

const luns = [...[0, 0, 0, 0, 0, 0, 0, 0], ...[0, 1, 0, 0, 0, 0, 0, 0]];

function unknownRefusal(command: Command): Refusal {
  const isServiceAction = command.kind === 'unknown' && command.isServiceAction;
  return isServiceAction ? invalidInCdb(1) : INVALID_OPERATION_CODE;
}
