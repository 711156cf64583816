/** A machine without a disk: QEMU with real firmware, a network card, and a serial console. */
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Console } from './console.ts';
import type { MachineNetwork } from './network.ts';
import { commonHardware, startQemu } from './qemu.ts';
import { Shell } from './shell.ts';
import { type StageMark, Stages } from './stages.ts';

/**
 * `bios`: SeaBIOS and the iPXE in the card's option ROM. `uefi`: OVMF and the same ROM's UEFI iPXE. `uefi-pxe`: OVMF's own PXE
 * client and no iPXE in the machine, so that the loader must come over the network.
 */
export type Firmware = 'bios' | 'uefi' | 'uefi-pxe';

export interface MachineOptions {
  readonly network: MachineNetwork;
  readonly firmware: Firmware;
  readonly mac: string;
  /** MiB. */
  readonly memory?: number;
  /** More of QEMU's arguments. */
  readonly hardware?: readonly string[];
  /** File that gets everything the console prints, as it was printed. */
  readonly log?: string;
  readonly onStage?: (mark: StageMark) => void;
  readonly onLine?: (line: string) => void;
}

export interface Machine extends AsyncDisposable {
  readonly console: Console;
  readonly stages: readonly StageMark[];
  /** Waits until Debian says that it is up; gives the fields of its proof line, such as `target` and `root`. */
  up(timeout?: number): Promise<Record<string, string>>;
  /** Runs a command in the root shell on the console; gives what it printed. Rejects when it fails. */
  run(command: string, timeout?: number): Promise<string>;
  /** Shuts Debian down and waits until the machine is off. */
  powerOff(timeout?: number): Promise<void>;
  /** Settles when the machine is off, whatever the reason. */
  readonly exited: Promise<void>;
}

/** The files of Debian's `ovmf` that hold the firmware and its variables. */
export const ovmf = { code: '/usr/share/OVMF/OVMF_CODE_4M.fd', variables: '/usr/share/OVMF/OVMF_VARS_4M.fd' } as const;

/** Emulation on a busy machine is slow: what takes a minute alone may take several beside other machines. Milliseconds. */
const bootTimeout = 300_000;

/** Switches the machine on. Disposal cuts its power and removes what it left. Needs root for the tap. */
export async function startMachine(options: MachineOptions): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), 'diskless-machine-'));
  const tap = await options.network.plugIn();
  const stages = new Stages(options.onStage);
  const { console, exited, ...qemu } = startQemu({
    network: options.network,
    hardware: await hardware(options, tap, folder),
    onLine: (line) => {
      stages.see(line);
      options.onLine?.(line);
    },
  });
  const shell = new Shell(console, () => readyShell(console));
  return {
    console,
    stages: stages.marks,
    exited,
    up: async (timeout = bootTimeout) => proofFields((await console.waitFor(/DISKLESS-UP (.*)\n/, timeout))[1] ?? ''),
    run: (command, timeout = 60_000) => shell.run(command, timeout),
    async powerOff(timeout = 120_000) {
      await shell.open();
      console.send('systemctl poweroff');
      await console.waitFor(/reboot: Power down/, timeout);
      await exited;
    },
    async [Symbol.asyncDispose]() {
      await qemu[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function hardware(
  { firmware, mac, memory = 512, hardware: more = [], log }: MachineOptions,
  tap: string,
  folder: string,
): Promise<string[]> {
  const card = `virtio-net-pci,netdev=net0,mac=${mac},bootindex=1`;
  const machine = [
    ...[...commonHardware, '-m', String(memory)],
    ...['-chardev', `stdio,id=serial0,signal=off${log === undefined ? '' : `,logfile=${log}`}`],
    ...['-serial', 'chardev:serial0'],
    ...['-netdev', `tap,id=net0,ifname=${tap},script=no,downscript=no`],
    ...more,
  ];
  if (firmware === 'bios') return [...machine, '-device', card];
  const variables = join(folder, 'variables.fd');
  await copyFile(ovmf.variables, variables);
  return [
    ...machine,
    ...[
      '-drive',
      `if=pflash,format=raw,readonly=on,file=${ovmf.code}`,
      '-drive',
      `if=pflash,format=raw,file=${variables}`,
    ],
    ...['-device', firmware === 'uefi' ? card : `${card},romfile=`],
  ];
}

/** `target=iqn... root=/dev/sda3` as an object. */
function proofFields(line: string): Record<string, string> {
  return Object.fromEntries(
    line.split(' ').map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)]),
  );
}

/** Waits for the prompt of the root shell that Debian opens on the console, and switches off echo, so that output is only output. */
async function readyShell(console: Console): Promise<void> {
  // Typed into a login that is still starting, a line is lost; the quotes keep the echo of the line from looking like its answer.
  console.send('');
  await console.waitFor(/root@\w+:~# /, 60_000);
  console.send(`stty -echo; dmesg --console-off; PS1=; echo 'shell ''open'`);
  await console.waitFor(/shell open\n/, 60_000);
}
