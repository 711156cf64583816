/** The persistent reservations of one unit (SPC-4, PERSISTENT RESERVE OUT and its model of registrants and holders). */

import type { ReserveInCommand, ReserveOutCommand } from '../command.ts';
import {
  type Expected,
  GOOD,
  illegal,
  invalidInCdb,
  invalidInList,
  PARAMETER_LIST_LENGTH_ERROR,
  type Refusal,
  refused,
} from '../expected.ts';
import { FIRST_INITIATOR, portsOf } from '../ports.ts';
import { Attention } from './attentions.ts';
import { isAllRegistrants, isShared, isWriteExclusive, types } from './reservation-type.ts';
import { reserveInAnswer } from './reserve-in.ts';

const CONFLICT = refused('conflict');
const INVALID_SCOPE_OR_TYPE = refused(invalidInCdb(2));

export class PersistentReservationsModel {
  /** Keys by port. */
  readonly keys = new Map<number, bigint>();
  /** `holder` is the port that reserved, whatever the type. */
  reservation: { readonly type: number; readonly holder: number } | undefined;
  /** PRGENERATION */
  generation = 0;
  #persists = false;
  readonly #canPersist: boolean;
  readonly #tell: (port: number, code: Attention) => void;

  constructor(canPersist: boolean, tell: (port: number, code: Attention) => void) {
    this.#canPersist = canPersist;
    this.#tell = tell;
  }

  get isWriteExclusive(): boolean {
    return this.reservation !== undefined && isWriteExclusive(this.reservation.type);
  }

  isHolder(port: number): boolean {
    if (this.reservation === undefined) return false;
    return isAllRegistrants(this.reservation.type) ? this.keys.has(port) : this.reservation.holder === port;
  }

  /** A holder, or a registrant where those share its access. */
  hasAccess(port: number): boolean {
    const { reservation } = this;
    return reservation === undefined || this.isHolder(port) || (isShared(reservation.type) && this.keys.has(port));
  }

  out(port: number, command: ReserveOutCommand): Expected {
    const malformed = this.#malformed(command);
    const isProven = this.keys.get(port) === command.key;
    if (malformed.length > 0) return refused(...malformed, ...(isProven ? [] : ['conflict' as const]));
    if (command.action === 'register' || command.action === 'register and ignore') {
      return this.#register(port, command);
    }
    if (!isProven) return CONFLICT;
    switch (command.action) {
      case 'reserve':
        return this.#reserve(port, command);
      case 'release':
        return this.#release(port, command);
      case 'clear':
        return this.#clear(port);
      case 'register and move':
        return this.#move(port, command);
      default:
        return this.#preempt(port, command);
    }
  }

  #malformed({ action, ports, hasWrongLength }: ReserveOutCommand): readonly Refusal[] {
    return [
      ...(hasWrongLength ? [PARAMETER_LIST_LENGTH_ERROR] : []),
      ...(ports !== undefined && action !== 'register' ? [invalidInList(20)] : []),
    ];
  }

  #register(port: number, command: ReserveOutCommand): Expected {
    const { serviceActionKey: key, ports, persist } = command;
    if (command.action === 'register' && command.key !== (this.keys.get(port) ?? 0n)) return CONFLICT;
    const isNew = !this.keys.has(port);
    if (persist && !this.#canPersist) return refused(invalidInList(20));
    if (ports !== undefined && (!isNew || key === 0n)) return refused(invalidInList(20));
    const named = (ports ?? []).flatMap(portsOf);
    if (named.some((other) => this.keys.has(other))) return refused(invalidInList(28));
    if (isNew && key === 0n) return GOOD;
    this.generation += 1;
    this.#persists = persist;
    if (key === 0n) this.#unregister(port);
    else for (const each of [port, ...named]) this.keys.set(each, key);
    return GOOD;
  }

  #unregister(port: number): void {
    const wasHolder = this.isHolder(port);
    this.keys.delete(port);
    const { reservation } = this;
    if (reservation === undefined || !wasHolder) return;
    if (isAllRegistrants(reservation.type) && this.keys.size > 0) return;
    this.reservation = undefined;
    if (isShared(reservation.type)) this.#tellRegistrants(port, Attention.reservationsReleased);
  }

  #tellRegistrants(sender: number, code: Attention): void {
    for (const port of this.keys.keys()) if (port !== sender) this.#tell(port, code);
  }

  #reserve(port: number, { scope, type }: ReserveOutCommand): Expected {
    if (scope !== 0 || !types.has(type)) return INVALID_SCOPE_OR_TYPE;
    if (this.reservation === undefined) this.reservation = { type, holder: port };
    else if (!this.isHolder(port) || this.reservation.type !== type) return CONFLICT;
    return GOOD;
  }

  #release(port: number, { scope, type }: ReserveOutCommand): Expected {
    if (this.reservation === undefined || !this.isHolder(port)) return GOOD;
    if (scope !== 0 || type !== this.reservation.type) return refused(illegal(0x2604));
    this.reservation = undefined;
    if (isShared(type)) this.#tellRegistrants(port, Attention.reservationsReleased);
    return GOOD;
  }

  #clear(port: number): Expected {
    this.generation += 1;
    this.#tellRegistrants(port, Attention.reservationsPreempted);
    this.keys.clear();
    this.reservation = undefined;
    return GOOD;
  }

  #preempt(port: number, { scope, type, serviceActionKey: key }: ReserveOutCommand): Expected {
    const { reservation } = this;
    const isAll = reservation !== undefined && isAllRegistrants(reservation.type);
    if (key === 0n && !isAll) return refused(invalidInList(8));
    const takesOver = reservation !== undefined && (isAll ? key === 0n : this.keys.get(reservation.holder) === key);
    if (takesOver) {
      if (scope !== 0 || !types.has(type)) return INVALID_SCOPE_OR_TYPE;
      this.generation += 1;
      for (const [other, itsKey] of [...this.keys]) if (other !== port && (isAll || itsKey === key)) this.#lose(other);
      this.reservation = { type, holder: port };
      if (type !== reservation.type) this.#tellRegistrants(port, Attention.reservationsReleased);
      return GOOD;
    }
    const losers = [...this.keys].filter(([, itsKey]) => itsKey === key).map(([other]) => other);
    if (losers.length === 0) return CONFLICT;
    this.generation += 1;
    for (const loser of losers) {
      if (loser === port) this.keys.delete(port);
      else this.#lose(loser);
    }
    // Only the last registrant of all takes a reservation along, which all had.
    if (this.keys.size === 0) this.reservation = undefined;
    return GOOD;
  }

  #lose(port: number): void {
    this.keys.delete(port);
    this.#tell(port, Attention.registrationsPreempted);
  }

  #move(port: number, command: ReserveOutCommand): Expected {
    const { serviceActionKey: key, destination, relativeTargetPort, persist, unregister } = command;
    const { reservation } = this;
    if (reservation === undefined) return refused(invalidInCdb(1));
    if (!this.isHolder(port) || isAllRegistrants(reservation.type)) return CONFLICT;
    const faults = [
      ...(key === 0n ? [invalidInList(8)] : []),
      ...(persist && !this.#canPersist ? [invalidInList(17)] : []),
      ...(relativeTargetPort === 1 ? [] : [invalidInList(18)]),
      ...(destination === port || destination === FIRST_INITIATOR ? [invalidInList(24)] : []),
    ];
    if (faults.length > 0) return refused(...faults);
    this.generation += 1;
    this.#persists = persist;
    if (unregister) this.keys.delete(port);
    this.keys.set(destination, key);
    this.reservation = { type: reservation.type, holder: destination };
    return GOOD;
  }

  in({ action }: ReserveInCommand): Expected {
    return reserveInAnswer(action, this, { canPersist: this.#canPersist, persists: this.#persists });
  }
}
