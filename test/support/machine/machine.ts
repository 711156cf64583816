/** A machine without a disk: QEMU with real firmware, a network card, and a serial console. */
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DebianSystem, debianOn } from './debian-system.ts';
import type { MachineNetwork } from './network.ts';
import { commonHardware, serialConsole, startQemu } from './qemu.ts';
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

export interface Machine extends DebianSystem, AsyncDisposable {
  readonly stages: readonly StageMark[];
}

/** The files of Debian's `ovmf` that hold the firmware and its variables. */
export const ovmf = { code: '/usr/share/OVMF/OVMF_CODE_4M.fd', variables: '/usr/share/OVMF/OVMF_VARS_4M.fd' } as const;

/** Switches the machine on. Disposal cuts its power and removes what it left. Needs root for the tap. */
export async function startMachine(options: MachineOptions): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), 'diskless-machine-'));
  const tap = await options.network.plugIn();
  const stages = new Stages(options.onStage);
  const qemu = startQemu({
    network: options.network,
    hardware: await hardware(options, tap, folder),
    onLine: (line) => {
      stages.see(line);
      options.onLine?.(line);
    },
  });
  return {
    ...debianOn(qemu),
    stages: stages.marks,
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
    ...serialConsole(log),
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
