/** What `diskless boot` does with the disk that it has found, for as long as it is told to go on: it serves the disk to others. */

import type { BootResult } from '../boot/boot.ts';
import type { BootedDisk } from '../boot/boot-stage.ts';
import { handBack } from '../boot/hand-back.ts';
import { handOverToKernel } from '../boot/hand-over-attach.ts';
import { handOverByNbd, type NbdHandOver } from '../boot/hand-over-nbd.ts';
import { handOverToVm, QEMU } from '../boot/hand-over-vm.ts';
import { kernelWay } from '../boot/kernel-way.ts';
import { DisklessError } from '../bytes/index.ts';
import type { NbdPlace } from '../nbd/uri.ts';
import { systemClock } from '../os/clock.ts';
import { startInForeground } from '../os/foreground-process.ts';
import { nodeFileSystem } from '../os/node-file-system.ts';
import { nodeLocalSockets } from '../os/node-local-sockets.ts';
import { nodeNetwork } from '../os/node-network.ts';
import { runProcess } from '../os/process.ts';
import { makeTemporaryDirectory } from '../os/temporary-directory.ts';
import type { BootSettings } from './boot-settings.ts';
import { errorLine } from './errors.ts';

/** The disk in other hands, until `end`. */
export interface HandOver {
  /** One line for people. */
  readonly text: string;
  /** The same for programs. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Where whoever has it may be done with it by itself: with this exit status. */
  readonly done?: Promise<number>;
  /** Takes the disk back. */
  end(): Promise<void>;
}

/**
 * Undefined when the settings ask for none. `forQemu` are arguments of `--vm`. Raises what the ways of handing over raise, and the
 * reason of the result's signal.
 */
export async function handOver(
  settings: BootSettings,
  result: BootResult,
  forQemu: readonly string[],
): Promise<HandOver | undefined> {
  const { disk } = result;
  if (settings.attach) return attach(settings, result);
  if (settings.vm) return startMachine(disk, forQemu);
  if (settings.nbd === undefined) return undefined;
  const served = await serve(disk, settings.nbd);
  return {
    text: `the disk is at ${served.uri} until this program ends`,
    facts: { nbd: served.uri },
    end: () => served.close(),
  };
}

async function attach(
  { secure, authorizedServer }: BootSettings,
  { disk, initiatorName, chap, signal }: BootResult,
): Promise<HandOver> {
  const { address, port } = disk.session.current.remote;
  const { targetName, device, lun } = disk;
  const confined = secure || authorizedServer.length > 0;
  const name = `diskless-boot-${process.pid}`;
  const { blockDevice, detach } = await handOverToKernel({
    run: runProcess,
    files: nodeFileSystem,
    clock: systemClock,
    signal,
    blockSize: device.blockSize,
    socket: `/run/${name}.sock`,
    record: name,
    serve: async (path) => {
      const served = await serve(disk, { kind: 'local', path });
      return { ...served, close: () => handBack(() => served.close(), disk.session, systemClock) };
    },
    kernelWay: kernelWay({ initiatorName, address, port, targetName, lun, chap, confined }),
  });
  return {
    text: `the disk is ${blockDevice} until this program ends: unmount it first`,
    facts: { blockDevice },
    end: detach,
  };
}

async function startMachine(disk: BootedDisk, forQemu: readonly string[]): Promise<HandOver> {
  const machine = await handOverToVm({
    disk: disk.device,
    given: forQemu,
    serve: (path) => serve(disk, { kind: 'local', path }),
    start: startInForeground,
    makeDirectory: makeTemporaryDirectory,
  });
  return {
    text: `${QEMU} boots from the disk`,
    facts: { vm: QEMU },
    done: machine.off,
    end: () => machine.close(),
  };
}

function serve(disk: BootedDisk, place: NbdPlace): Promise<NbdHandOver> {
  return handOverByNbd({
    device: disk.device,
    place,
    description: `${disk.targetName} at ${disk.session.current.remote.address}`,
    network: nodeNetwork,
    sockets: nodeLocalSockets,
    clock: systemClock,
    onFailure: (error) => process.stderr.write(`${errorLine(error)}\n`),
  });
}

/** Resolves when `signal` is aborted; rejects with its reason when that is no interruption. */
export async function interrupted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  const { reason } = signal;
  if (!(reason instanceof DisklessError && reason.code === 'INTERRUPTED')) throw reason;
}
