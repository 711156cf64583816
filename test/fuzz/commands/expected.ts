/** What has to come of a command, and whether an answer is that. */

import { type Sense, senseText } from '../../../src/scsi/sense.ts';
import { Status } from '../../../src/scsi/status.ts';

/** How a command may fail: by its status, or by the sense of a CHECK CONDITION. What of the sense is not named may be anything. */
export type Refusal = 'conflict' | Sense;

/**
 * `data` is what comes in, before it is cut to what the initiator takes; undefined where nobody has to know. `wanted` is what
 * the command takes of data that goes out; all of it where it is not said. A list is cut to the allocation length, and its entries
 * come in any order. The standards set no order among the faults of one command either: any of `refusals` will do.
 */
export type Expected =
  | { readonly kind: 'list'; readonly head: Buffer; readonly entries: readonly Buffer[] }
  | { readonly kind: 'good'; readonly data?: Buffer; readonly wanted?: number }
  | { readonly kind: 'refused'; readonly refusals: readonly Refusal[] };

export interface Answer {
  readonly status: number;
  readonly sense: Sense | undefined;
  readonly senseFormat: 'fixed' | 'descriptor' | undefined;
  readonly data: Buffer;
  /** Positive: overflow; negative: underflow. */
  readonly residual: number;
}

export const GOOD: Expected = { kind: 'good' };

export function refused(...refusals: readonly Refusal[]): Expected {
  return { kind: 'refused', refusals };
}

const ILLEGAL_REQUEST = 5;

export function illegal(code: number): Sense {
  return { key: ILLEGAL_REQUEST, code };
}

export function invalidInCdb(byte: number): Sense {
  return { ...illegal(0x2400), field: { in: 'cdb', byte } };
}

export function invalidInList(byte: number): Sense {
  return { ...illegal(0x2600), field: { in: 'parameters', byte } };
}

export const PARAMETER_LIST_LENGTH_ERROR = illegal(0x1a00);

/** What is wrong with an answer to a command that sent `sent` bytes and took up to `room`; undefined when nothing is. */
export function difference(
  expected: Expected,
  answer: Answer,
  { sent, room, senseFormat }: { sent: number; room: number; senseFormat: 'fixed' | 'descriptor' },
): string | undefined {
  if (expected.kind === 'refused') {
    if (answer.senseFormat !== undefined && answer.senseFormat !== senseFormat) return `sense is not ${senseFormat}`;
    if (expected.refusals.some((refusal) => isRefusal(refusal, answer))) return undefined;
    return `${textOf(answer)}, not ${expected.refusals.map(refusalText).join(' or ')}`;
  }
  if (answer.status !== Status.good) return `${textOf(answer)}, not GOOD`;
  if (expected.kind === 'list') return listDifference(expected, answer, room);
  if (sent > 0) {
    const residual = (expected.wanted ?? sent) - sent;
    return answer.residual === residual ? undefined : `a residual of ${answer.residual}, not ${residual}`;
  }
  const { data } = expected;
  if (data === undefined) return undefined;
  if (!answer.data.equals(data.subarray(0, room))) {
    return `other data: ${excerpt(answer.data)}, not ${excerpt(data.subarray(0, room))}`;
  }
  const residual = data.length - room;
  return answer.residual === residual ? undefined : `a residual of ${answer.residual}, not ${residual}`;
}

function listDifference(
  { head, entries }: Extract<Expected, { kind: 'list' }>,
  { data, residual }: Answer,
  room: number,
): string | undefined {
  const length = entries.reduce((sum, entry) => sum + entry.length, head.length);
  const underflow = Math.min(0, length - room);
  if (data.length !== Math.min(length, room)) return `${data.length} bytes of a list of ${length}`;
  if (residual !== underflow) return `a residual of ${residual}, not ${underflow}`;
  let left = [head];
  const following = [...entries];
  for (let at = 0; at < data.length; ) {
    const next = left.find((entry) => data.subarray(at, at + entry.length).equals(entry.subarray(0, data.length - at)));
    if (next === undefined) return `a list with something else at byte ${at}: ${excerpt(data.subarray(at))}`;
    left = at === 0 ? following : left.filter((entry) => entry !== next);
    at += next.length;
  }
  return undefined;
}

function isRefusal(refusal: Refusal, { status, sense }: Answer): boolean {
  if (refusal === 'conflict') return status === Status.reservationConflict;
  if (status !== Status.checkCondition || sense === undefined) return false;
  const { key, code, field, information } = refusal;
  if (sense.key !== key || sense.code !== code) return false;
  if (field !== undefined && (sense.field?.in !== field.in || sense.field.byte !== field.byte)) return false;
  return information === undefined || sense.information === information;
}

function refusalText(refusal: Refusal): string {
  return refusal === 'conflict' ? 'RESERVATION CONFLICT' : senseAndPlace(refusal);
}

function textOf({ status, sense }: Answer): string {
  if (status === Status.reservationConflict) return 'RESERVATION CONFLICT';
  if (sense !== undefined) return senseAndPlace(sense);
  return status === Status.good ? 'GOOD' : `status ${status}`;
}

function senseAndPlace(sense: Sense): string {
  const { field, information } = sense;
  const place = field === undefined ? '' : ` at byte ${field.byte} of ${field.in}`;
  return senseText(sense) + place + (information === undefined ? '' : `, information ${information}`);
}

function excerpt(bytes: Buffer): string {
  return `${bytes.length} bytes ${bytes.toString('hex', 0, 48)}`;
}
