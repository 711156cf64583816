/** Files and NBD exports as an iSCSI target, and nothing else. */

import type { Device } from '../../block/device.ts';
import { DisklessError } from '../../bytes/index.ts';
import { systemClock } from '../../os/clock.ts';
import type { FileSystem } from '../../os/file.ts';
import { nodeFileSystem } from '../../os/node-file-system.ts';
import { nodeLocalSockets } from '../../os/node-local-sockets.ts';
import { nodeNetwork } from '../../os/node-network.ts';
import { AccessList, type Grant } from '../../target/access.ts';
import { Portal } from '../../target/portal.ts';
import { Target } from '../../target/target.ts';
import type { UnitFeatures } from '../../target/unit-features.ts';
import { readChapFile } from '../chap-secrets.ts';
import { filesByLun } from '../lun-files.ts';
import {
  describeTargetEvent,
  endpointText,
  jsonTargetEvents,
  readableTargetEvents,
  type TargetProgramEvent,
} from '../target-events.ts';
import type { TargetSettings } from '../target-settings.ts';
import { openTargetUnit, type UnitSettings, type UnitSources } from '../target-units.ts';
import { type Running, untilStopped } from '../until-stopped.ts';

const sources: UnitSources = {
  files: nodeFileSystem,
  network: nodeNetwork,
  sockets: nodeLocalSockets,
  clock: systemClock,
};

export async function target(settings: TargetSettings): Promise<void> {
  const write = settings.json ? jsonTargetEvents(process.stdout) : readableTargetEvents(process.stderr);
  const emit = (event: TargetProgramEvent) => write(event, systemClock.now());
  await untilStopped(() => serveTarget(settings, sources, emit));
}

function filesOf({ file, lun }: TargetSettings): ReadonlyMap<number, string> {
  if (file !== undefined) return filesByLun(file, lun);
  throw new DisklessError('USAGE_FILE_MISSING', 'no file was given', {
    hint: 'Name the disk image to serve: diskless target disk.img',
  });
}

function unitSettingsOf({ blockSize, physicalBlockSize, readOnly, removable, thin }: TargetSettings): UnitSettings {
  if (physicalBlockSize !== undefined && physicalBlockSize < blockSize) {
    throw new DisklessError(
      'USAGE_BLOCK_SIZE_INVALID',
      `a physical block of ${physicalBlockSize} bytes cannot hold a logical one of ${blockSize}`,
      { hint: `Use a --physical-block-size of ${blockSize} to 65536.` },
    );
  }
  return { blockSize, physicalBlockSize, readOnly, removable, thin };
}

/** Raises USAGE_FILE_MISSING, USAGE_LUN_INVALID, USAGE_BLOCK_SIZE_INVALID, USAGE_CHAP_FILE_MISSING, and what files, CHAP files and the portal raise. */
async function serveTarget(
  settings: TargetSettings,
  sources: UnitSources,
  emit: (event: TargetProgramEvent) => void,
): Promise<Running> {
  const { name } = settings;
  const paths = filesOf(settings);
  const unitSettings = unitSettingsOf(settings);
  const { files, network } = sources;
  const access = await readAccess(settings, files);
  await using opened = new AsyncDisposableStack();
  const units = new Map<number, Device>();
  const features = new Map<number, UnitFeatures>();
  for (const [lun, path] of paths) {
    const unit = await openTargetUnit(sources, path, unitSettings);
    opened.defer(() => unit.device.close());
    units.set(lun, unit.device);
    features.set(lun, unit.features);
  }
  const target = new Target({ name, units, features, managementUrls: settings.managementUrl });
  opened.defer(() => target.close());
  const portal = await Portal.open({
    network,
    directory: new AccessList([{ target, ...access }], { discoveryNeedsProof: settings.chapDiscovery }),
    endpoint: settings.listen,
    onEvent: (event) => {
      const described = describeTargetEvent(event);
      if (described !== undefined) emit(described);
    },
  });
  opened.use(portal);
  const resources = opened.move();
  const served = [...units].map(([lun, { size, blockSize, readOnly }]) => {
    return { lun, file: paths.get(lun) ?? '', size, blockSize, readOnly };
  });
  emit({ event: 'ready', name, portal: endpointText(portal.endpoint), units: served });
  return {
    async stop(reason) {
      emit({ event: 'stopping', reason });
      await resources.disposeAsync();
      emit({ event: 'stopped' });
    },
  };
}

/** Who is let in: everybody, unless settings say otherwise. Raises USAGE_CHAP_FILE_MISSING, and what CHAP files raise. */
async function readAccess(
  { initiator, network, chapFile, chapDiscovery }: TargetSettings,
  files: FileSystem,
): Promise<Omit<Grant, 'target'>> {
  if (chapDiscovery && chapFile === undefined) {
    throw new DisklessError('USAGE_CHAP_FILE_MISSING', 'CHAP was asked for in discovery, and nobody has a secret', {
      hint: 'Give the file with the secrets: --chap-file FILE',
    });
  }
  return {
    ...(initiator.length === 0 ? {} : { initiators: initiator }),
    ...(network.length === 0 ? {} : { networks: network }),
    ...(chapFile === undefined ? {} : { authentication: await readChapFile(files, chapFile) }),
  };
}
