/** QEMU as a process: an emulated machine whose owner reads and types on one serial line of it. */
import { type ConsoleProgram, startConsoleProgram } from './console-program.ts';
import type { MachineNetwork } from './network.ts';

export interface QemuOptions {
  readonly network: Pick<MachineNetwork, 'inside'>;
  /** What the machine is made of; a character device `stdio` in it is the console. */
  readonly hardware: readonly string[];
  readonly onLine?: ((line: string) => void) | undefined;
}

/** What every machine has. */
export const commonHardware: readonly string[] = [
  // KVM is not everywhere; emulation is, and the firmware and the wire are the same.
  ...['-accel', 'tcg,thread=multi', '-machine', 'q35,graphics=off'],
  ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
  // An empty emulated machine gathers randomness slowly, and Linux waits for it.
  ...['-object', 'rng-random,id=rng0,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=rng0'],
];

/** The first serial line as the console; a log file gets what it prints, as it was printed. */
export function serialConsole(log: string | undefined): readonly string[] {
  const logged = log === undefined ? '' : `,logfile=${log}`;
  return ['-chardev', `stdio,id=serial0,signal=off${logged}`, '-serial', 'chardev:serial0'];
}

/** Switches the machine on. Disposal cuts its power. */
export function startQemu({ network, hardware, onLine }: QemuOptions): ConsoleProgram {
  const [program, args] = network.inside('qemu-system-x86_64', ...hardware);
  return startConsoleProgram({ program, args, onLine });
}
