/**
 * A small Linux guest with the kernel's iSCSI initiator (`scripts/initiator-guest/`): up in seconds, without firmware and without a
 * disk. Its commands go over a virtio channel of their own, so that no kernel message comes between what they print.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InitiatorGuest } from '../../../scripts/initiator-guest/build.ts';
import type { MachineNetwork } from './network.ts';
import { commonHardware, startQemu } from './qemu.ts';
import { runQmpCommand } from './qmp.ts';
import { Shell } from './shell.ts';

export interface GuestOptions {
  readonly network: MachineNetwork;
  readonly files: InitiatorGuest;
  /** 2 to 254, another one in each guest of a network: the last byte of its addresses. */
  readonly number: number;
  /** MiB. */
  readonly memory?: number;
  /** More of QEMU's arguments. */
  readonly hardware?: readonly string[];
  /** File that gets what the kernel says. */
  readonly log: string;
}

export interface Guest extends AsyncDisposable {
  /** Runs a shell command; gives what it printed. Rejects when it fails. One at a time. */
  run(command: string, timeout?: number): Promise<string>;
  /** Waits until a shell condition holds: much of what a kernel shows of itself can only be looked at again. */
  until(condition: string, timeout?: number): Promise<void>;
  /** Stops its processors, as a host that is suspended or overloaded does: its time stands still, its connections do not end. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}

/** Emulation on a busy machine is slow. Milliseconds. */
const bootTimeout = 120_000;

/** Boots the guest and gives it its address. Disposal cuts its power. Needs root for the tap. */
export async function startGuest({
  network,
  files,
  number,
  memory = 384,
  hardware = [],
  log,
}: GuestOptions): Promise<Guest> {
  const mac = `52:54:00:d1:5c:${number.toString(16).padStart(2, '0')}`;
  const address = network.address.replace(/\d+$/, String(number));
  const tap = await network.plugIn();
  const folder = await mkdtemp(join(tmpdir(), 'diskless-guest-'));
  const monitor = join(folder, 'monitor');
  const qemu = startQemu({
    network,
    hardware: [
      // All that the emulator has: CRC-32C and SHA are instructions of newer processors.
      ...[...commonHardware, '-cpu', 'max', '-smp', '2', '-m', String(memory)],
      ...['-kernel', files.kernel, '-initrd', files.initramfs],
      // Process 1 ends when its channel does, and the kernel then panics: the machine goes off instead of standing still.
      ...['-append', 'rdinit=/guest/start console=ttyS0 panic=-1 mitigations=off'],
      ...['-chardev', `file,id=kernel,path=${log}`, '-serial', 'chardev:kernel'],
      ...['-chardev', 'stdio,id=commands,signal=off', '-device', 'virtio-serial-pci'],
      ...['-device', 'virtserialport,chardev=commands,name=commands'],
      ...['-qmp', `unix:${monitor},server=on,wait=off`],
      ...['-netdev', `tap,id=net0,ifname=${tap},script=no,downscript=no`],
      ...['-device', `virtio-net-pci,netdev=net0,mac=${mac},romfile=`],
      ...hardware,
    ],
  });
  const shell = new Shell(qemu.console, async () => {
    await qemu.console.waitFor(/guest is up\n/, bootTimeout);
  });
  const run = (command: string, timeout = 60_000) => shell.run(command, timeout);
  const guest: Guest = {
    run,
    async until(condition, timeout) {
      await run(`until { ${condition}; } > /dev/null 2>&1; do sleep 0.1; done`, timeout);
    },
    pause: () => runQmpCommand(monitor, 'stop'),
    resume: () => runQmpCommand(monitor, 'cont'),
    async [Symbol.asyncDispose]() {
      await qemu[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await guest.run(`ip address add ${address}/24 dev eth0 && ip link set eth0 up`, bootTimeout);
  } catch (error) {
    await guest[Symbol.asyncDispose]();
    throw error;
  }
  return guest;
}
