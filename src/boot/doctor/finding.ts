/** What is wrong with what machines get, and what to do about it. */

import type { ClientKind } from './clients.ts';
import type { Observation } from './observation.ts';

export interface Finding {
  /** Stable: docs/errors.md has a line for each. */
  readonly code: string;
  /** `error`: some machine does not boot. `warning`: it boots, and may not tomorrow. */
  readonly level: 'error' | 'warning';
  readonly what: string;
  readonly why: string;
  readonly todo: string;
  /** The Root Path that it is about; all when it is not there. */
  readonly rootPath?: string;
  /** Whom it concerns; all when it is not there. */
  readonly clients?: readonly ClientKind[];
}

/** Looks at what was seen for one thing that can be wrong. */
export type Rule = (seen: Observation) => readonly Finding[];
