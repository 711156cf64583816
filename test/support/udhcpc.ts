/** udhcpc as a machine that takes the address which it is given, and says what it was told. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, type ServedNetwork } from './served-network.ts';

export interface Told {
  readonly address: string;
  readonly serverId: string;
  /** Empty when there was none. */
  readonly rootPath: string;
}

const HOOK = `#!/bin/sh
[ "$1" = bound ] || exit 0
ip address flush dev "$interface"
ip address add "$ip/$mask" dev "$interface"
echo "lease $ip $serverid $rootpath"
`;

/** Undefined when nobody gave it an address within so many seconds. Its script is put into `directory`. */
export async function askForAddress(
  { onClient, clientInterface }: Pick<ServedNetwork, 'onClient' | 'clientInterface'>,
  directory: string,
  patience = 5,
): Promise<Told | undefined> {
  const hook = join(directory, 'udhcpc.sh');
  writeFileSync(hook, HOOK, { mode: 0o755 });
  const how = ['-i', clientInterface, '-f', '-q', '-n', '-t', `${patience}`, '-T', '1', '-s', hook, '-O', 'rootpath'];
  const { stdout } = await run([...onClient, 'udhcpc', ...how]);
  const [, address, serverId, rootPath] = /^lease (\S+) (\S+) (\S*)$/m.exec(stdout.toString()) ?? [];
  if (address === undefined || serverId === undefined) return undefined;
  return { address, serverId, rootPath: rootPath ?? '' };
}
