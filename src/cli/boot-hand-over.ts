/** What `diskless boot` does with the disk that it has found, for as long as it is told to go on: it serves the disk to others. */

import type { BootedDisk } from '../boot/boot-stage.ts';
import { handOverByNbd } from '../boot/hand-over-nbd.ts';
import { DisklessError } from '../bytes/index.ts';
import { systemClock } from '../os/clock.ts';
import { nodeLocalSockets } from '../os/node-local-sockets.ts';
import { nodeNetwork } from '../os/node-network.ts';
import type { BootSettings } from './boot-settings.ts';
import { errorLine } from './errors.ts';

/** The disk in other hands, until `end`. */
export interface HandOver {
  /** One line for people. */
  readonly text: string;
  /** The same for programs. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Takes the disk back. */
  end(): Promise<void>;
}

/** Undefined when the settings ask for none. Raises what the ways of handing over raise. */
export async function handOver(settings: BootSettings, disk: BootedDisk): Promise<HandOver | undefined> {
  const { nbd } = settings;
  if (nbd === undefined) return undefined;
  const served = await handOverByNbd({
    device: disk.device,
    place: nbd,
    description: `${disk.targetName} at ${disk.session.current.remote.address}`,
    network: nodeNetwork,
    sockets: nodeLocalSockets,
    clock: systemClock,
    onFailure: (error) => process.stderr.write(`${errorLine(error)}\n`),
  });
  return {
    text: `the disk is at ${served.uri} until this program ends`,
    facts: { nbd: served.uri },
    end: () => served.close(),
  };
}

/** Resolves when `signal` is aborted; rejects with its reason when that is no interruption. */
export async function interrupted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  const { reason } = signal;
  if (!(reason instanceof DisklessError && reason.code === 'INTERRUPTED')) throw reason;
}
