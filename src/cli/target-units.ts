/**
 * The logical units of `diskless target`: each a file, with what outlives the process in small files beside it, or an export of an NBD
 * server, which has no place for that.
 */

import type { Device } from '../block/device.ts';
import { openFileDevice } from '../block/file-device.ts';
import { isNbdUri } from '../nbd/uri.ts';
import type { FileSystem } from '../os/file.ts';
import { ReplacedFile } from '../os/replaced-file.ts';
import { loadFeatures, type UnitFeatures } from '../target/unit-features.ts';
import { type NbdReach, openNbdExport } from './nbd-export.ts';

export interface UnitSettings {
  readonly blockSize: number;
  /** Undefined: what suits the file. */
  readonly physicalBlockSize: number | undefined;
  readonly readOnly: boolean;
  readonly removable: boolean;
  readonly thin: boolean;
}

export interface TargetUnit {
  readonly device: Device;
  readonly features: UnitFeatures;
}

/** Where units come from. */
export interface UnitSources extends NbdReach {
  readonly files: FileSystem;
}

/**
 * `path` names a file, a block device or an NBD export. The caller closes the device. Raises what `openFileDevice` and `openNbdExport`
 * raise, RESERVATIONS_DAMAGED and its kin.
 */
export async function openTargetUnit(sources: UnitSources, path: string, settings: UnitSettings): Promise<TargetUnit> {
  const { blockSize, physicalBlockSize, readOnly, removable, thin } = settings;
  const shape = { blockSize, readOnly, ...(physicalBlockSize === undefined ? {} : { physicalBlockSize }) };
  if (isNbdUri(path)) return { device: await openNbdExport(path, sources, shape), features: { removable, thin } };
  const { files } = sources;
  const device = openFileDevice(files, path, shape);
  try {
    return { device, features: { removable, thin, ...(await loadKept(files, path)) } };
  } catch (error) {
    await device.close();
    throw error;
  }
}

/** The files come into being when an initiator first asks for something to be kept. A block device has no place beside it. */
async function loadKept(files: FileSystem, path: string): Promise<UnitFeatures> {
  if (files.status(path)?.kind !== 'file') return {};
  return loadFeatures({
    reservations: new ReplacedFile(files, `${path}.reservations`),
    information: new ReplacedFile(files, `${path}.information`),
  });
}
