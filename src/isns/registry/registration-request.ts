/** One DevAttrReg while it is carried out: what on, for whom, and by which rules. */

import type { Changes } from './changes.ts';
import type { Database } from './database.ts';
import type { RegistrySettings } from './settings.ts';

export interface Registration {
  readonly database: Database;
  readonly changes: Changes;
  readonly settings: RegistrySettings;
  /** Prepared name of whoever asks. */
  readonly source: string;
  readonly isControlNode: boolean;
  readonly replace: boolean;
  /** Seconds since the Unix epoch. */
  readonly now: number;
}
