/** What every command that is an iSCSI initiator can be told, and the initiator that follows from it. */

import { z } from 'zod';
import { defaultInitiatorName } from '../boot/initiator-name.ts';
import { DisklessError } from '../bytes/index.ts';
import { Initiator, type InitiatorOptions } from '../initiator/initiator.ts';
import type { ChapCredentials } from '../iscsi/chap.ts';
import { parseIscsiName } from '../iscsi/name.ts';
import type { Wishes } from '../iscsi/parameters.ts';
import { systemClock } from '../os/clock.ts';
import type { FileSystem } from '../os/file.ts';
import { nodeFileSystem } from '../os/node-file-system.ts';
import { nodeNetwork } from '../os/node-network.ts';
import { readChapFile } from './chap-secrets.ts';
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

/** An initiator on this machine's network. Raises CHAP_FILE_INVALID, CHAP_FILE_EXPOSED and the errors of files. */
export async function makeInitiator(settings: InitiatorSettings & { readonly timeout: number }): Promise<Initiator> {
  const milliseconds = settings.timeout * 1000;
  return new Initiator({
    network: nodeNetwork,
    clock: systemClock,
    initiatorName: settings.initiator ?? defaultInitiatorName(undefined, nodeNetwork.interfaces()),
    timeouts: { connect: milliseconds, login: milliseconds, command: milliseconds, exchange: milliseconds },
    ...(await securityOf(settings, nodeFileSystem)),
  });
}

/** Proof and digests, as the initiator takes them. Raises as `makeInitiator` does. */
export async function securityOf(
  { chapFile, digests }: Pick<InitiatorSettings, 'chapFile' | 'digests'>,
  files: FileSystem,
): Promise<Pick<InitiatorOptions, 'chap' | 'wishes'>> {
  return {
    ...(chapFile === undefined ? {} : { chap: await readCredentials(files, chapFile) }),
    ...(digests === 'any' ? {} : { wishes: digestWishes(digests) }),
  };
}

async function readCredentials(files: FileSystem, path: string): Promise<ChapCredentials> {
  const { initiators, target } = await readChapFile(files, path);
  const [initiator, another] = initiators;
  if (initiator === undefined || another !== undefined) {
    throw new DisklessError(
      'CHAP_FILE_INVALID',
      `${path} names ${initiators.length} initiators, and one is to log in`,
      {
        hint: 'Leave one line "initiator NAME SECRET" in it.',
      },
    );
  }
  return target === undefined ? { initiator } : { initiator, target };
}

function digestWishes(digests: Exclude<InitiatorSettings['digests'], 'any'>): Partial<Wishes> {
  const insist = (wanted: boolean) => (wanted ? (['CRC32C'] as const) : (['None'] as const));
  return {
    headerDigest: insist(digests === 'header' || digests === 'both'),
    dataDigest: insist(digests === 'data' || digests === 'both'),
  };
}
