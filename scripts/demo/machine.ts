/** The demo with a real machine: Debian packages, Debian image, boot server, a QEMU machine without a disk. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Firmware, type Machine, startMachine } from '../../test/support/machine/machine.ts';
import { makeNetwork } from '../../test/support/machine/network.ts';
import { type BootServer, startServer } from '../../test/support/machine/server.ts';
import type { StageMark } from '../../test/support/machine/stages.ts';
import { debianImage } from '../debian-image/build.ts';
import { providePeers } from '../peers.ts';
import type { Progress } from '../progress.ts';
import { serverEventPrinter } from './server-events.ts';

const mac = '52:54:00:d1:5c:01';

const firmwareNames: Readonly<Record<Firmware, string>> = {
  bios: 'SeaBIOS, with the iPXE in its network card',
  uefi: 'OVMF (UEFI), with the iPXE in its network card',
  'uefi-pxe': 'OVMF (UEFI), with no iPXE in it: it has to fetch one',
};

export async function machineDemo(firmware: Firmware, progress: Progress, signal: AbortSignal): Promise<number> {
  if (process.getuid?.() !== 0) {
    progress.say('This demo makes a network namespace and a Debian image, which needs root.');
    progress.say('Without root:  npm run demo -- --quick   (boot server and boot client, no machine)');
    return 1;
  }
  await preparePackages(progress, signal);
  const image = await prepareImage(progress, signal);

  await using cleanup = new AsyncDisposableStack();
  const data = await mkdtemp(join(tmpdir(), 'diskless-demo-'));
  cleanup.defer(() => rm(data, { recursive: true, force: true }));
  const network = cleanup.use(await makeNetwork({ purpose: 'demo' }));

  const starting = progress.stage('Boot server');
  const server = cleanup.use(
    await startServer({ network, image, data, onEvent: serverEventPrinter(progress, starting) }),
  );
  starting.done(`diskless serve on ${network.bridge} of a network namespace of its own`);

  progress.say(`\nA machine without a disk is switched on: ${firmwareNames[firmware]}.`);
  const booting = progress.stage('Machine');
  const machine = cleanup.use(
    await startMachine({
      network,
      firmware,
      mac,
      onStage: (mark) => progress.event(`  machine  ${mark.name} (${(mark.at / 1000).toFixed(1)} s after power-on)`),
      onLine: (line) => booting.note(line.trim()),
    }),
  );
  await unlessAborted(signal, machine.up());
  booting.done('Debian is up');
  await showMachine(machine, server, progress, signal);
  await switchOff(machine, server, progress, signal);
  progress.summary(legs(machine.stages));
  return 0;
}

async function preparePackages(progress: Progress, signal: AbortSignal): Promise<void> {
  const stage = progress.stage('Debian packages');
  await providePeers('demo', (line) => progress.say(line), { onProgress: stage.note });
  signal.throwIfAborted();
  stage.done('all that the demo needs are installed');
}

async function prepareImage(progress: Progress, signal: AbortSignal): Promise<string> {
  const stage = progress.stage('Debian image');
  const image = await debianImage({ signal, onProgress: stage.note });
  stage.done(image);
  return image;
}

async function showMachine(
  machine: Machine,
  server: BootServer,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const proof = machine.console.text.split('\n').find((line) => line.includes('DISKLESS-UP')) ?? '';
  progress.say(`\nThe machine says:  ${proof.trim()}`);
  const login = server.events.find((event) => event.event === 'connected' && event.mac === mac);
  if (login?.event === 'connected') progress.say(`The server says:   ${mac} is logged in to ${login.target}`);
  progress.say('\nroot@diskless:~# lsblk --output NAME,SIZE,TYPE,TRAN,MOUNTPOINT');
  progress.say(await unlessAborted(signal, machine.run('lsblk --output NAME,SIZE,TYPE,TRAN,MOUNTPOINT')));
  progress.say('');
}

async function switchOff(machine: Machine, server: BootServer, progress: Progress, signal: AbortSignal): Promise<void> {
  const stage = progress.stage('Switching off');
  await unlessAborted(signal, machine.powerOff());
  const code = await server.stop();
  if (code !== 0) throw new Error(`the boot server ended with ${code}`);
  stage.done('machine shut down, server stopped, nothing left behind');
}

/** The time between one stage of the machine and the next. */
function legs(marks: readonly StageMark[]): { name: string; seconds: number }[] {
  return marks.slice(0, -1).map((mark, index) => ({
    name: `  of the machine: ${mark.name}`,
    seconds: ((marks[index + 1] ?? mark).at - mark.at) / 1000,
  }));
}

/** Ctrl-C must not wait for a machine. */
async function unlessAborted<Value>(signal: AbortSignal, work: Promise<Value>): Promise<Value> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
    // What is no longer awaited fails when the machine is switched off.
    work.catch(() => {});
  }
}
