/** QEMU as a process: an emulated machine whose owner reads and types on one serial line of it. */
import { spawn } from 'node:child_process';
import { Console } from './console.ts';
import type { MachineNetwork } from './network.ts';

export interface QemuOptions {
  readonly network: Pick<MachineNetwork, 'inside'>;
  /** What the machine is made of; a character device `stdio` in it is the console. */
  readonly hardware: readonly string[];
  readonly onLine?: ((line: string) => void) | undefined;
}

export interface Qemu extends AsyncDisposable {
  readonly console: Console;
  /** Settles when the machine is off, whatever the reason. */
  readonly exited: Promise<void>;
}

/** What every machine has. */
export const commonHardware: readonly string[] = [
  // KVM is not everywhere; emulation is, and the firmware and the wire are the same.
  ...['-accel', 'tcg,thread=multi', '-machine', 'q35,graphics=off'],
  ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
  // An empty emulated machine gathers randomness slowly, and Linux waits for it.
  ...['-object', 'rng-random,id=rng0,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=rng0'],
];

/** Switches the machine on. Disposal cuts its power. */
export function startQemu({ network, hardware, onLine = () => {} }: QemuOptions): Qemu {
  const child = spawn(...network.inside('qemu-system-x86_64', ...hardware), {
    stdio: ['pipe', 'pipe', 'pipe'],
    // Ctrl-C in a terminal goes to the whole process group; the machine must be ended by its owner, in order.
    detached: true,
  });
  const console = new Console((text) => child.stdin.write(text), onLine);
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => console.feed(chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaint += chunk;
  });
  // A line typed into a machine that has just gone off has nowhere to go.
  child.stdin.on('error', () => {});
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      complaint += error.message;
      resolve();
    });
    child.once('close', () => resolve());
  }).then(() => console.close(`the machine went off${complaint === '' ? '' : ` (${complaint.trim()})`}`));
  return {
    console,
    exited,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
