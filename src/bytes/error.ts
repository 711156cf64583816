/**
 * The one base of every error that this project raises on purpose.
 *
 * `code` is stable and is what programs match on; `message` says what was tried, with what, and `hint` what to do next.
 * Every code has a line in docs/errors.md.
 */

const brand = Symbol.for('diskless.error');

export interface ErrorDetails {
  /** What the reader can do about it: one sentence, shown after the message. */
  readonly hint?: string;
  /** The error that led to this one. */
  readonly cause?: unknown;
}

export class DisklessError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = details.hint;
    Object.defineProperty(this, brand, { value: true });
  }

  /** Two copies of this package in one program must still recognise each other's errors. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== DisklessError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === 'object' && value !== null && brand in value;
  }
}

/** Bytes from a peer that its protocol does not allow. Parsers raise nothing else on bad input. */
export class ProtocolError extends DisklessError {}
