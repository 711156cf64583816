/**
 * Hands the disk of a boot over to a virtual machine: QEMU boots from our session, over an NBD socket that only it knows. The machine
 * needs neither an initiator nor firmware that knows one.
 */

import type { ForegroundProcess, StartInForeground } from '../os/foreground-process.ts';
import type { TemporaryDirectory } from '../os/temporary-directory.ts';
import type { NbdHandOver } from './hand-over-nbd.ts';
import { type MachineDisk, machineArguments } from './machine-arguments.ts';

export interface VmHandOverOptions {
  readonly disk: MachineDisk;
  /** More of QEMU's arguments. */
  readonly given: readonly string[];
  /** Serves the disk at a socket of the file system. */
  readonly serve: (socket: string) => Promise<NbdHandOver>;
  readonly start: StartInForeground;
  readonly makeDirectory: () => Promise<TemporaryDirectory>;
}

export interface VmHandOver {
  /** QEMU's exit status, when the machine is off. Rejects as the process does. */
  readonly off: ForegroundProcess['ended'];
  /** Ends the machine where it runs still, flushes the disk, and removes the socket. */
  close(): Promise<void>;
}

export const QEMU = 'qemu-system-x86_64';

/** Milliseconds: QEMU has nothing to do at its end but to flush the disk. */
const END_PATIENCE = 10_000;

/** Raises the errors of files, and what serving raises. */
export async function handOverToVm(options: VmHandOverOptions): Promise<VmHandOver> {
  const { disk, given, serve, start, makeDirectory } = options;
  await using failed = new AsyncDisposableStack();
  const directory = failed.use(await makeDirectory());
  const socket = `${directory.path}/disk.sock`;
  const served = await serve(socket);
  failed.defer(() => served.close());
  const machine = start(QEMU, machineArguments(disk, socket, given));
  const cleanup = failed.move();
  return {
    off: machine.ended,
    async close() {
      await machine.end(END_PATIENCE);
      await cleanup.disposeAsync();
    },
  };
}
