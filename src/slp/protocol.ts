/** The numbers of SLPv2 (RFC 2608) and what its timers are by default. */

export const SLP_VERSION = 2;

/** RFC 2608 §6.1: UDP and TCP. */
export const SLP_PORT = 427;

/** RFC 2608 §6.1: the longest message in a datagram, in bytes, unless both ends know better. */
export const DATAGRAM_LENGTH = 1400;

/** RFC 2608 §11. */
export const DEFAULT_SCOPE = 'DEFAULT';

/** RFC 4018 §4.3: the localisation that every iSCSI service has. */
export const ENGLISH = 'en';

/** RFC 2608 §8. */
export const FunctionId = {
  SrvRqst: 1,
  SrvRply: 2,
  SrvReg: 3,
  SrvDeReg: 4,
  SrvAck: 5,
  AttrRqst: 6,
  AttrRply: 7,
  DAAdvert: 8,
  SrvTypeRqst: 9,
  SrvTypeRply: 10,
  SAAdvert: 11,
} as const;

/** RFC 2608 §7; 8 is not used. */
export const ErrorCode = {
  ok: 0,
  languageNotSupported: 1,
  parseError: 2,
  invalidRegistration: 3,
  scopeNotSupported: 4,
  authenticationUnknown: 5,
  authenticationAbsent: 6,
  authenticationFailed: 7,
  versionNotSupported: 9,
  internalError: 10,
  busyNow: 11,
  optionNotUnderstood: 12,
  invalidUpdate: 13,
  messageNotSupported: 14,
  refreshRejected: 15,
} as const;

/** The name that RFC 2608 §7 gives an error. */
export function errorName(code: number): string {
  const name = Object.entries(ErrorCode).find(([, value]) => value === code)?.[0];
  return name === undefined ? `error ${code}` : name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** RFC 2608 §13, in milliseconds. */
export interface SlpTiming {
  /** CONFIG_MC_MAX: the whole of a multicast request. */
  readonly multicastMax: number;
  /** CONFIG_START_WAIT: the longest random wait before the first search for DAs. */
  readonly startWait: number;
  /** CONFIG_RETRY: until the first retransmission; each further wait is twice as long. */
  readonly retry: number;
  /** CONFIG_RETRY_MAX: the whole of a unicast request. */
  readonly retryMax: number;
  /** CONFIG_DA_BEAT: between unsolicited DAAdverts. */
  readonly directoryAgentBeat: number;
  /** CONFIG_DA_FIND: the shortest time between two searches for DAs. */
  readonly directoryAgentFind: number;
  /** CONFIG_REG_PASSIVE and CONFIG_REG_ACTIVE: the shortest and the longest random wait before registering with a new DA. */
  readonly registerWait: readonly [least: number, most: number];
  /** CONFIG_CLOSE_CONN: how long an idle TCP connection stays. */
  readonly closeConnection: number;
}

export const defaultTiming: SlpTiming = {
  multicastMax: 15_000,
  startWait: 3_000,
  retry: 2_000,
  retryMax: 15_000,
  directoryAgentBeat: 3 * 3_600_000,
  directoryAgentFind: 900_000,
  registerWait: [1_000, 3_000],
  closeConnection: 300_000,
};
