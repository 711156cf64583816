/** The demo without QEMU and without root: boot server and boot client, from DHCP to the first blocks of the disk. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startServer } from '../../test/support/machine/server.ts';
import type { Progress } from '../progress.ts';
import { makeQuickImage } from './quick-image.ts';
import { makeQuickNetwork, type QuickNetwork } from './quick-network.ts';
import { serverEventPrinter } from './server-events.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');

export async function quickDemo(progress: Progress, signal: AbortSignal): Promise<number> {
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'diskless-demo-'));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));

  const making = progress.stage('Disk image');
  const image = join(folder, 'golden.img');
  await makeQuickImage(image);
  making.done('64 MiB with a partition table');

  const connecting = progress.stage('Network');
  const network = cleanup.use(await makeQuickNetwork());
  connecting.done(network.description);

  const starting = progress.stage('Boot server');
  const onEvent = serverEventPrinter(progress, starting);
  const server = cleanup.use(
    await startServer({
      network: network.server,
      image,
      data: join(folder, 'data'),
      // This client brings its own software: no boot loader need be installed.
      flags: ['--loader-dir', 'off', ...network.server.flags],
      onEvent,
    }),
  );
  starting.done(`diskless serve on ${network.server.bridge}`);

  const booting = progress.stage('Boot client');
  await runBootClient(network, progress, signal);
  booting.done('the disk is there');

  const stopping = progress.stage('Switching off');
  const code = await server.stop();
  if (code !== 0) throw new Error(`the boot server ended with ${code}`);
  stopping.done('server stopped, nothing left behind');
  progress.summary();
  return 0;
}

/** `diskless boot` says by itself what each stage learned and how long it took: its lines are shown as they come. */
async function runBootClient({ client }: QuickNetwork, progress: Progress, signal: AbortSignal): Promise<void> {
  const args = [program, 'boot', ...client.flags];
  progress.event(`  client   diskless boot ${client.flags.join(' ')}`);
  const child = spawn(...client.inside(process.execPath, ...args), { stdio: ['ignore', 'pipe', 'pipe'], signal });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => progress.event(`  client   ${line}`));
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`the boot client ended with ${code}`);
}
