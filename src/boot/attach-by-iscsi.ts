/** The disk as a block device of the kernel, by the kernel's own iSCSI initiator and the `iscsiadm` program of open-iscsi. */

import { DisklessError } from '../bytes/index.ts';
import { formatPortalAddress } from '../iscsi/portal-address.ts';
import { type Clock, pause, type Timer } from '../os/clock.ts';
import type { ProcessOptions } from '../os/process.ts';
import { type Attachment, type KernelTools, TOOL_SILENCE, UNDO_SILENCE } from './attach-by-nbd.ts';

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
/** Milliseconds that a login gets to its end when it is not wanted any more. */
const LOGIN_GRACE = 5_000;

export interface IscsiTools extends Pick<KernelTools, 'run' | 'signal'> {
  readonly clock: Clock;
}

/**
 * `record` names the kernel's interface record, in which open-iscsi keeps the initiator's name; it is there as long as the disk is.
 * Raises ATTACH_NO_DEVICE, ATTACH_LOGIN_LEFT, PROCESS_NOT_FOUND, what `iscsiadm` failed with, and the signal's reason.
 */
export async function attachByIscsi(disk: KernelDisk, record: string, tools: IscsiTools): Promise<Attachment> {
  const { run, clock, signal } = tools;
  const { initiatorName, address, port, targetName } = disk;
  const portal = formatPortalAddress(address, port);
  const iscsiadm = async (args: readonly string[], options: ProcessOptions): Promise<string> => {
    let said = '';
    const output = (text: string): void => {
      said += text;
    };
    await run('iscsiadm', args, { ...options, output });
    return said;
  };
  const doing = { silence: TOOL_SILENCE, signal };
  const iface = ['-m', 'iface', '-I', record];
  const node = ['-m', 'node', '-T', targetName, '-p', portal, '-I', record];
  const logout = [...node, '-u'];
  const deletions = [
    [...node, '-o', 'delete'],
    [...iface, '-o', 'delete'],
  ];
  const detach = async (): Promise<void> => {
    for (const args of [logout, ...deletions]) await iscsiadm(args, { silence: TOOL_SILENCE });
  };
  let isLoggingIn = false;
  try {
    await iscsiadm([...iface, '-o', 'new'], doing);
    await iscsiadm([...iface, '-o', 'update', '-n', 'iface.initiatorname', '-v', initiatorName], doing);
    await iscsiadm([...node, '-o', 'new'], doing);
    // iscsid goes on with a login when its iscsiadm is gone: it is to try once, and not for minutes.
    await iscsiadm([...node, '-o', 'update', '-n', 'node.session.initial_login_retry_max', '-v', '1'], doing);
    using unwanted = afterwards(signal, LOGIN_GRACE, clock);
    // There is nothing to log out of before it is done.
    isLoggingIn = true;
    await iscsiadm([...node, '-l'], { ...doing, signal: unwanted.signal });
    isLoggingIn = false;
    const deadline = clock.monotonic() + UNIT_TIMEOUT;
    for (;;) {
      const blockDevice = findUnit(await iscsiadm(['-m', 'session', '-P', '3'], doing), disk);
      if (blockDevice !== undefined) return { blockDevice, detach };
      if (clock.monotonic() >= deadline) throw noUnit(disk);
      await pause(clock, LOOK_INTERVAL, signal);
    }
  } catch (error) {
    const code = error instanceof DisklessError ? error.code : undefined;
    if (code === 'PROCESS_NOT_FOUND') throw error;
    const undoing = { silence: UNDO_SILENCE };
    const isLoggedOut = await iscsiadm(logout, undoing).then(
      () => true,
      () => false,
    );
    // What failed is what counts, not that there is nothing to delete.
    for (const args of deletions) await iscsiadm(args, undoing).catch(() => {});
    const wasEnded = code === 'PROCESS_ABORTED' || code === 'PROCESS_STUCK';
    throw isLoggingIn && wasEnded && !isLoggedOut ? loginLeft(disk) : error;
  }
}

/** A signal that is aborted `delay` milliseconds after another one. */
function afterwards(signal: AbortSignal, delay: number, clock: Clock): Disposable & { readonly signal: AbortSignal } {
  const late = new AbortController();
  let timer: Timer | undefined;
  const begin = (): void => {
    timer = clock.after(delay, () => late.abort(signal.reason));
  };
  if (signal.aborted) begin();
  else signal.addEventListener('abort', begin, { once: true });
  return {
    signal: late.signal,
    [Symbol.dispose]() {
      timer?.cancel();
      signal.removeEventListener('abort', begin);
    },
  };
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

function loginLeft({ targetName }: KernelDisk): DisklessError {
  const what = `iscsid was logging in to ${targetName} when it was not wanted any more, and may have done so since`;
  return new DisklessError('ATTACH_LOGIN_LEFT', what, {
    hint: '"iscsiadm -m session" shows it then, and "iscsiadm -m session -r NUMBER -u" logs out.',
  });
}

function noUnit({ targetName, lun }: KernelDisk): DisklessError {
  return new DisklessError(
    'ATTACH_NO_DEVICE',
    `the kernel has logged in to ${targetName}, and shows no disk at LUN ${lun} after ${UNIT_TIMEOUT / 1000} s`,
    { hint: 'See "dmesg", and "iscsiadm -m session -P 3".' },
  );
}
