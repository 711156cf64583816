/** What a boot took, stage by stage, as its trace has it. */

import type { StageRecord } from '../../src/boot/trace.ts';

/** Milliseconds; 0 for a stage that was not necessary. */
export interface MachineTimes {
  readonly dhcp: number;
  readonly discovery: number;
  readonly disk: number;
  /** From the first stage to the first sector. */
  readonly whole: number;
}

export function machineTimes(stages: readonly StageRecord[], whole: number): MachineTimes {
  const took = (wanted: StageRecord['stage']) => stages.find(({ stage }) => stage === wanted)?.duration ?? Number.NaN;
  return { dhcp: took('dhcp'), discovery: took('discovery'), disk: took('boot'), whole };
}
