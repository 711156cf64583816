/** `diskless iscsi inquiry`: what a disk says of itself. */

import type { Command } from 'commander';
import type { ValuesOf } from '../../setting.ts';
import { addAction } from '../../setting-flags.ts';
import { commonSettings, diskSetting, ENVIRONMENT_PREFIX, jsonSetting } from './settings.ts';

const inquirySettings = { ...diskSetting, ...commonSettings, ...jsonSetting };

export type InquirySettings = ValuesOf<typeof inquirySettings>;

export function registerInquiry(iscsi: Command): void {
  const command = iscsi
    .command('inquiry')
    .description('show what a disk says of itself: identity, capacity, limits, pages');
  addAction(command, inquirySettings, { prefix: ENVIRONMENT_PREFIX }, async (settings) =>
    (await import('../../actions/iscsi/inquiry.ts')).inquiry(settings),
  );
}
