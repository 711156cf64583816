/** The initiator of a command, as its settings want it. */

import { defaultInitiatorName } from '../boot/initiator-name.ts';
import { DisklessError } from '../bytes/index.ts';
import { Initiator, type InitiatorOptions } from '../initiator/initiator.ts';
import type { ChapCredentials } from '../iscsi/chap.ts';
import type { Wishes } from '../iscsi/parameters.ts';
import { systemClock } from '../os/clock.ts';
import type { FileSystem } from '../os/file.ts';
import { nodeFileSystem } from '../os/node-file-system.ts';
import { nodeNetwork } from '../os/node-network.ts';
import { readChapFile } from './chap-secrets.ts';
import type { InitiatorSettings } from './initiator-settings.ts';

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
