/** `diskless iscsi read`: blocks of a disk, to stdout or a file. */

import type { Command } from 'commander';
import { parseSize } from '../../quantity.ts';
import { setting, textual, type ValuesOf } from '../../setting.ts';
import { addAction } from '../../setting-flags.ts';
import { commonSettings, diskSetting, ENVIRONMENT_PREFIX, jsonSetting } from './settings.ts';

const readDiskSettings = {
  ...diskSetting,
  offset: setting({
    help: 'where to begin, such as 1M; default: 0',
    placeholder: 'size',
    schema: textual(parseSize),
    fallback: 0,
  }),
  length: setting({
    help: 'how much to read; default: to the end of the disk',
    placeholder: 'size',
    schema: textual(parseSize).optional(),
    fallback: undefined,
  }),
  out: setting({
    help: 'the file to write, which is made or emptied; default: stdout',
    placeholder: 'file',
    schema: textual((text) => text).optional(),
    fallback: undefined,
  }),
  ...commonSettings,
  ...jsonSetting,
};

export type ReadDiskSettings = ValuesOf<typeof readDiskSettings>;

export function registerRead(iscsi: Command): void {
  const command = iscsi.command('read').description('copy blocks of a disk to stdout or a file');
  addAction(command, readDiskSettings, { prefix: ENVIRONMENT_PREFIX }, async (settings) =>
    (await import('../../actions/iscsi/read.ts')).read(settings),
  );
}
