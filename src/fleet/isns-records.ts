/** What an iSNS server has registered, as it keeps it: bytes under a type and a key. */

export interface IsnsRecord {
  readonly type: string;
  readonly key: string;
  readonly record: Uint8Array;
}

export interface IsnsRecordStore {
  all(): IsnsRecord[];
  /**
   * Writes those with a record and removes those without, together. Resolves once that survives a power cut. Raises FLEET_NO_SPACE,
   * FLEET_NOT_WRITTEN.
   */
  save(changes: readonly { type: string; key: string; record: Uint8Array | undefined }[]): Promise<void>;
}
