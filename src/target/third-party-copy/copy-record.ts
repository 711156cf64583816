/** What is known of each nexus' copies: RECEIVE COPY RESULTS tells of them until they are over and asked for (SPC-4 §5.17.3). */

import { CopyLimit, CopyManagerStatus, type CopyStatus } from '../../scsi/third-party-copy.ts';

/** One copy's progress. */
export class CopyRecord {
  copyManagerStatus: number = CopyManagerStatus.inProgress;
  segmentsProcessed = 0;
  transferred = 0;

  get inProgress(): boolean {
    return this.copyManagerStatus === CopyManagerStatus.inProgress;
  }

  status(): CopyStatus {
    const { copyManagerStatus, segmentsProcessed, transferred } = this;
    return { copyManagerStatus, segmentsProcessed, transferred };
  }
}

/** Records by nexus and LIST IDENTIFIER; `Nexus` is whatever names one session. */
export class CopyRecords<Nexus extends object> {
  readonly #records = new Map<Nexus, Map<number, CopyRecord>>();

  find(nexus: Nexus, listIdentifier: number): CopyRecord | undefined {
    return this.#records.get(nexus)?.get(listIdentifier);
  }

  /** Keeps a record in the place of an older one of the same identifier. Undefined: the nexus has too many under way. */
  begin(nexus: Nexus, listIdentifier: number): CopyRecord | undefined {
    const records = this.#records.get(nexus) ?? new Map<number, CopyRecord>();
    records.delete(listIdentifier);
    if (records.size >= CopyLimit.copies && !forgetOldest(records)) return undefined;
    const record = new CopyRecord();
    records.set(listIdentifier, record);
    this.#records.set(nexus, records);
    return record;
  }

  forget(nexus: Nexus, listIdentifier: number): void {
    this.#records.get(nexus)?.delete(listIdentifier);
  }

  /** The nexus is lost, or the unit reset: nobody can ask any more. */
  forgetNexus(nexus: Nexus): void {
    this.#records.delete(nexus);
  }

  clear(): void {
    this.#records.clear();
  }
}

/** A finished one; its status was there for the asking long enough. */
function forgetOldest(records: Map<number, CopyRecord>): boolean {
  for (const [listIdentifier, record] of records) {
    if (!record.inProgress) return records.delete(listIdentifier);
  }
  return false;
}
