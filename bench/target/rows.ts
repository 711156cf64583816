/** What is measured: each row with the ratio to tgtd that has to hold. */

import { type Contender, type ContenderName, IMAGE_SIZE } from './contenders.ts';
import { type ReadLoad, readByDiskless, readByIscsiPerf, type Work, writeByQemu } from './loads.ts';

export interface Row {
  readonly name: string;
  /** Bytes per command. */
  readonly size: number;
  /** Smallest ratio of our rate to tgtd's. */
  readonly goal?: number;
  /** Whether a quick run has it. */
  readonly quick: boolean;
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
  readRow({ size: 4 * KI, random: true, depth: 32, sessions, headerDigest: false }, 3, sessions === 8),
  readRow({ size: 64 * KI, random: false, depth: 32, sessions, headerDigest: false }, 2, false),
]);

const digests: Row[] = [
  readRow({ size: 4 * KI, random: true, depth: 32, sessions: 1, headerDigest: true }, undefined, true),
  readRow({ size: 64 * KI, random: false, depth: 32, sessions: 1, headerDigest: true }, undefined, false),
  ...([4 * KI, 64 * KI] as const).map(
    (size): Row => ({
      name: `read ${size / KI} KiB, random, depth 32, both digests (our initiator)`,
      size,
      quick: size === 64 * KI,
      contenders: ['diskless', 'tgtd'],
      measure: (contender, seconds) => readByDiskless(contender, size, 32, seconds),
    }),
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
  writeRow(256 * KI, 32, 1, false),
];

export const rows: readonly Row[] = [...reads, ...manySessions, ...digests, ...writes];
