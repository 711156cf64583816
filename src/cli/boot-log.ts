/** A boot as a person reads it: one line for each thing that happens, with its time and its stage. */

import type { PlannedStage } from '../boot/planned-stages.ts';
import type { TraceEvent } from '../boot/trace.ts';
import { printable } from '../bytes/index.ts';

const marks = { skipped: '-', started: '>', step: ' ', done: '=', failed: '!' } as const;
const STAGE_WIDTH = 9;

export function traceLine({ stage, kind, at, text }: TraceEvent): string {
  const seconds = (at / 1000).toFixed(3).padStart(8);
  return `${seconds}  ${stage.padEnd(STAGE_WIDTH)} ${marks[kind]} ${printable(text)}`;
}

export function planLine({ stage, necessary, reason }: PlannedStage): string {
  return `${stage.padEnd(STAGE_WIDTH)} ${necessary ? '>' : '-'} ${necessary ? '' : 'skipped: '}${printable(reason)}`;
}
