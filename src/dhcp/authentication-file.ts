/**
 * The file of keys for authenticated DHCP (RFC 3118), without I/O:
 *
 *     # any client
 *     key     1   a-secret-of-16-bytes-or-more
 *     # this client alone, as RFC 3118 §5.4 wants it
 *     client  52:54:00:12:34:56   2   hex:00112233445566778899aabbccddeeff
 *
 * A line is one of the two words, for `client` its hardware address, the secret ID and the secret; the secret is the rest of the line.
 */

import { DisklessError, type MacAddress, parseMac } from '../bytes/index.ts';
import type { AuthenticationKey } from './authentication.ts';

/** RFC 2104 §3: an HMAC key shorter than the hash's output weakens it. */
const minimumSecretLength = 16;

export interface AuthenticationKeyEntry extends AuthenticationKey {
  /** The only client that has the key; undefined when several may share it. */
  readonly client: MacAddress | undefined;
}

/** `path` is for the messages. Raises DHCP_AUTH_FILE_INVALID; no message shows a secret. */
export function parseAuthenticationFile(text: string, path: string): AuthenticationKeyEntry[] {
  const entries: AuthenticationKeyEntry[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const entry = parseLine(line, `${path} line ${index + 1}`);
    if (entries.some(({ secretIdentifier }) => secretIdentifier === entry.secretIdentifier)) {
      throw invalid(`${path} line ${index + 1}: the secret ID ${entry.secretIdentifier} is there already`);
    }
    entries.push(entry);
  }
  if (entries.length === 0) throw invalid(`${path} has no key`);
  return entries;
}

/** The keys that a client may use: its own ones, then those of everybody. */
export function keysOfClient(entries: readonly AuthenticationKeyEntry[], client: MacAddress): AuthenticationKeyEntry[] {
  const own = entries.filter((entry) => entry.client === client);
  return [...own, ...entries.filter((entry) => entry.client === undefined)];
}

function parseLine(line: string, place: string): AuthenticationKeyEntry {
  const match = /^(?:key|client\s+(?<client>\S+))\s+(?<identifier>\d{1,10})\s+(?<secret>\S.*)$/.exec(line);
  const { client, identifier, secret } = match?.groups ?? {};
  if (identifier === undefined || secret === undefined) {
    throw invalid(`${place} is neither "key ID SECRET" nor "client HARDWARE-ADDRESS ID SECRET"`);
  }
  const secretIdentifier = Number(identifier);
  if (secretIdentifier > 0xffff_ffff) throw invalid(`${place}: the secret ID ${identifier} does not fit 32 bits`);
  const bytes = secretBytes(secret, place);
  if (bytes.length < minimumSecretLength) {
    throw invalid(`${place}: the secret ${identifier} is shorter than ${minimumSecretLength} bytes`);
  }
  return { secretIdentifier, secret: bytes, client: client === undefined ? undefined : clientOf(client, place) };
}

function secretBytes(secret: string, place: string): Uint8Array {
  const digits = /^hex:(.*)$/.exec(secret)?.[1];
  if (digits === undefined) return Buffer.from(secret);
  if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) throw invalid(`${place}: what follows "hex:" is not pairs of digits`);
  return Buffer.from(digits, 'hex');
}

function clientOf(text: string, place: string): MacAddress {
  try {
    return parseMac(text);
  } catch (cause) {
    throw invalid(`${place}: "${text}" is not a hardware address`, cause);
  }
}

function invalid(message: string, cause?: unknown): DisklessError {
  const hint = 'Write lines such as "key 1 a-secret-of-16-bytes-or-more".';
  return new DisklessError('DHCP_AUTH_FILE_INVALID', message, { hint, cause });
}
