/**
 * The ROD tokens of a target: made for data of its units, good for being written to any of them by whoever has the token.
 *
 * A token stands for what its ranges held when it was made. Nothing is copied for that: it is revoked before any of that data changes.
 * It expires when it is not used for its inactivity timeout, and the least recently used one goes when there are too many.
 */

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { type Clock, systemClock } from '../../os/clock.ts';
import { AdditionalSense } from '../../scsi/additional-sense.ts';
import { SenseKey } from '../../scsi/sense.ts';
import {
  encodeRodToken,
  inspectRodToken,
  ROD_TOKEN_IDENTIFIER_LENGTH,
  ROD_TOKEN_SECRET_LENGTH,
  type RodTokenCreator,
  RodType,
} from '../../scsi/third-party-copy/rod-token.ts';
import { type MediumRange, overlap } from '../exclusive-ranges.ts';
import type { MediumChanges } from '../medium-changes.ts';
import { checkCondition, type Outcome } from '../outcome.ts';

/** Tokens that a target keeps, valid or not. */
export const TOKEN_LIMIT = 256;

const invalidToken = (code: number): Outcome => checkCondition(SenseKey.illegalRequest, code);
const UNKNOWN = invalidToken(AdditionalSense.tokenUnknown);
const CORRUPT = invalidToken(AdditionalSense.tokenCorrupt);
const REVOKED = invalidToken(AdditionalSense.tokenRevoked);
const EXPIRED = invalidToken(AdditionalSense.tokenExpired);
const DELETED = invalidToken(AdditionalSense.tokenDeleted);

export interface RodOptions {
  /** The unit whose data the token stands for. */
  readonly source: MediumChanges;
  readonly creator: RodTokenCreator;
  /** A value of RodType. */
  readonly rodType: number;
  /** Seconds. */
  readonly inactivityTimeout: number;
  /** In the order in which the token stands for them. */
  readonly ranges: readonly MediumRange[];
}

/** A representation of data. */
export class Rod {
  readonly source: MediumChanges;
  readonly ranges: readonly MediumRange[];
  /** Bytes. */
  readonly length: number;
  readonly token: Uint8Array;
  /** The identifier in the token, as text. */
  readonly key: string;
  /** Milliseconds. */
  readonly inactivityTimeout: number;
  /** How a command with its token fails; undefined while it is valid. */
  invalid: Outcome | undefined;
  /** Commands that use it. */
  users = 0;
  lastUsed: number;

  constructor(options: RodOptions, length: number, token: Uint8Array, key: string, now: number) {
    this.source = options.source;
    this.ranges = options.ranges;
    this.length = length;
    this.token = token;
    this.key = key;
    this.inactivityTimeout = options.inactivityTimeout * 1000;
    this.lastUsed = now;
  }
}

export interface RodTokensOptions {
  readonly clock?: Clock;
  readonly random?: (length: number) => Uint8Array;
}

export class RodTokens {
  readonly #clock: Clock;
  readonly #random: (length: number) => Uint8Array;
  /** By the identifier in the token, the least recently used first. */
  readonly #rods = new Map<string, Rod>();
  /** The valid ones by their unit. */
  readonly #valid = new Map<MediumChanges, Set<Rod>>();

  constructor({ clock = systemClock, random = randomBytes }: RodTokensOptions = {}) {
    this.#clock = clock;
    this.#random = random;
  }

  create(options: RodOptions): Rod {
    const identifier = this.#newIdentifier();
    const { rodType, creator, ranges, source } = options;
    const length = ranges.reduce((sum, range) => sum + range.length, 0);
    const token = encodeRodToken({
      rodType,
      identifier,
      creator,
      length,
      secret: this.#random(ROD_TOKEN_SECRET_LENGTH),
    });
    const rod = new Rod(options, length, token, keyOf(identifier), this.#clock.monotonic());
    this.#rods.set(rod.key, rod);
    this.#watch(source, rod);
    if (this.#rods.size > TOKEN_LIMIT) this.#forgetOldest();
    return rod;
  }

  /** The data that a token stands for, `zeros`, or how a command with that token fails. */
  find(token: Uint8Array): Rod | 'zeros' | Outcome {
    const inspected = inspectRodToken(token);
    if ('code' in inspected) return invalidToken(inspected.code);
    if (inspected.rodType === RodType.zero) return 'zeros';
    const rod = this.#rods.get(keyOf(inspected.identifier));
    if (rod === undefined) return UNKNOWN;
    if (!timingSafeEqual(rod.token, token)) return CORRUPT;
    const idle = this.#clock.monotonic() - rod.lastUsed;
    if (rod.users === 0 && idle > rod.inactivityTimeout) this.#invalidate(rod, EXPIRED);
    return rod.invalid ?? rod;
  }

  /** Keeps a token from expiring while `work` uses it. */
  async use<T>(rod: Rod, work: () => Promise<T>): Promise<T> {
    rod.users += 1;
    try {
      return await work();
    } finally {
      rod.users -= 1;
      this.#touch(rod);
    }
  }

  /** DEL_TKN */
  delete(rod: Rod): void {
    this.#invalidate(rod, DELETED);
  }

  #touch(rod: Rod): void {
    rod.lastUsed = this.#clock.monotonic();
    if (this.#rods.delete(rod.key)) this.#rods.set(rod.key, rod);
  }

  #newIdentifier(): Uint8Array {
    for (;;) {
      const identifier = this.#random(ROD_TOKEN_IDENTIFIER_LENGTH);
      if (!this.#rods.has(keyOf(identifier))) return identifier;
    }
  }

  #watch(source: MediumChanges, rod: Rod): void {
    const rods = this.#valid.get(source) ?? new Set<Rod>();
    rods.add(rod);
    this.#valid.set(source, rods);
    source.listener = (offset, length) => this.#changing(rods, { offset, length });
  }

  #changing(rods: Set<Rod>, change: MediumRange): void {
    for (const rod of rods) {
      if (rod.ranges.some((range) => overlap(range, change))) this.#invalidate(rod, REVOKED);
    }
  }

  #invalidate(rod: Rod, outcome: Outcome): void {
    rod.invalid ??= outcome;
    const rods = this.#valid.get(rod.source);
    rods?.delete(rod);
    if (rods?.size !== 0) return;
    this.#valid.delete(rod.source);
    rod.source.listener = undefined;
  }

  /** One that nobody uses now, if there is one. */
  #forgetOldest(): void {
    const rods = [...this.#rods.values()];
    const rod = rods.find(({ users }) => users === 0) ?? rods[0];
    if (rod === undefined) return;
    this.#rods.delete(rod.key);
    this.#invalidate(rod, UNKNOWN);
  }
}

function keyOf(identifier: Uint8Array): string {
  return Buffer.from(identifier).toString('hex');
}
