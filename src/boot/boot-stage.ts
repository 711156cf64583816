/** The boot stage (RFC 4173 §7): the iSCSI session, the disk in it, and its first blocks. */

import { DisklessError } from '../bytes/index.ts';
import type { Initiator } from '../initiator/initiator.ts';
import { openRemoteDevice, type RemoteDevice } from '../initiator/remote-device.ts';
import type { Session } from '../initiator/session.ts';
import { formatPortal } from '../initiator/target-address.ts';
import { formatLun } from '../iscsi/root-path-lun.ts';
import type { Clock } from '../os/clock.ts';
import type { Inquiry } from '../scsi/inquiry.ts';
import { type DiskDescription, describeDisk } from './boot-sector.ts';
import type { Candidate } from './discovery-stage.ts';
import { identifyDisk } from './disk-identity.ts';
import type { Facts, StageTrace } from './trace.ts';

/** The disk that a boot ends with. The session is the owner's to close, or to hand on. */
export interface BootedDisk {
  readonly session: Session;
  readonly device: RemoteDevice;
  readonly targetName: string;
  readonly lun: Uint8Array;
  readonly inquiry: Inquiry;
  readonly description: DiskDescription;
}

export interface BootStageOptions {
  readonly initiator: Initiator;
  readonly clock: Clock;
  /** Not empty; tried in order until one lets the initiator in. */
  readonly candidates: readonly Candidate[];
  readonly lun: Uint8Array;
  readonly signal: AbortSignal;
}

/** Raises BOOT_LUN_NOT_FOUND, BOOT_NOT_A_DISK, and what the initiator raises. */
export async function runBootStage(options: BootStageOptions, trace: StageTrace): Promise<BootedDisk> {
  const { session, targetName } = await logIn(options, trace);
  const { lun, clock, signal } = options;
  const abort = () => session.destroy(new DisklessError('ABORTED', `reading from ${targetName} was given up`));
  signal.addEventListener('abort', abort, { once: true });
  try {
    const inquiry = await identifyDisk(session, lun, clock);
    trace.step(`LUN ${formatLun(lun)} is ${inquiry.vendor} ${inquiry.product} ${inquiry.revision}`);
    const device = await openRemoteDevice(session, lun, clock);
    trace.step(`${sizeText(device.size)}, blocks of ${device.blockSize} bytes${device.readOnly ? ', read only' : ''}`);
    const description = await describeDisk(device);
    for (const line of describe(description)) trace.step(line);
    return { session, device, targetName, lun, inquiry, description };
  } catch (error) {
    await session.close();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** RFC 4173 §6: which of several targets is tried first is the client's choice; the server's order is as good as any. */
async function logIn(options: BootStageOptions, trace: StageTrace): Promise<{ session: Session; targetName: string }> {
  const { initiator, candidates, signal } = options;
  let failure: unknown;
  for (const { portal, targetName } of candidates) {
    try {
      trace.step(`login to ${targetName} at ${formatPortal(portal)}`);
      const session = await initiator.login(portal, targetName, {
        signal,
        redirected: (from, to, permanent) =>
          trace.step(`${formatPortal(from)} redirects to ${formatPortal(to)}${permanent ? ' for good' : ''}`),
      });
      const { targetPortalGroupTag, tsih } = session.login;
      trace.step(`logged in at ${session.remote.address} port ${session.remote.port}`, { targetPortalGroupTag, tsih });
      return { session, targetName };
    } catch (error) {
      if (signal.aborted || !(error instanceof DisklessError)) throw error;
      failure = error;
      if (candidates.length > 1) trace.step(`${error.message} (${error.code})`);
    }
  }
  throw failure;
}

export function describeBootedDisk(disk: BootedDisk): { text: string; facts: Facts } {
  const { session, device, targetName, lun, inquiry, description } = disk;
  const { vendor, product, revision } = inquiry;
  const { size, blockSize, physicalBlockSize, readOnly } = device;
  const ways = description.bootableBy.join(' and ');
  return {
    text: `${sizeText(size)} disk, ${ways === '' ? 'nothing on it that a firmware would start' : `bootable by ${ways}`}`,
    facts: {
      targetName,
      address: session.remote.address,
      port: session.remote.port,
      lun: formatLun(lun),
      targetPortalGroupTag: session.login.targetPortalGroupTag,
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

/** `1.5 GiB`, `512 B` */
export function sizeText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[power]}`;
}
