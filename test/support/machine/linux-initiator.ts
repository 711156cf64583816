/** A guest whose kernel is about to be the initiator of one target. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { InitiatorGuest } from '../../../scripts/initiator-guest/build.ts';
import { PROGRAM_TARGET_NAME } from '../target-program.ts';
import { type Guest, startGuest } from './guest.ts';
import type { MachineNetwork } from './network.ts';
import { OpenIscsi } from './open-iscsi.ts';

export interface LinuxInitiatorOptions {
  readonly network: MachineNetwork;
  readonly files: InitiatorGuest;
  /** The last part of its iSCSI name; what its kernel says is kept in `.cache/consoles/` under this name. */
  readonly name: string;
  /** Another one in each guest of a network, 2 to 254: its place in the network. */
  readonly number: number;
}

export interface LinuxInitiator extends AsyncDisposable {
  readonly guest: Guest;
  readonly iscsi: OpenIscsi;
}

const logFolder = join(import.meta.dirname, '..', '..', '..', '.cache', 'consoles');

/** Boots the guest and finds the target, which must be at the network's own address. */
export async function startLinuxInitiator(options: LinuxInitiatorOptions): Promise<LinuxInitiator> {
  const { network, files, name, number } = options;
  await mkdir(logFolder, { recursive: true });
  const guest = await startGuest({ network, files, number, log: join(logFolder, `${name}.log`) });
  try {
    const iscsi = await OpenIscsi.start(guest, {
      initiatorName: `iqn.2026-11.internal.test:${name}`,
      portal: network.address,
      targetName: PROGRAM_TARGET_NAME,
    });
    return { guest, iscsi, [Symbol.asyncDispose]: () => guest[Symbol.asyncDispose]() };
  } catch (error) {
    await guest[Symbol.asyncDispose]();
    throw error;
  }
}
