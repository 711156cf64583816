/**
 * SANITIZE of one logical unit (SBC-3): it goes on through aborts, resets and logouts, keeps other commands out while it runs,
 * and out for good when it has failed. Both kinds of erase give all blocks back, or write zeros where the device cannot: what was
 * there is as unreadable as if its key were gone.
 */

import { channel } from 'node:diagnostics_channel';
import type { Awaitable } from '../block/device.ts';
import { AdditionalSense } from '../scsi/additional-sense.ts';
import {
  decodeSanitize,
  isAllowedDuringSanitize,
  type MalformedSanitize,
  type SanitizeRequest,
} from '../scsi/sanitize.ts';
import { SenseKey } from '../scsi/sense.ts';
import type { MediumChanges, ReadableDevice } from './medium-changes.ts';
import { checkCondition, GOOD, invalidFieldInCdb, invalidFieldInParameterList, type Outcome } from './outcome.ts';

type Work = Exclude<SanitizeRequest, { action: 'exit failure mode' }>;

export type SanitizeState =
  | { readonly kind: 'idle' }
  /** PROGRESS INDICATION: of 65536. */
  | { readonly kind: 'running'; readonly progress: number }
  | { readonly kind: 'failed'; readonly mayExit: boolean };

/** Called after each piece with its bytes; the next one waits for it. */
export type SanitizePace = (bytes: number) => Awaitable<void>;

/** Written in one step: other tasks run between the steps. */
const PIECE = 4 << 20;

function inProgress(progress: number): Outcome {
  return checkCondition(SenseKey.notReady, AdditionalSense.logicalUnitNotReadySanitizeInProgress, { progress });
}

const FAILED = checkCondition(SenseKey.mediumError, AdditionalSense.sanitizeCommandFailed);

/** Told `{ error }` when a device has failed while it was sanitized. */
const failedChannel = channel('diskless:target:sanitize-failed');

export class Sanitizer {
  readonly #device: ReadableDevice;
  readonly #changes: MediumChanges;
  readonly #pace: SanitizePace;
  #state: SanitizeState = { kind: 'idle' };
  #running: Promise<Outcome> = Promise.resolve(GOOD);
  #closed = false;

  constructor(changes: MediumChanges, pace: SanitizePace = nextTurn) {
    this.#device = changes.device;
    this.#changes = changes;
    this.#pace = pace;
  }

  get state(): SanitizeState {
    return this.#state;
  }

  /** For the hot path: false means that no command is refused. */
  get busy(): boolean {
    return this.#state.kind !== 'idle';
  }

  /** How a command of the table fails because of a sanitize operation; undefined when it may run. */
  refusal(commandName: string): Outcome | undefined {
    if (this.#state.kind === 'idle' || isAllowedDuringSanitize(commandName)) return undefined;
    if (this.#state.kind === 'running') return inProgress(this.#state.progress);
    // Only another SANITIZE leads out of a failure.
    return commandName.startsWith('sanitize') ? undefined : FAILED;
  }

  /**
   * SANITIZE with its parameter list: done when it is to be answered. `whenStill` is done when nothing that came before changes the
   * medium any more: what it would write is to be sanitized too. Never rejects.
   */
  async sanitize(cdb: Uint8Array, list: Uint8Array, whenStill: () => Promise<void>): Promise<Outcome> {
    const request = decodeSanitize(cdb, list, this.#device.blockSize);
    if ('malformed' in request) return refusalOf(request);
    if (this.#state.kind === 'running') return inProgress(this.#state.progress);
    if (request.action === 'exit failure mode') return this.#exitFailureMode();
    this.#state = { kind: 'running', progress: 0 };
    this.#changes.replaced();
    this.#running = this.#run(request, whenStill());
    return request.immediate ? GOOD : this.#running;
  }

  /** Stops a running operation after its current piece, for the end of the process. The unit counts as failed then. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  /** Restricted completion leaves no way out but a SANITIZE that succeeds. */
  #exitFailureMode(): Outcome {
    if (this.#state.kind === 'failed' && !this.#state.mayExit) return invalidFieldInCdb(1);
    this.#state = { kind: 'idle' };
    return GOOD;
  }

  async #run(work: Work, still: Promise<void>): Promise<Outcome> {
    try {
      await still;
      await (work.action === 'overwrite' ? this.#overwrite(work) : this.#erase());
      await this.#device.flush();
      this.#state = { kind: 'idle' };
      return GOOD;
    } catch (error) {
      failedChannel.publish({ error });
      this.#state = { kind: 'failed', mayExit: work.allowUnrestrictedExit };
      return FAILED;
    }
  }

  async #erase(): Promise<void> {
    const { capabilities, size } = this.#device;
    const gives = capabilities.unmap !== 'none';
    await this.#pass(0, size, (offset, length) =>
      gives ? this.#changes.unmap(offset, length) : this.#changes.writeZeroes(offset, length),
    );
  }

  async #overwrite(work: Extract<Work, { action: 'overwrite' }>): Promise<void> {
    const { size, blockSize } = this.#device;
    const block = filledBlock(work.pattern, blockSize);
    for (let pass = 0; pass < work.passes; pass++) {
      const written = work.invert && pass % 2 === 1 ? block.map((byte) => ~byte) : block;
      const buffer = repeated(written, Math.min(PIECE, size));
      await this.#pass(pass * size, work.passes * size, (offset, length) =>
        this.#changes.write(offset, [buffer.subarray(0, length)]),
      );
    }
  }

  /** Goes once over the whole device; `before` of `total` bytes were done earlier. */
  async #pass(before: number, total: number, step: (offset: number, length: number) => Awaitable<void>): Promise<void> {
    const { size } = this.#device;
    for (let offset = 0; offset < size; ) {
      if (this.#closed) throw new Error('the unit was closed while it was sanitized');
      const length = Math.min(PIECE, size - offset);
      await step(offset, length);
      offset += length;
      this.#state = { kind: 'running', progress: Math.floor(((before + offset) / total) * 0xffff) };
      await this.#pace(length);
    }
  }
}

/** Lets everything else that is ready run first. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Every block begins with the pattern, which repeats as often as it fits. */
function filledBlock(pattern: Uint8Array, blockSize: number): Uint8Array {
  return Uint8Array.from({ length: blockSize }, (_, at) => pattern[at % pattern.length] ?? 0);
}

function repeated(block: Uint8Array, length: number): Uint8Array {
  const result = new Uint8Array(length);
  for (let at = 0; at < length; at += block.length) result.set(block, at);
  return result;
}

function refusalOf({ malformed, byte }: MalformedSanitize): Outcome {
  return malformed === 'cdb' ? invalidFieldInCdb(byte) : invalidFieldInParameterList(byte);
}
