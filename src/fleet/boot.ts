/** A boot: everything that one machine does from its first DHCPDISCOVER until its operating system is up. */

import type { MacAddress } from '../bytes/index.ts';

/** `running`: under way. `up`: the operating system has its own session. `abandoned`: it ended before that. */
export type BootOutcome = 'running' | 'up' | 'abandoned';

export interface BootStep {
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
  /** What kind of step, such as `dhcp-offer`. */
  readonly stage: string;
  /** What happened, in one line. */
  readonly text: string;
}

export interface Boot {
  /** The correlation id. */
  readonly id: string;
  readonly hardwareAddress: MacAddress;
  readonly started: number;
  readonly outcome: BootOutcome;
  readonly steps: readonly BootStep[];
}

/** The latest boots of the fleet: older ones make room. What the last moments before a power cut added may be lost. */
export interface BootStore {
  begin(boot: Pick<Boot, 'id' | 'hardwareAddress' | 'started'>): void;
  addStep(id: string, step: BootStep): void;
  finish(id: string, outcome: BootOutcome): void;
  /** Newest first. */
  latest(limit: number, hardwareAddress?: MacAddress): Boot[];
}
