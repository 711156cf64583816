/** What is measured: each row with the ratio to tgtd that has to hold. */

import { type Contender, type ContenderName, IMAGE_SIZE } from './contenders.ts';
import {
  type InitiatorLoad,
  loadByInitiator,
  type ReadLoad,
  readByIscsiPerf,
  type Work,
  writeByQemu,
} from './loads.ts';

export interface Row {
  readonly name: string;
  /** Bytes per command. */
  readonly size: number;
  /** Smallest ratio of our rate to tgtd's. */
  readonly goal?: number;
  /** Whether a quick run has it. */
  readonly quick: boolean;
  /** Whether its commands are WRITEs. */
  readonly writes: boolean;
  /** Who can be measured: the bare responder only reads, without digests. */
  readonly contenders: readonly ContenderName[];
  /** One run; `round` counts from 0. */
  measure(contender: Contender, seconds: number, round: number): Promise<Work>;
}

const KI = 1024;
const sizes = [4 * KI, 64 * KI, 256 * KI] as const;

const readGoals: Readonly<Record<number, number>> = { [4 * KI]: 3, [64 * KI]: 2, [256 * KI]: 1.3 };

function readRow(load: ReadLoad, goal: number | undefined, quick: boolean): Row {
  const { size, random, depth, sessions, headerDigest } = load;
  const words = [`read ${size / KI} KiB`, random ? 'random' : 'sequential', `depth ${depth}`];
  if (sessions > 1) words.push(`${sessions} sessions`);
  if (headerDigest) words.push('header digest');
  return {
    name: words.join(', '),
    size,
    quick,
    ...(goal === undefined ? {} : { goal }),
    writes: false,
    contenders: headerDigest ? ['diskless', 'tgtd'] : ['diskless', 'tgtd', 'bare'],
    measure: (contender, seconds) => readByIscsiPerf(contender, load, seconds),
  };
}

const single = { sessions: 1, headerDigest: false } as const;

const reads: Row[] = [1, 32].flatMap((depth) =>
  sizes.flatMap((size) =>
    [false, true].map((random) =>
      readRow({ ...single, size, random, depth }, depth === 1 ? 1.2 : readGoals[size], random === (size === 4 * KI)),
    ),
  ),
);

const manySessions: Row[] = [8, 32].flatMap((sessions) => [
  readRow({ size: 4 * KI, random: true, depth: 1, sessions, headerDigest: false }, 1.2, false),
  readRow({ size: 4 * KI, random: true, depth: 32, sessions, headerDigest: false }, 3, sessions === 8),
  readRow({ size: 64 * KI, random: false, depth: 32, sessions, headerDigest: false }, 2, false),
  readRow({ size: 256 * KI, random: false, depth: 32, sessions, headerDigest: false }, 1.3, false),
]);

function initiatorRow(load: InitiatorLoad, goal: number | undefined, quick: boolean): Row {
  const { operation, size, random, depth, sessions, digests } = load;
  const words = [`${operation} ${size / KI} KiB`, random ? 'random' : 'sequential', `depth ${depth}`];
  if (sessions > 1) words.push(`${sessions} sessions`);
  if (digests) words.push('both digests');
  return {
    name: `${words.join(', ')} (our initiator)`,
    size,
    quick,
    ...(goal === undefined ? {} : { goal }),
    writes: operation === 'write',
    contenders: ['diskless', 'tgtd'],
    measure: (contender, seconds) => loadByInitiator(contender, load, seconds),
  };
}

const one = { depth: 32, sessions: 1 } as const;

const digests: Row[] = [
  readRow({ size: 4 * KI, random: true, headerDigest: true, ...one }, undefined, true),
  readRow({ size: 64 * KI, random: false, headerDigest: true, ...one }, undefined, false),
  ...sizes.map((size) =>
    initiatorRow({ operation: 'read', size, random: true, digests: true, ...one }, undefined, size === 64 * KI),
  ),
  ...sizes.map((size) =>
    initiatorRow({ operation: 'write', size, random: false, digests: true, ...one }, undefined, false),
  ),
];

const initiatorWrites: Row[] = [
  ...sizes.map((size) =>
    initiatorRow({ operation: 'write', size, random: true, digests: false, ...one }, size === 4 * KI ? 1.5 : 1, false),
  ),
  ...[8, 32].map((sessions) =>
    initiatorRow({ operation: 'write', size: 4 * KI, random: true, depth: 8, sessions, digests: false }, 1, false),
  ),
];

/** Commands of one run; the run ends within the image wherever it starts. */
const writeCounts: Readonly<Record<number, number>> = { [4 * KI]: 30_000, [64 * KI]: 4_000, [256 * KI]: 1_000 };

function writeRow(size: number, depth: number, goal: number, quick: boolean): Row {
  const count = (writeCounts[size] ?? 1000) / (depth === 1 ? 4 : 1);
  return {
    name: `write ${size / KI} KiB, sequential, depth ${depth}`,
    size,
    goal,
    quick,
    writes: true,
    contenders: ['diskless', 'tgtd'],
    // QEMU wraps to the start at the end of the disk. Rounds start apart, so that the first rounds write what was never written.
    measure: (contender, _seconds, round) =>
      writeByQemu(contender, { size, depth, count, offset: (round * count * size) % IMAGE_SIZE }),
  };
}

const writes: Row[] = [
  writeRow(4 * KI, 32, 1.5, true),
  writeRow(4 * KI, 1, 1, false),
  writeRow(64 * KI, 32, 1, true),
  writeRow(64 * KI, 1, 1, false),
  writeRow(256 * KI, 32, 1, false),
  writeRow(256 * KI, 1, 1, false),
];

export const rows: readonly Row[] = [...reads, ...manySessions, ...digests, ...writes, ...initiatorWrites];
