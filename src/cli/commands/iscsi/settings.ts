/** What the commands under `diskless iscsi` have in common. */

import { parseDiskAddress } from '../../disk-address.ts';
import { initiatorSettings, stepTimeoutSetting } from '../../initiator-settings.ts';
import { onOrOff, setting, textual } from '../../setting.ts';

export const ENVIRONMENT_PREFIX = 'DISKLESS_ISCSI';

export const commonSettings = { ...initiatorSettings, ...stepTimeoutSetting };

export const jsonSetting = {
  json: setting({ help: 'print one JSON document', schema: onOrOff, fallback: false }),
};

/** The disk is an argument, and must be given. */
export const diskSetting = {
  disk: setting({
    help: 'iscsi:SERVER:PROTOCOL:PORT:LUN:TARGET, or iscsi://SERVER[:PORT]/TARGET/LUN',
    placeholder: 'disk',
    isArgument: true,
    schema: textual(parseDiskAddress).optional(),
    fallback: undefined,
  }),
};
