/** Every setting of `diskless doctor`. */

import { z } from 'zod';
import { DisklessError } from '../bytes/index.ts';
import { initiatorSettings } from './initiator-settings.ts';
import { parseDuration } from './quantity.ts';
import { onOrOff, setting, textual, type ValuesOf } from './setting.ts';

export const doctorSettings = {
  interface: setting({
    help: 'the network interface to ask on; default: the only one there is',
    placeholder: 'name',
    schema: textual((text) => text).optional(),
    fallback: undefined,
  }),
  dhcp: setting({
    help: 'v4, or off: look at --root-path only; default: v4',
    placeholder: 'version',
    schema: z.enum(['v4', 'off'], { error: 'expected one of v4, off' }),
    fallback: 'v4' as const,
  }),
  rootPath: setting({
    help: 'a Root Path to look at beside those of DHCP, as it stands in the DHCP server’s configuration',
    placeholder: 'path',
    schema: textual((text) => text).optional(),
    fallback: undefined,
  }),
  ...initiatorSettings,
  initiator: setting({
    ...initiatorSettings.initiator,
    help: 'the iSCSI name to look as: what the machine of that name would see; default: one made from the hardware address',
  }),
  listen: setting({
    help: 'how long to listen for DHCP servers; default: 4s',
    placeholder: 'duration',
    schema: textual((text) => parseSeconds(text)),
    fallback: 4,
  }),
  timeout: setting({
    help: 'how long one connection, login or command may take; default: 10s',
    placeholder: 'duration',
    schema: textual((text) => parseSeconds(text)),
    fallback: 10,
  }),
  json: setting({ help: 'print one JSON document', schema: onOrOff, fallback: false }),
};

export type DoctorSettings = ValuesOf<typeof doctorSettings>;

function parseSeconds(text: string): number {
  const seconds = parseDuration(text);
  if (seconds >= 1 && seconds <= 600) return seconds;
  throw new DisklessError('USAGE_VALUE_INVALID', `"${text}" is no time for that`, { hint: 'Write 1s to 10m.' });
}
