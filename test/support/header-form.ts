/**
 * Whether a header is as RFC 7143 §11 draws it: reserved bits and fields are zero, and fields that count only in some cases are filled
 * in only there. Written from the drawings, not from the code's layouts. What both ends of the tests look at every PDU with.
 */

import { readU32, serialAdd, serialLess } from '../../src/bytes/index.ts';

const NO_TAG = 0xffff_ffff;

/** Which bits may be set, word by word as drawn. */
const drawings: Readonly<Record<number, string>> = {
  // What an initiator sends (the I bit is 40).
  0: '40800000 00ffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff 00000000 00000000 00000000 00000000',
  1: '41e70000 ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff',
  2: '42ff0000 00000000 ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff 00000000 00000000',
  3: '43cfffff 00ffffff ffffffff ffffffff ffffffff ffff0000 ffffffff ffffffff 00000000 00000000 00000000 00000000',
  4: '44c00000 00ffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff 00000000 00000000 00000000 00000000',
  5: '05800000 00ffffff ffffffff ffffffff ffffffff ffffffff 00000000 ffffffff 00000000 ffffffff ffffffff 00000000',
  6: '46ff0000 00000000 00000000 00000000 ffffffff ffff0000 ffffffff ffffffff 00000000 00000000 00000000 00000000',
  16: '108f0000 00000000 ffffffff ffffffff ffffffff ffffffff 00000000 ffffffff 00000000 00000000 ffffffff ffffffff',
  // What a target sends.
  32: '20800000 00ffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff 00000000 00000000 00000000',
  33: '219effff 00ffffff 00000000 00000000 ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff',
  34: '2280ff00 00000000 ffffff00 00000000 ffffffff 00000000 ffffffff ffffffff ffffffff 00000000 00000000 00000000',
  35: '23cfffff 00ffffff ffffffff ffffffff ffffffff 00000000 ffffffff ffffffff ffffffff ffff0000 00000000 00000000',
  36: '24c00000 00ffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff 00000000 00000000 00000000',
  37: '25c700ff 00ffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff',
  38: '2680ff00 00000000 00000000 00000000 ffffffff 00000000 ffffffff ffffffff ffffffff 00000000 ffffffff 00000000',
  49: '31800000 00000000 ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff',
  50: '32800000 00ffffff ffffffff ffffffff ffffffff 00000000 ffffffff ffffffff ffffffff ffffffff ffffffff 00000000',
  63: '3f80ff00 00ffffff 00000000 00000000 ffffffff 00000000 ffffffff ffffffff ffffffff ffffffff 00000000 00000000',
};

const masks = new Map(
  Object.entries(drawings).map(([opcode, words]) => [Number(opcode), Buffer.from(words.replaceAll(' ', ''), 'hex')]),
);

/** Those whose bit 0 of byte 1 is drawn as 1. */
const alwaysFinal = new Set([0, 2, 6, 16, 32, 33, 34, 38, 49, 50, 63]);

const initiatorTaskTag = (header: Uint8Array): number => readU32(header, 16);
const targetTransferTag = (header: Uint8Array): number => readU32(header, 20);
const flags = (header: Uint8Array): number => header[1] ?? 0;
const dataSegmentLength = (header: Uint8Array): number => readU32(header, 4) % 0x0100_0000;
const isZero = (header: Uint8Array, from: number, to: number): boolean =>
  header.subarray(from, to).every((byte) => byte === 0);
/** The LUN is reserved where no transfer tag goes with it. */
const lunWithTag = (header: Uint8Array): boolean => targetTransferTag(header) !== NO_TAG || isZero(header, 8, 16);
/** F and the end of the exchange go together; what goes on is not final. */
const textFlags = (header: Uint8Array): boolean => (flags(header) & 0xc0) !== 0xc0;

interface Rule {
  readonly clause: string;
  readonly holds: (header: Uint8Array) => boolean;
}

const rule = (clause: string, holds: (header: Uint8Array) => boolean): Rule => ({ clause, holds });

const rules: Readonly<Record<number, readonly Rule[]>> = {
  0: [
    // The answer to AsyncEvent 5 has neither tag, and the LUN of the event (§11.9.1).
    rule('§11.18.2: a LUN only with a Target Transfer Tag', (header) =>
      initiatorTaskTag(header) === NO_TAG ? true : lunWithTag(header),
    ),
    rule('§11.18.1: immediate when no answer is asked for', (header) =>
      initiatorTaskTag(header) === NO_TAG ? header[0] === 0x40 : targetTransferTag(header) === NO_TAG,
    ),
  ],
  1: [
    rule('§11.3.1: W or F', (header) => (flags(header) & 0xa0) !== 0),
    rule(
      '§11.3.1: a direction where data is expected',
      (header) => (flags(header) & 0x60) !== 0 || isZero(header, 20, 24),
    ),
  ],
  2: [
    rule('§11.5.3: no LUN for TARGET WARM RESET, TARGET COLD RESET, TASK REASSIGN', (header) =>
      [6, 7, 8].includes(flags(header) & 0x7f) ? isZero(header, 8, 16) : true,
    ),
    rule('§11.5.4: a Referenced Task Tag only for ABORT TASK and TASK REASSIGN (RFC 7144: and QUERY TASK)', (header) =>
      [1, 8, 9].includes(flags(header) & 0x7f) ? true : targetTransferTag(header) === NO_TAG,
    ),
    rule('§11.5.5: RefCmdSN only for ABORT TASK (RFC 7144: and QUERY TASK)', (header) =>
      [1, 9].includes(flags(header) & 0x7f) ? true : isZero(header, 32, 36),
    ),
    rule('§11.5.6: ExpDataSN only for TASK REASSIGN', (header) =>
      (flags(header) & 0x7f) === 8 ? true : isZero(header, 36, 40),
    ),
  ],
  3: [
    rule('§11.12: always immediate', (header) => header[0] === 0x43),
    rule('§11.12.2: T and C exclude each other', textFlags),
    rule('§11.12.3: NSG only with T', (header) => (flags(header) & 0x80) !== 0 || (flags(header) & 3) === 0),
  ],
  4: [rule('§11.10.2: F and C exclude each other', textFlags), rule('§11.10.4: a LUN only with a tag', lunWithTag)],
  5: [rule('§11.7.4: a LUN only with a Target Transfer Tag', lunWithTag)],
  6: [rule('§11.14.3: no CID to close a session', (header) => (flags(header) & 0x7f) !== 0 || isZero(header, 20, 22))],
  32: [
    rule('§11.19.3: a LUN only with a Target Transfer Tag', lunWithTag),
    rule(
      '§11.19: data only in answers',
      (header) => initiatorTaskTag(header) !== NO_TAG || dataSegmentLength(header) === 0,
    ),
    rule(
      '§11.19.1: an answer has no Target Transfer Tag',
      (header) => initiatorTaskTag(header) === NO_TAG || targetTransferTag(header) === NO_TAG,
    ),
  ],
  33: [
    rule('§11.4.5.1: a residual count only with O or U, not both', (header) => {
      const overflowAndUnderflow = flags(header) & 0x06;
      return overflowAndUnderflow === 0 ? isZero(header, 44, 48) : overflowAndUnderflow !== 0x06;
    }),
    rule('§11.4.6: likewise for what is read by a bidirectional command', (header) => {
      const overflowAndUnderflow = flags(header) & 0x18;
      return overflowAndUnderflow === 0 ? isZero(header, 40, 44) : overflowAndUnderflow !== 0x18;
    }),
  ],
  35: [
    rule('§11.13.7: T and C exclude each other', textFlags),
    rule('§11.12.3: NSG only with T', (header) => (flags(header) & 0x80) !== 0 || (flags(header) & 3) === 0),
  ],
  36: [
    rule('§11.11.2: F and C exclude each other', textFlags),
    rule('§11.11.4: a tag as long as the exchange goes on', (header) =>
      (flags(header) & 0x80) === 0 ? targetTransferTag(header) !== NO_TAG : targetTransferTag(header) === NO_TAG,
    ),
    rule('§11.10.4: a LUN only with a tag', lunWithTag),
  ],
  37: [
    rule('§11.7.3: S only in the last PDU, and what counts only with it', (header) =>
      (flags(header) & 1) === 1
        ? (flags(header) & 0x80) !== 0
        : (flags(header) & 6) === 0 && header[3] === 0 && isZero(header, 24, 28) && isZero(header, 44, 48),
    ),
    rule('§11.7.3: a residual count only with O or U, not both', (header) =>
      (flags(header) & 6) === 0 ? isZero(header, 44, 48) : (flags(header) & 6) !== 6,
    ),
    rule('§11.7.4: a Target Transfer Tag with A only', (header) =>
      (flags(header) & 0x40) === 0 ? targetTransferTag(header) === NO_TAG : targetTransferTag(header) !== NO_TAG,
    ),
    rule('§11.7.4: a LUN only with a Target Transfer Tag', lunWithTag),
  ],
  49: [
    rule('§11.8.4: asks for something', (header) => !isZero(header, 44, 48)),
    rule('§11.8.5: has a Target Transfer Tag', (header) => targetTransferTag(header) !== NO_TAG),
  ],
  50: [
    rule('§11.9: no task', (header) => initiatorTaskTag(header) === NO_TAG),
    rule('§11.9.3: a LUN only for SCSI events and terminated tasks', (header) =>
      header[36] === 0 || header[36] === 5 ? true : isZero(header, 8, 16),
    ),
  ],
  63: [
    rule('§11.17: no task', (header) => initiatorTaskTag(header) === NO_TAG),
    rule('§11.17.4: brings a header back', (header) => dataSegmentLength(header) >= 48),
  ],
};

/** Raises an Error that names the clause. */
export function checkHeaderForm(header: Uint8Array): void {
  const opcode = (header[0] ?? 0) & 0x3f;
  const mask = masks.get(opcode);
  const fail = (what: string): never => {
    throw new Error(`opcode 0x${opcode.toString(16)}: ${what}: ${Buffer.from(header.subarray(0, 48)).toString('hex')}`);
  };
  if (mask === undefined) fail('not an opcode of RFC 7143 §11.2.1.2');
  for (const [at, allowed] of (mask ?? []).entries()) {
    if (((header[at] ?? 0) & ~allowed) !== 0) fail(`reserved bits of byte ${at}`);
  }
  if (alwaysFinal.has(opcode) && (flags(header) & 0x80) === 0) fail('F is always 1');
  // RFC 7143 §4.2.2.1
  if (opcode >= 0x20 && serialLess(readU32(header, 32), serialAdd(readU32(header, 28), -1)))
    fail('MaxCmdSN < ExpCmdSN - 1');
  for (const { clause, holds } of rules[opcode] ?? []) if (!holds(header)) fail(`RFC 7143 ${clause}`);
}
