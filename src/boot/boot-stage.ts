/** The boot stage (RFC 4173 §7): the iSCSI session, the disk in it, and its first blocks. */

import { DisklessError, sizeText } from '../bytes/index.ts';
import type { Initiator } from '../initiator/initiator.ts';
import type { LastingSession, Reachability } from '../initiator/lasting-session.ts';
import { openRemoteDevice, type RemoteDevice } from '../initiator/remote-device.ts';
import { formatPortal } from '../initiator/target-address.ts';
import { formatLun } from '../iscsi/root-path-lun.ts';
import type { Clock } from '../os/clock.ts';
import type { Inquiry } from '../scsi/inquiry.ts';
import { type DiskDescription, describeDisk } from './boot-sector.ts';
import type { Candidate } from './candidate.ts';
import { identifyDisk, recognizeDisk } from './disk-identity.ts';
import type { Reach } from './interface-setup.ts';
import type { Admit } from './secure-policy.ts';
import { within } from './time-limit.ts';
import { errorRecord, type Facts, type StageTrace } from './trace.ts';

/** The disk that a boot ends with. The session is the owner's to close, or to hand on. */
export interface BootedDisk {
  /** Follows the target when that ends it or goes away for a while. */
  readonly session: LastingSession;
  readonly device: RemoteDevice;
  /** Which of those that were tried. */
  readonly candidate: Candidate;
  readonly targetName: string;
  readonly lun: Uint8Array;
  readonly inquiry: Inquiry;
  readonly description: DiskDescription;
}

export interface BootStageOptions {
  readonly initiator: Initiator;
  readonly clock: Clock;
  /** Not empty; tried in order until one gives a disk. */
  readonly candidates: readonly Candidate[];
  readonly lun: Uint8Array;
  readonly admit: Admit;
  readonly reach: Reach;
  /** Milliseconds that one of them may take, from the connection to the disk's first blocks. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/**
 * RFC 4173 §6: which of several targets is tried first is the client's choice; what fails is kept, and the next one has its turn. With
 * one candidate its own error is raised (BOOT_LUN_NOT_FOUND, BOOT_NOT_A_DISK, BOOT_TARGET_SILENT, and what the initiator raises), with
 * several BOOT_EVERY_TARGET_FAILED.
 */
export async function runBootStage(options: BootStageOptions, trace: StageTrace): Promise<BootedDisk> {
  const { candidates, clock, timeout, signal } = options;
  const failures: DisklessError[] = [];
  for (const candidate of candidates) {
    try {
      return await within(clock, timeout, signal, silent(candidate, timeout), (limited) =>
        bootFrom(candidate, { ...options, signal: limited }, trace),
      );
    } catch (error) {
      if (signal.aborted || !(error instanceof DisklessError)) throw error;
      failures.push(error);
      if (candidates.length > 1) trace.step(`${error.message} (${error.code})`);
    }
  }
  throw stageFailure(candidates, failures);
}

function silent({ portal, targetName }: Candidate, timeout: number): () => DisklessError {
  const what = `${targetName} at ${formatPortal(portal)} gave no disk in ${(timeout / 1000).toFixed(0)} s`;
  return () =>
    new DisklessError('BOOT_TARGET_SILENT', what, {
      hint: 'The last lines above say what it did not answer; look at the target, or give it longer with --timeout.',
    });
}

function stageFailure(candidates: readonly Candidate[], failures: readonly DisklessError[]): DisklessError {
  const [only, another] = failures;
  if (only !== undefined && another === undefined) return only;
  const each = failures.map(({ message, code }, index) => {
    const { portal, targetName } = candidates[index] ?? {};
    return `${targetName} at ${portal && formatPortal(portal)}: ${message} (${code})`;
  });
  return new DisklessError(
    'BOOT_EVERY_TARGET_FAILED',
    `none of ${failures.length} targets gave a disk: ${each.join('; ')}`,
    {
      hint: 'Mend one of them, or name another with --target and --server-name.',
      cause: new AggregateError(failures),
    },
  );
}

async function bootFrom(candidate: Candidate, options: BootStageOptions, trace: StageTrace): Promise<BootedDisk> {
  const { targetName, lun = options.lun } = candidate;
  const { clock, signal } = options;
  const session = await logIn(candidate, options, trace);
  const abort = () => session.destroy(new DisklessError('ABORTED', `reading from ${targetName} was given up`));
  signal.addEventListener('abort', abort, { once: true });
  try {
    if (signal.aborted) abort();
    const inquiry = await identifyDisk(session, lun, clock, targetName);
    trace.step(`LUN ${formatLun(lun)} is ${inquiry.vendor} ${inquiry.product} ${inquiry.revision}`);
    const device = await openRemoteDevice(session, lun, clock);
    trace.step(`${sizeText(device.size)}, blocks of ${device.blockSize} bytes${device.readOnly ? ', read only' : ''}`);
    await recognizeDisk(device, session, clock, targetName);
    const description = await describeDisk(device);
    for (const line of describe(description)) trace.step(line);
    return { session, device, candidate, targetName, lun, inquiry, description };
  } catch (error) {
    await session.close();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function logIn(
  { portal, targetName }: Candidate,
  { initiator, admit, reach, signal }: BootStageOptions,
  trace: StageTrace,
): Promise<LastingSession> {
  admit(portal.host);
  await reach(portal.host, trace);
  trace.step(`login to ${targetName} at ${formatPortal(portal)}`);
  const session = await initiator.keep(portal, targetName, {
    signal,
    onReachability: (reachability) => trace.step(reachabilityText(reachability), { reachability: reachability.kind }),
    redirected(from, to, permanent) {
      trace.step(`${formatPortal(from)} redirects to ${formatPortal(to)}${permanent ? ' for good' : ''}`);
      admit(to.host);
      return reach(to.host, trace);
    },
  });
  const { remote, login } = session.current;
  const { targetPortalGroupTag, tsih } = login;
  trace.step(`logged in at ${remote.address} port ${remote.port}`, { targetPortalGroupTag, tsih });
  return session;
}

function reachabilityText(reachability: Reachability): string {
  const seconds = (reachability.after / 1000).toFixed(0);
  if (reachability.kind === 'back') return `target back after ${seconds} s: I/O goes on`;
  const { code, message } = errorRecord(reachability.error);
  return `target unreachable for ${seconds} s: I/O fails until it is back: ${message} (${code})`;
}

export function describeBootedDisk(disk: BootedDisk): { text: string; facts: Facts } {
  const { session, device, targetName, lun, inquiry, description } = disk;
  const { remote, login } = session.current;
  const { vendor, product, revision } = inquiry;
  const { size, blockSize, physicalBlockSize, readOnly } = device;
  const ways = description.bootableBy.join(' and ');
  return {
    text: `${sizeText(size)} disk, ${ways === '' ? 'nothing on it that a firmware would start' : `bootable by ${ways}`}`,
    facts: {
      targetName,
      address: remote.address,
      port: remote.port,
      lun: formatLun(lun),
      targetPortalGroupTag: login.targetPortalGroupTag,
      vendor,
      product,
      revision,
      size,
      blockSize,
      physicalBlockSize,
      readOnly,
      disk: diskFacts(description),
    },
  };
}

function diskFacts(description: DiskDescription): Facts {
  const { bootSignature, bootCode, table, partitions, fileSystem, bootableBy } = description;
  return {
    bootSignature,
    bootCode,
    bootableBy,
    partitionTable: table?.kind,
    problems: table?.problems ?? [],
    partitions: partitions.map((partition) => ({ ...partition, fileSystem: { ...partition.fileSystem } })),
    fileSystem: fileSystem && { ...fileSystem },
  };
}

function describe(description: DiskDescription): string[] {
  const { bootSignature, bootCode, table, partitions, fileSystem } = description;
  const code = bootCode === undefined ? 'no boot code' : `boot code: ${bootCode}`;
  const content =
    table === undefined ? (fileSystem?.kind ?? 'no partition table') : `${table.kind.toUpperCase()} partition table`;
  return [
    `first block: ${bootSignature ? 'boot signature 55AA' : 'no boot signature'}, ${code}, ${content}`,
    ...(table?.problems ?? []),
    ...partitions.map((partition) => {
      const { number, length, typeName, type, name, fileSystem: content } = partition;
      const label = content?.label ? ` "${content.label}"` : '';
      return `partition ${number}: ${sizeText(length)} ${typeName ?? type}${name ? ` "${name}"` : ''}${content ? `, ${content.kind}${label}` : ''}`;
    }),
  ];
}
