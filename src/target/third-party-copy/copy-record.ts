/** What is known of each nexus' copies: initiators ask for it while a copy is under way, and afterwards (SPC-4). */

import { Status } from '../../scsi/status.ts';
import { CopyLimit } from '../../scsi/third-party-copy/copy-limit.ts';
import type { Outcome } from '../outcome.ts';
import type { CopyProgress } from './copy-range.ts';

/** `task`: the command that waits for the copy, whose abort is the copy's; undefined for a copy in the background. */
export interface CopyRecordOptions {
  /** Of the command. */
  readonly serviceAction: number;
  /** Bytes of the blocks in which the copy is counted to the initiator; 1 for bytes. */
  readonly countedIn: number;
  readonly task: { readonly aborted: boolean } | undefined;
}

/** One copy. */
export class CopyRecord implements CopyProgress {
  readonly serviceAction: number;
  readonly countedIn: number;
  readonly isInBackground: boolean;
  readonly #task: CopyRecordOptions['task'];
  readonly #ended = Promise.withResolvers<void>();
  #isCancelled = false;
  #outcome: Outcome | undefined;
  segmentsProcessed = 0;
  /** Bytes at their destination. */
  transferred = 0;
  /** Pieces read and written. */
  operations = 0;
  /** The ROD token that it has made. */
  token: Uint8Array | undefined;

  constructor({ serviceAction, countedIn, task }: CopyRecordOptions) {
    this.serviceAction = serviceAction;
    this.countedIn = countedIn;
    this.isInBackground = task === undefined;
    this.#task = task;
  }

  get aborted(): boolean {
    return this.#isCancelled || (this.#task?.aborted ?? false);
  }

  /** COPY OPERATION ABORT, or nobody can ask for it any more. */
  cancel(): void {
    this.#isCancelled = true;
  }

  copied(bytes: number): void {
    this.transferred += bytes;
    this.operations += 1;
  }

  /** How it ended; undefined while it is under way. */
  get outcome(): Outcome | undefined {
    return this.#outcome;
  }

  /** Resolves when it changes nothing any more. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  end(outcome: Outcome): void {
    this.#outcome = outcome;
    this.#ended.resolve();
  }

  get succeeded(): boolean {
    return this.#outcome?.status === Status.good;
  }
}

/** Records by nexus and LIST IDENTIFIER; `Nexus` is whatever names one session. */
export class CopyRecords<Nexus extends object> {
  readonly #records = new Map<Nexus, Map<number, CopyRecord>>();

  find(nexus: Nexus, listIdentifier: number): CopyRecord | undefined {
    return this.#records.get(nexus)?.get(listIdentifier);
  }

  /** Keeps a record in the place of an older one of the same identifier. False: the nexus has too many under way. */
  keep(nexus: Nexus, listIdentifier: number, record: CopyRecord): boolean {
    const records = this.#records.get(nexus) ?? new Map<number, CopyRecord>();
    records.delete(listIdentifier);
    if (records.size >= CopyLimit.copies && !forgetOldest(records)) return false;
    records.set(listIdentifier, record);
    this.#records.set(nexus, records);
    return true;
  }

  forget(nexus: Nexus, listIdentifier: number): void {
    this.#records.get(nexus)?.delete(listIdentifier);
  }

  /** The nexus is lost: nobody can ask any more, and so its copies end. Returns these. */
  forgetNexus(nexus: Nexus): readonly CopyRecord[] {
    const records = [...(this.#records.get(nexus)?.values() ?? [])];
    for (const record of records) record.cancel();
    this.#records.delete(nexus);
    return records;
  }

  /** The unit is to be reset. Gives what ends and forgets the copies of now, and none that is begun since. */
  prepareReset(): () => void {
    const kept = [...this.#records].flatMap(([nexus, records]) =>
      [...records].map((entry) => [nexus, ...entry] as const),
    );
    return () => {
      for (const [nexus, listIdentifier, record] of kept) {
        record.cancel();
        if (this.find(nexus, listIdentifier) === record) this.forget(nexus, listIdentifier);
      }
    };
  }
}

/** A finished one; its status was there for the asking long enough. */
function forgetOldest(records: Map<number, CopyRecord>): boolean {
  for (const [listIdentifier, record] of records) {
    if (record.outcome !== undefined) return records.delete(listIdentifier);
  }
  return false;
}
