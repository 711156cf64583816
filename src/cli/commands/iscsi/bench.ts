/** `diskless iscsi bench`: how fast a disk is through this program's own initiator. */

import type { Command } from 'commander';
import { z } from 'zod';
import { DisklessError } from '../../../bytes/index.ts';
import { parseDuration, parseSize } from '../../quantity.ts';
import { listOf, onOrOff, setting, textual, type ValuesOf } from '../../setting.ts';
import { addAction } from '../../setting-flags.ts';
import { commonSettings, diskSetting, ENVIRONMENT_PREFIX, jsonSetting } from './settings.ts';

const patterns = ['random', 'sequential'] as const;

const benchSettings = {
  ...diskSetting,
  write: setting({
    help: 'measure writes instead of reads: they DESTROY what is on the disk',
    schema: onOrOff,
    fallback: false,
  }),
  size: setting({
    help: 'bytes of a request; several sizes are measured one after the other; default: 4K,64K,256K',
    placeholder: 'size',
    repeats: true,
    schema: listOf(textual(parseSize)),
    fallback: [4096, 65_536, 262_144],
  }),
  pattern: setting({
    help: 'random or sequential; default: random',
    placeholder: 'order',
    schema: z.enum(patterns, { error: `expected one of ${patterns.join(', ')}` }),
    fallback: 'random' as const,
  }),
  depth: setting({
    help: 'requests under way at a time in each session, 1 to 128; default: 32',
    placeholder: 'number',
    schema: textual((text) => parseCount(text, 128)),
    fallback: 32,
  }),
  sessions: setting({
    help: 'sessions at a time, 1 to 64; default: 1',
    placeholder: 'number',
    schema: textual((text) => parseCount(text, 64)),
    fallback: 1,
  }),
  seconds: setting({
    help: 'how long each size is measured; default: 5s',
    placeholder: 'duration',
    schema: textual(parseRunTime),
    fallback: 5,
  }),
  ...commonSettings,
  ...jsonSetting,
};

export type BenchSettings = ValuesOf<typeof benchSettings>;

export function registerBench(iscsi: Command): void {
  const command = iscsi
    .command('bench')
    .description('measure a disk through this program’s own initiator: rate and latency');
  addAction(command, benchSettings, { prefix: ENVIRONMENT_PREFIX }, async (settings) =>
    (await import('../../actions/iscsi/bench.ts')).bench(settings),
  );
}

function invalid(message: string, hint: string): DisklessError {
  return new DisklessError('USAGE_VALUE_INVALID', message, { hint });
}

function parseCount(text: string, most: number): number {
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= most) return count;
  throw invalid(`"${text}" is not a number of 1 to ${most}`, `Write 1 to ${most}.`);
}

function parseRunTime(text: string): number {
  const seconds = parseDuration(text);
  if (seconds >= 1 && seconds <= 86_400) return seconds;
  throw invalid(`a measurement cannot take "${text}"`, 'Write 1s to 1d.');
}
