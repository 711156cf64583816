/** Tries a Root Path step by step, as a machine would, and keeps what each step says. */

import { DisklessError } from '../../bytes/index.ts';
import type { Initiator } from '../../initiator/initiator.ts';
import { openRemoteDevice } from '../../initiator/remote-device.ts';
import { formatPortal } from '../../initiator/target-address.ts';
import { type RootPath, rootPathDefaults } from '../../iscsi/root-path.ts';
import { serverHost } from '../../iscsi/server-name.ts';
import type { Clock } from '../../os/clock.ts';
import type { Network } from '../../os/network.ts';
import { describeDisk } from '../boot-sector.ts';
import { identifyDisk } from '../disk-identity.ts';
import { within } from '../time-limit.ts';
import { errorRecord } from '../trace.ts';
import type { SeenDisk, Step } from './observation.ts';

export interface DiskSearch {
  readonly network: Network;
  readonly clock: Clock;
  readonly initiator: Initiator;
  /** Makes a host reachable. */
  readonly reach: (host: string) => Promise<void>;
  /** Milliseconds that one step may take. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

const notTried = { kind: 'not tried' } as const;

/** Rejects with the reason of `signal` alone. */
export async function seeDisk(
  named: Pick<SeenDisk, 'path' | 'text' | 'namings'>,
  search: DiskSearch,
): Promise<SeenDisk> {
  const { path } = named;
  const nothing = {
    ...named,
    portal: undefined,
    connection: notTried,
    listed: notTried,
    login: notTried,
    disk: notTried,
  };
  if (path.server === undefined) return nothing;
  const portal = { host: serverHost(path.server), port: path.port ?? rootPathDefaults.port };
  const connection = await step(search, (signal) => connect(portal.host, portal.port, search, signal));
  const tried = { ...nothing, portal: formatPortal(portal), connection };
  if (connection.kind !== 'good') return tried;
  // Whom the name leads to, the network has said.
  const found = { ...portal, host: connection.value };
  const listed = await step(search, async (signal) => {
    return (await search.initiator.discover(found, { signal })).map(({ name }) => name);
  });
  return { ...tried, listed, ...(await logIn(found, path, search)) };
}

async function connect(host: string, port: number, search: DiskSearch, signal: AbortSignal): Promise<string> {
  const { network, reach, timeout } = search;
  await reach(host);
  const [address = host] = await network.resolve(host);
  const connection = await network.connectTcp({ address, port }, { timeout, signal });
  connection.destroy();
  return address;
}

async function logIn(
  portal: { readonly host: string; readonly port: number },
  { targetName, lun = rootPathDefaults.lun }: RootPath,
  search: DiskSearch,
): Promise<Pick<SeenDisk, 'login' | 'disk'>> {
  const { initiator, clock } = search;
  const session = await step(search, (signal) => initiator.login(portal, targetName, { signal }));
  if (session.kind !== 'good') return { login: session, disk: notTried };
  const { value } = session;
  try {
    const disk = await step(search, async (signal) => {
      const abort = () => value.destroy(new DisklessError('ABORTED', `reading from ${targetName} was given up`));
      signal.addEventListener('abort', abort, { once: true });
      await identifyDisk(value, lun, clock, targetName);
      const device = await openRemoteDevice(value, lun, clock);
      const { bootableBy } = await describeDisk(device);
      return { size: device.size, bootableBy };
    });
    return { login: { kind: 'good', value: undefined }, disk };
  } finally {
    await value.close();
  }
}

async function step<T>(search: DiskSearch, work: (signal: AbortSignal) => Promise<T>): Promise<Step<T>> {
  const { clock, timeout, signal } = search;
  const late = () => new DisklessError('BOOT_TARGET_SILENT', `no answer in ${(timeout / 1000).toFixed(0)} s`);
  try {
    return { kind: 'good', value: await within(clock, timeout, signal, late, work) };
  } catch (error) {
    if (signal.aborted || !(error instanceof DisklessError)) throw error;
    return { kind: 'failed', error: errorRecord(error) };
  }
}
