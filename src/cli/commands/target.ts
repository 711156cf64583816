/** `diskless target`: files as an iSCSI target, and nothing else. */

import type { Command } from 'commander';
import type { Device } from '../../block/device.ts';
import { DisklessError, type IpNetwork, isIpv4, parseIpNetwork } from '../../bytes/index.ts';
import type { ChapDemand } from '../../iscsi/chap.ts';
import { parseChapFile } from '../../iscsi/chap-file.ts';
import { parseIscsiName } from '../../iscsi/name.ts';
import type { FileSystem } from '../../os/file.ts';
import type { Endpoint, Network } from '../../os/network.ts';
import { nodeFileSystem } from '../../os/node-file-system.ts';
import { nodeNetwork } from '../../os/node-network.ts';
import { AccessList } from '../../target/access.ts';
import { ISCSI_PORT, Portal } from '../../target/portal.ts';
import { Target } from '../../target/target.ts';
import type { UnitFeatures } from '../../target/unit-features.ts';
import { filesByLun, openTargetUnit, type UnitSettings } from '../target-units.ts';
import { type Running, untilStopped } from '../until-stopped.ts';

const DEFAULT_NAME = 'iqn.2026-11.internal.diskless:disk';
const DEFAULT_LISTEN = `0.0.0.0:${ISCSI_PORT}`;

export function registerTarget(program: Command): void {
  program
    .command('target')
    .description('serve files as an iSCSI target to everybody who asks, or to those who are named')
    .argument('<file>', 'raw disk image or block device, LUN 0')
    .option('--name <iqn>', 'iSCSI name of the target', DEFAULT_NAME)
    .option('--listen <address:port>', 'where to listen', DEFAULT_LISTEN)
    .option('--lun <n=file>', 'one more file as LUN n; may be repeated', collect, [])
    .option('--block-size <bytes>', 'bytes of a logical block: 512 or 4096', '512')
    .option('--physical-block-size <bytes>', 'bytes of a physical block, 512 to 65536: 4096 over 512 is "512e"')
    .option('--thin', 'let initiators give blocks back (default)', true)
    .option('--no-thin', 'keep every block: no UNMAP')
    .option('--removable', 'a medium that initiators can eject and load', false)
    .option('--read-only', 'refuse writes', false)
    .option('--initiator <iqn>', 'only an initiator of this name; may be repeated', collect)
    .option('--network <network>', 'only from this network, such as 192.0.2.0/24; may be repeated', collect)
    .option('--chap-file <file>', 'ask for CHAP: lines "initiator NAME SECRET", and "target NAME SECRET" for mutual')
    .action(async (file: string, flags: TargetFlags) => {
      const settings = readFlags(file, flags);
      await untilStopped(() => serveTarget(settings, nodeNetwork, nodeFileSystem));
    });
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

interface TargetFlags {
  readonly name: string;
  readonly listen: string;
  readonly lun: readonly string[];
  readonly blockSize: string;
  readonly physicalBlockSize?: string;
  readonly thin: boolean;
  readonly removable: boolean;
  readonly readOnly: boolean;
  readonly initiator?: readonly string[];
  readonly network?: readonly string[];
  readonly chapFile?: string;
}

interface TargetSettings {
  /** Files by LUN. */
  readonly files: ReadonlyMap<number, string>;
  readonly name: string;
  readonly listen: Endpoint;
  readonly units: UnitSettings;
  readonly initiators: readonly string[] | undefined;
  readonly networks: readonly IpNetwork[] | undefined;
  readonly chapFile: string | undefined;
}

/**
 * Raises USAGE_BLOCK_SIZE_INVALID, USAGE_LUN_INVALID, USAGE_LISTEN_INVALID, ADDRESS_NETWORK_INVALID, ISCSI_NAME_TYPE and its
 * kin.
 */
function readFlags(file: string, flags: TargetFlags): TargetSettings {
  if (flags.blockSize !== '512' && flags.blockSize !== '4096') {
    throw new DisklessError('USAGE_BLOCK_SIZE_INVALID', `"${flags.blockSize}" is not a block size`, {
      hint: 'Use 512 or 4096.',
    });
  }
  const blockSize = Number(flags.blockSize);
  const { removable, thin, readOnly } = flags;
  return {
    files: filesByLun(file, flags.lun),
    name: parseIscsiName(flags.name),
    listen: parseListen(flags.listen),
    units: {
      blockSize,
      physicalBlockSize: parsePhysicalBlockSize(flags.physicalBlockSize, blockSize),
      removable,
      thin,
      readOnly,
    },
    initiators: flags.initiator?.map((name) => parseIscsiName(name)),
    networks: flags.network?.map(parseIpNetwork),
    chapFile: flags.chapFile,
  };
}

/** Raises USAGE_BLOCK_SIZE_INVALID. */
function parsePhysicalBlockSize(text: string | undefined, blockSize: number): number | undefined {
  if (text === undefined) return undefined;
  const size = Number(text);
  const isPowerOfTwo = /^\d{1,5}$/.test(text) && Number.isInteger(Math.log2(size));
  if (!isPowerOfTwo || size < blockSize || size > 65_536) {
    throw new DisklessError('USAGE_BLOCK_SIZE_INVALID', `"${text}" is not a physical block size`, {
      hint: `Use a power of two from the logical block size, ${blockSize}, to 65536.`,
    });
  }
  return size;
}

/** `192.0.2.1:3260`, `[2001:db8::1]:3260`, or an address alone. Raises USAGE_LISTEN_INVALID. */
function parseListen(text: string): Endpoint {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<v4>[0-9.]+))(?::(?<port>\d{1,5}))?$/.exec(text);
  const { v4, v6, port: portText } = match?.groups ?? {};
  const address = v6 ?? (v4 !== undefined && isIpv4(v4) ? v4 : undefined);
  const port = Number(portText ?? ISCSI_PORT);
  if (address === undefined || port > 65_535) {
    throw new DisklessError('USAGE_LISTEN_INVALID', `"${text}" is not an address and a port`, {
      hint: 'Write one such as 192.0.2.1:3260 or [::]:3260.',
    });
  }
  return { address, port };
}

/** Raises CHAP_FILE_EXPOSED, CHAP_FILE_INVALID and the errors of files. */
async function readChapFile(files: FileSystem, path: string): Promise<ChapDemand> {
  const text = Buffer.from(await files.readFile(path)).toString('utf8');
  if (((files.status(path)?.mode ?? 0) & 0o077) !== 0) {
    throw new DisklessError('CHAP_FILE_EXPOSED', `${path} holds secrets, and others than its owner can use it`, {
      hint: `Take their rights away: chmod 600 ${path}`,
    });
  }
  return parseChapFile(text, path);
}

async function serveTarget(settings: TargetSettings, network: Network, files: FileSystem): Promise<Running> {
  const { name, initiators, networks, chapFile } = settings;
  const authentication = chapFile === undefined ? undefined : await readChapFile(files, chapFile);
  await using opened = new AsyncDisposableStack();
  const units = new Map<number, Device>();
  const features = new Map<number, UnitFeatures>();
  for (const [lun, path] of settings.files) {
    const unit = await openTargetUnit(files, path, settings.units);
    opened.defer(() => unit.device.close());
    units.set(lun, unit.device);
    features.set(lun, unit.features);
  }
  const target = new Target({ name, units, features });
  opened.defer(() => target.close());
  const directory = new AccessList([
    {
      target,
      ...(initiators === undefined ? {} : { initiators }),
      ...(networks === undefined ? {} : { networks }),
      ...(authentication === undefined ? {} : { authentication }),
    },
  ]);
  const portal = opened.use(await Portal.open({ network, directory, endpoint: settings.listen }));
  const resources = opened.move();
  for (const [lun, device] of units) {
    const access = device.readOnly ? 'read-only' : 'read-write';
    process.stderr.write(
      `diskless: ${settings.files.get(lun)} (${device.size} bytes, ${access}) is ${name} LUN ${lun} at ${endpointText(portal.endpoint)}\n`,
    );
  }
  return { stop: () => resources.disposeAsync() };
}

function endpointText({ address, port }: Endpoint): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}
