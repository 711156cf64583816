/** A machine that `diskless boot --vm` starts: our client goes through the stages, and QEMU boots from its session. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { findProgram } from '../requires.ts';
import { startConsoleProgram } from './console-program.ts';
import type { DebianKernel } from './debian-kernel.ts';
import { type DebianSystem, debianOn } from './debian-system.ts';
import { insideOf } from './network.ts';
import { commonHardware, serialConsole } from './qemu.ts';

export interface VirtualMachineOptions {
  /** The network namespace that the boot is in. */
  readonly namespace: string;
  /** Of `diskless boot`. */
  readonly flags: readonly string[];
  /** More of QEMU's arguments. */
  readonly hardware?: readonly string[];
  /** File that gets everything the machine's console prints, as it was printed. */
  readonly log: string;
}

/** Its console has the lines of the boot first; the exit status is that of `diskless boot`. Disposal ends both by SIGTERM. */
export type VirtualMachine = DebianSystem & AsyncDisposable;

const program = join(import.meta.dirname, '..', '..', '..', 'bin', 'diskless.js');

export async function startVirtualMachine(options: VirtualMachineOptions): Promise<VirtualMachine> {
  const { namespace, flags, hardware = [], log } = options;
  const folder = await mkdtemp(join(tmpdir(), 'diskless-vm-'));
  await writeFile(join(folder, 'qemu-system-x86_64'), endingWithItsParent('qemu-system-x86_64'), { mode: 0o755 });
  const forQemu = [...commonHardware, '-m', '512', ...serialConsole(log), ...hardware];
  const [command, args] = insideOf(namespace)(process.execPath, program, 'boot', ...flags, '--vm', '--', ...forQemu);
  const boot = startConsoleProgram({
    program: command,
    args,
    env: { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` },
    endedBy: 'SIGTERM',
  });
  return {
    ...debianOn(boot),
    async [Symbol.asyncDispose]() {
      await boot[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** When the tests are killed, so is the boot; and a machine must not go on without its disk. */
function endingWithItsParent(name: string): string {
  return `#!/bin/sh\nexec setpriv --pdeathsig KILL ${findProgram(name)} "$@"\n`;
}

/** Says on the console where its root is, and switches the machine off. */
export const glance = 'diskless-glance.service';

/**
 * QEMU's arguments for the kernel of the disk without its boot loader, and for no more of Debian than one of its systemd units needs.
 */
export function bootTo(unit: string, { kernel, initramfs }: DebianKernel): readonly string[] {
  const commandLine = `root=LABEL=root ro ip=off console=ttyS0 mitigations=off systemd.unit=${unit}`;
  // The initramfs of the image waits for a network card, whether it is to be used or not.
  const card = ['-device', 'virtio-net-pci,romfile='];
  return [...card, '-kernel', kernel, '-initrd', initramfs, '-append', commandLine];
}
