/** `diskless target`: one file as an iSCSI target, and nothing else. */

import type { Command } from 'commander';
import { openFileDevice } from '../../block/file-device.ts';
import { DisklessError, isIpv4 } from '../../bytes/index.ts';
import { parseIscsiName } from '../../iscsi/name.ts';
import type { FileSystem } from '../../os/file.ts';
import type { Endpoint, Network } from '../../os/network.ts';
import { nodeFileSystem } from '../../os/node-file-system.ts';
import { nodeNetwork } from '../../os/node-network.ts';
import { openDirectory } from '../../target/directory.ts';
import { ISCSI_PORT, Portal } from '../../target/portal.ts';
import { Target } from '../../target/target.ts';
import { type Running, untilStopped } from '../until-stopped.ts';

const DEFAULT_NAME = 'iqn.2026-11.internal.diskless:disk';
const DEFAULT_LISTEN = `0.0.0.0:${ISCSI_PORT}`;

export function registerTarget(program: Command): void {
  program
    .command('target')
    .description('serve one file as an iSCSI target, as LUN 0, to everybody who asks')
    .argument('<file>', 'raw disk image or block device')
    .option('--name <iqn>', 'iSCSI name of the target', DEFAULT_NAME)
    .option('--listen <address:port>', 'where to listen', DEFAULT_LISTEN)
    .option('--block-size <bytes>', 'bytes of a logical block: 512 or 4096', '512')
    .option('--read-only', 'refuse writes', false)
    .action(async (file: string, flags: TargetFlags) => {
      const settings = readFlags(file, flags);
      await untilStopped(() => serveTarget(settings, nodeNetwork, nodeFileSystem));
    });
}

interface TargetFlags {
  readonly name: string;
  readonly listen: string;
  readonly blockSize: string;
  readonly readOnly: boolean;
}

interface TargetSettings {
  readonly file: string;
  readonly name: string;
  readonly listen: Endpoint;
  readonly blockSize: number;
  readonly readOnly: boolean;
}

/** Raises USAGE_BLOCK_SIZE_INVALID, USAGE_ENDPOINT_INVALID, ISCSI_NAME_TYPE and its kin. */
function readFlags(file: string, flags: TargetFlags): TargetSettings {
  if (flags.blockSize !== '512' && flags.blockSize !== '4096') {
    throw new DisklessError('USAGE_BLOCK_SIZE_INVALID', `"${flags.blockSize}" is not a block size`, {
      hint: 'Use 512 or 4096.',
    });
  }
  return {
    file,
    name: parseIscsiName(flags.name),
    listen: parseListen(flags.listen),
    blockSize: Number(flags.blockSize),
    readOnly: flags.readOnly,
  };
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

async function serveTarget(settings: TargetSettings, network: Network, files: FileSystem): Promise<Running> {
  const { file, name, blockSize, readOnly } = settings;
  await using opened = new AsyncDisposableStack();
  const device = openFileDevice(files, file, { blockSize, readOnly });
  opened.defer(() => device.close());
  const directory = openDirectory([new Target({ name, units: new Map([[0, device]]) })]);
  const portal = opened.use(await Portal.open({ network, directory, endpoint: settings.listen }));
  const resources = opened.move();
  const access = device.readOnly ? 'read-only' : 'read-write';
  process.stderr.write(
    `diskless: ${file} (${device.size} bytes, ${access}) is ${name} LUN 0 at ${endpointText(portal.endpoint)}\n`,
  );
  return { stop: () => resources.disposeAsync() };
}

function endpointText({ address, port }: Endpoint): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}
