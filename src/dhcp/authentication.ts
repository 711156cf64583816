/**
 * Authentication of DHCP messages (RFC 3118): option 90, and delayed authentication with HMAC-MD5, the same for both ends.
 *
 * The code covers the datagram and not the parsed message, so both functions work on its bytes: `signDatagram` fills in the code of
 * a datagram that is about to leave, `checkDatagram` says what one that has come proves.
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { bytes, layout, ProtocolError, u8, u32, u64 } from '../bytes/index.ts';
import { bootpMessageLength, optionAreas } from './message.ts';
import { Option } from './option.ts';
import { locateOptions, type OptionPlace } from './option-area.ts';

/** RFC 3118 §2. */
export const AuthenticationProtocol = { configurationToken: 0, delayed: 1 } as const;
/** RFC 3118 §5.2: the only algorithm of delayed authentication. */
const hmacMd5 = 1;
/** Replay Detection Method 0: a counter, strictly increasing (RFC 3118 §2, erratum 3474). */
const monotonicCounter = 0;
const codeLength = 16;

/** Option 90 as far as every protocol has it. */
const CommonPart = layout('DHCP authentication option', 11, {
  protocol: u8(0),
  algorithm: u8(1),
  replayDetectionMethod: u8(2),
  replayDetection: u64(3),
});

/** Option 90 of a message that proves itself by delayed authentication (RFC 3118 §5.2). */
const DelayedAuthentication = layout('DHCP delayed authentication', 31, {
  ...CommonPart.fields,
  secretIdentifier: u32(11),
  code: bytes(15, codeLength),
});

const Header = layout('header of a DHCP message', 28, { hops: u8(3), giaddr: bytes(24, 4) });

/** A key that a client shares with its server. */
export interface AuthenticationKey {
  /** The secret ID of RFC 3118 §5.2: 32 bits that name the key on the wire. */
  readonly secretIdentifier: number;
  readonly secret: Uint8Array;
}

/** What a datagram proves. */
export type Authenticity =
  /** There is no option 90. */
  | { readonly kind: 'absent' }
  /** Delayed authentication is asked for: DISCOVER and INFORM, which prove nothing themselves. */
  | { readonly kind: 'request'; readonly replayDetection: bigint }
  /** Whoever sent it has the key. That `replayDetection` is above what came before is for the caller to see. */
  | { readonly kind: 'proven'; readonly key: AuthenticationKey; readonly replayDetection: bigint }
  /** It must be discarded (RFC 3118 §5.3). `reason` is a clause that follows "it". */
  | { readonly kind: 'refuted'; readonly reason: string };

/** The value of option 90 in a DISCOVER or INFORM that wants an authenticated answer. */
export function authenticationRequest(replayDetection: bigint): Uint8Array {
  return CommonPart.encode({
    protocol: AuthenticationProtocol.delayed,
    algorithm: hmacMd5,
    replayDetectionMethod: monotonicCounter,
    replayDetection,
  });
}

/** The value of option 90 in every other message. Its code is zero until `signDatagram` has seen the whole datagram. */
export function unsignedAuthentication({ secretIdentifier }: AuthenticationKey, replayDetection: bigint): Uint8Array {
  return DelayedAuthentication.encode({
    protocol: AuthenticationProtocol.delayed,
    algorithm: hmacMd5,
    replayDetectionMethod: monotonicCounter,
    replayDetection,
    secretIdentifier,
  });
}

/** Writes the code into the option 90 that `unsignedAuthentication` made. Raises RangeError when the datagram has none. */
export function signDatagram(datagram: Uint8Array, { secret }: AuthenticationKey): void {
  const places = placesOf(datagram);
  const [own] = places.filter(({ code }) => code === Option.authentication.code);
  if (own?.length !== DelayedAuthentication.size) throw new RangeError('the datagram has no option 90 to sign');
  DelayedAuthentication.write(datagram, own.start, { code: codeOf(datagram, own, places, secret) });
}

/**
 * Which key the datagram proves, of those that `keyOf` knows. It never raises: what cannot be parsed is refuted.
 */
export function checkDatagram(
  datagram: Uint8Array,
  keyOf: (secretIdentifier: number) => AuthenticationKey | undefined,
): Authenticity {
  try {
    const places = placesOf(datagram);
    const [own, another] = places.filter(({ code }) => code === Option.authentication.code);
    if (own === undefined) return { kind: 'absent' };
    // Joined as RFC 3396 would, two instances have no one place for the code.
    if (another !== undefined) return { kind: 'refuted', reason: 'carries option 90 twice' };
    return checkOption(datagram, own, places, keyOf);
  } catch (error) {
    if (error instanceof ProtocolError) return { kind: 'refuted', reason: `does not parse: ${error.message}` };
    throw error;
  }
}

function checkOption(
  datagram: Uint8Array,
  own: OptionPlace,
  places: readonly OptionPlace[],
  keyOf: (secretIdentifier: number) => AuthenticationKey | undefined,
): Authenticity {
  const value = datagram.subarray(own.start, own.start + own.length);
  const { protocol, algorithm, replayDetectionMethod, replayDetection } = CommonPart.view(value);
  if (protocol !== AuthenticationProtocol.delayed || algorithm !== hmacMd5) {
    return { kind: 'refuted', reason: `uses protocol ${protocol} with algorithm ${algorithm}` };
  }
  if (replayDetectionMethod !== monotonicCounter) {
    return { kind: 'refuted', reason: `uses replay detection method ${replayDetectionMethod}` };
  }
  if (value.length === CommonPart.size) return { kind: 'request', replayDetection };
  if (value.length !== DelayedAuthentication.size) {
    return { kind: 'refuted', reason: `has an option 90 of ${value.length} bytes` };
  }
  const { secretIdentifier, code } = DelayedAuthentication.view(value);
  const key = keyOf(secretIdentifier);
  if (key === undefined) return { kind: 'refuted', reason: `is signed with the unknown key ${secretIdentifier}` };
  if (timingSafeEqual(code, codeOf(datagram, own, places, key.secret))) return { kind: 'proven', key, replayDetection };
  return { kind: 'refuted', reason: `has a wrong code for the key ${secretIdentifier}` };
}

function placesOf(datagram: Uint8Array): OptionPlace[] {
  return optionAreas(datagram).flatMap((area) => locateOptions(datagram, area));
}

/**
 * HMAC-MD5 over the datagram without what relay agents may change: `hops` and `giaddr` zero, and their own option 82 left out
 * (RFC 3118 §3, §5.3); the code itself counts as zero.
 */
function codeOf(
  datagram: Uint8Array,
  own: OptionPlace,
  places: readonly OptionPlace[],
  secret: Uint8Array,
): Uint8Array {
  // Not `slice`: of a socket's Buffer that is no copy.
  const signed = new Uint8Array(datagram);
  DelayedAuthentication.write(signed, own.start, { code: new Uint8Array(codeLength) });
  Header.write(signed, 0, { hops: 0, giaddr: new Uint8Array(4) });
  const hmac = createHmac('md5', secret);
  const relay = places.find(({ code }) => code === Option.relayAgentInformation.code);
  if (relay === undefined) return hmac.update(signed).digest();
  hmac.update(signed.subarray(0, relay.start - 2));
  hmac.update(signed.subarray(relay.start + relay.length));
  // A relay agent puts its option into the padding that ends a message of BOOTP's length, and pads again what it takes it out of.
  const without = signed.length - relay.length - 2;
  return hmac.update(new Uint8Array(Math.max(0, bootpMessageLength - without))).digest();
}

/**
 * The counters of one end, for the replay detection of both directions.
 *
 * What is sent is an NTP timestamp, as RFC 3118 §2 advises: it still rises after a restart, without anything being stored.
 */
export class ReplayCounters {
  #sent = 0n;
  readonly #received = new Map<string, bigint>();
  readonly #mostPeers: number;

  /** Counters of at most `mostPeers` peers are kept; a further one pushes out the one that came longest ago. */
  constructor(mostPeers: number) {
    this.#mostPeers = mostPeers;
  }

  /** The value for the next message. `now` is in milliseconds since the Unix epoch. */
  next(now: number): bigint {
    const timestamp = ntpTimestamp(now);
    this.#sent = timestamp > this.#sent ? timestamp : this.#sent + 1n;
    return this.#sent;
  }

  /** Whether a proven message of `peer` is newer than every one before it; if so it is the newest now. */
  advance(peer: string, replayDetection: bigint): boolean {
    const before = this.#received.get(peer);
    if (before !== undefined && replayDetection <= before) return false;
    this.#received.delete(peer);
    this.#received.set(peer, replayDetection);
    if (this.#received.size > this.#mostPeers) {
      const [oldest] = this.#received.keys();
      if (oldest !== undefined) this.#received.delete(oldest);
    }
    return true;
  }
}

const secondsFrom1900To1970 = 2_208_988_800n;

function ntpTimestamp(milliseconds: number): bigint {
  const whole = BigInt(Math.floor(milliseconds));
  const seconds = whole / 1000n + secondsFrom1900To1970;
  return (seconds << 32n) | (((whole % 1000n) << 32n) / 1000n);
}
