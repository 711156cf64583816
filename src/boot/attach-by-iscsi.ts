/** The disk as a block device of the kernel, by the kernel's own iSCSI initiator and the `iscsiadm` program of open-iscsi. */

import { DisklessError } from '../bytes/index.ts';
import { formatPortalAddress } from '../iscsi/portal-address.ts';
import { type Clock, pause } from '../os/clock.ts';
import type { RunProcess } from '../os/process.ts';
import { type Attachment, TOOL_SILENCE } from './attach-by-nbd.ts';

export interface KernelDisk {
  /** Who this machine is to the target, which may show another disk to another one (RFC 4173 §5); the kernel's own name may differ. */
  readonly initiatorName: string;
  /** An IP literal. */
  readonly address: string;
  readonly port: number;
  readonly targetName: string;
  /** As Linux numbers units. */
  readonly lun: number;
}

/** Milliseconds that the kernel has to find the unit after the login, and between two looks. */
const UNIT_TIMEOUT = 15_000;
const LOOK_INTERVAL = 250;

/**
 * `record` names the kernel's interface record, in which open-iscsi keeps the initiator's name; it is there as long as the disk is.
 * Raises ATTACH_NO_DEVICE, PROCESS_NOT_FOUND, and what `iscsiadm` failed with.
 */
export async function attachByIscsi(
  disk: KernelDisk,
  record: string,
  run: RunProcess,
  clock: Clock,
): Promise<Attachment> {
  const { initiatorName, address, port, targetName } = disk;
  const portal = formatPortalAddress(address, port);
  const iscsiadm = async (...args: string[]): Promise<string> => {
    let said = '';
    const output = (text: string): void => {
      said += text;
    };
    await run('iscsiadm', args, { silence: TOOL_SILENCE, output });
    return said;
  };
  const iface = ['-m', 'iface', '-I', record];
  const node = ['-m', 'node', '-T', targetName, '-p', portal, '-I', record];
  const undoing = [
    [...node, '-u'],
    [...node, '-o', 'delete'],
    [...iface, '-o', 'delete'],
  ];
  const detach = async (): Promise<void> => {
    for (const args of undoing) await iscsiadm(...args);
  };
  await iscsiadm(...iface, '-o', 'new');
  try {
    await iscsiadm(...iface, '-o', 'update', '-n', 'iface.initiatorname', '-v', initiatorName);
    await iscsiadm(...node, '-o', 'new');
    await iscsiadm(...node, '-l');
    const deadline = clock.monotonic() + UNIT_TIMEOUT;
    for (;;) {
      const blockDevice = findUnit(await iscsiadm('-m', 'session', '-P', '3'), disk);
      if (blockDevice !== undefined) return { blockDevice, detach };
      if (clock.monotonic() >= deadline) throw noUnit(disk);
      await pause(clock, LOOK_INTERVAL);
    }
  } catch (error) {
    // What failed is what counts, not that there is nothing to log out of, or to delete.
    for (const args of undoing) await iscsiadm(...args).catch(() => {});
    throw error;
  }
}

/** Finds the block device in what `iscsiadm -m session -P 3` prints: targets, and under each its units. */
export function findUnit(
  report: string,
  { targetName, lun }: Pick<KernelDisk, 'targetName' | 'lun'>,
): string | undefined {
  const targets = report.split(/^Target: /m).slice(1);
  const target = targets.find((text) => /^\S+/.exec(text)?.[0] === targetName);
  const units = target?.split(/\bLun: /).slice(1) ?? [];
  const unit = units.find((text) => Number.parseInt(text, 10) === lun);
  const name = /Attached scsi disk (?<name>\w+)/.exec(unit ?? '')?.groups?.name;
  return name === undefined ? undefined : `/dev/${name}`;
}

function noUnit({ targetName, lun }: KernelDisk): DisklessError {
  return new DisklessError(
    'ATTACH_NO_DEVICE',
    `the kernel has logged in to ${targetName}, and shows no disk at LUN ${lun} after ${UNIT_TIMEOUT / 1000} s`,
    { hint: 'See "dmesg", and "iscsiadm -m session -P 3".' },
  );
}
