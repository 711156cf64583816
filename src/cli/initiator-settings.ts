/** What every command that is an iSCSI initiator can be told. */

import { z } from 'zod';
import { DisklessError } from '../bytes/index.ts';
import { parseIscsiName } from '../iscsi/name.ts';
import { parseDuration } from './quantity.ts';
import { setting, textual, type ValuesOf } from './setting.ts';

const digestChoices = ['any', 'none', 'header', 'data', 'both'] as const;

export const initiatorSettings = {
  initiator: setting({
    help: 'the iSCSI name to log in as; default: one made from the hardware address',
    placeholder: 'iqn',
    schema: textual(parseIscsiName).optional(),
    fallback: undefined,
  }),
  chapFile: setting({
    help: 'prove who it is by CHAP: a line "initiator NAME SECRET", and "target NAME SECRET" to ask the target for proof',
    placeholder: 'file',
    schema: z.string().min(1).optional(),
    fallback: undefined,
  }),
  digests: setting({
    help: 'CRC-32C to insist on: header, data, both, none, or any (what the target prefers); default: any',
    placeholder: 'what',
    schema: z.enum(digestChoices, { error: `expected one of ${digestChoices.join(', ')}` }),
    fallback: 'any' as const,
  }),
};

/** For commands that make one step after the other. */
export const stepTimeoutSetting = {
  timeout: setting({
    help: 'how long one connection, login or command may take; default: 30s',
    placeholder: 'duration',
    schema: textual(parseStepTimeout),
    fallback: 30,
  }),
};

export type InitiatorSettings = ValuesOf<typeof initiatorSettings>;

/** Seconds. */
function parseStepTimeout(text: string): number {
  const seconds = parseDuration(text);
  if (seconds >= 1 && seconds <= 3600) return seconds;
  throw new DisklessError('USAGE_VALUE_INVALID', `a step cannot be given "${text}"`, { hint: 'Write 1s to 1h.' });
}
