/** When to say it again (RFC 8415 §15, with the values of §7.6 and §18.2). All times in milliseconds. */

export interface Retransmission {
  /** Initial retransmission time. */
  readonly irt: number;
  /** The longest one; 0: no limit. */
  readonly mrt: number;
  /** How often at most the message is sent; 0: without limit. */
  readonly mrc: number;
  /** How long at most it is sent; 0: without limit. */
  readonly mrd: number;
}

const SECOND = 1000;

/** SOL_MAX_RT and INF_MAX_RT are what servers may change (RFC 8415 §21.24, §21.25). */
export const retransmissions = {
  solicit: { irt: SECOND, mrt: 3600 * SECOND, mrc: 0, mrd: 0 },
  request: { irt: SECOND, mrt: 30 * SECOND, mrc: 10, mrd: 0 },
  confirm: { irt: SECOND, mrt: 4 * SECOND, mrc: 0, mrd: 10 * SECOND },
  /** Until T2 and until the last address ends: the client knows when. */
  renew: { irt: 10 * SECOND, mrt: 600 * SECOND, mrc: 0, mrd: 0 },
  rebind: { irt: 10 * SECOND, mrt: 600 * SECOND, mrc: 0, mrd: 0 },
  informationRequest: { irt: SECOND, mrt: 3600 * SECOND, mrc: 0, mrd: 0 },
  release: { irt: SECOND, mrt: 0, mrc: 4, mrd: 0 },
  decline: { irt: SECOND, mrt: 0, mrc: 4, mrd: 0 },
} as const satisfies Record<string, Retransmission>;

/** What repeats a message until it is answered. */
export interface Transmission {
  readonly transactionId: number;
  readonly parameters: Retransmission;
  /** How often the message was sent. */
  readonly count: number;
  readonly firstSentAt: number;
  /** When it was sent last. */
  readonly sentAt: number;
  /** RT: how long is waited after that. */
  readonly timeout: number;
}

/** RAND: -0.1 to 0.1; `random` gives [0, 1). */
function spread(random: () => number): number {
  return (random() - 0.5) / 5;
}

export function firstTransmission(
  transactionId: number,
  parameters: Retransmission,
  now: number,
  random: () => number,
): Transmission {
  // RFC 8415 §18.2.1: the first wait of a Solicit must be longer than IRT, so RAND is above 0 there.
  const rand = parameters === retransmissions.solicit ? 0.1 - random() / 10 : spread(random);
  const timeout = parameters.irt * (1 + rand);
  return { transactionId, parameters, count: 1, firstSentAt: now, sentAt: now, timeout };
}

/** `longest` replaces MRT where a server gave another one. */
export function nextTransmission(
  before: Transmission,
  now: number,
  random: () => number,
  longest?: number,
): Transmission {
  const mrt = longest ?? before.parameters.mrt;
  const doubled = before.timeout * (2 + spread(random));
  const timeout = mrt !== 0 && doubled > mrt ? mrt * (1 + spread(random)) : doubled;
  return { ...before, count: before.count + 1, sentAt: now, timeout };
}

/** When something is due: the next message, or giving up. */
export function dueAt({ parameters, firstSentAt, sentAt, timeout }: Transmission): number {
  const next = sentAt + timeout;
  return parameters.mrd === 0 ? next : Math.min(next, firstSentAt + parameters.mrd);
}

/** The exchange has failed: the message was sent often enough, or for long enough. */
export function isExhausted({ parameters, firstSentAt, count }: Transmission, now: number): boolean {
  if (parameters.mrc !== 0 && count >= parameters.mrc) return true;
  return parameters.mrd !== 0 && now >= firstSentAt + parameters.mrd;
}

const SHORTEST_MAX_RT = 60;
const LONGEST_MAX_RT = 86_400;

/** A server's SOL_MAX_RT or INF_MAX_RT in milliseconds; undefined when it is one to be ignored (RFC 8415 §21.24). */
export function givenMaximum(seconds: number | undefined): number | undefined {
  if (seconds === undefined || seconds < SHORTEST_MAX_RT || seconds > LONGEST_MAX_RT) return undefined;
  return seconds * SECOND;
}
