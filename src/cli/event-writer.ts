/** Where a server's events go: JSON lines for programs, or lines for people. */

import { printable } from '../bytes/index.ts';
import type { EventListener } from '../server/events.ts';
import { eventLines } from './event-text.ts';

export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

export function jsonEvents(sink: TextSink): EventListener {
  return (event) => sink.write(`${JSON.stringify(event)}\n`);
}

/** Work that is over sooner than this, in milliseconds, shows no progress. */
const QUICK = 1000;

/** Progress shows in place on a terminal; elsewhere a line for each quarter. */
export function readableEvents(sink: TextSink): EventListener {
  let began: number | undefined;
  let pending = '';
  let lastQuarter = -1;
  return (event) => {
    if (event.event === 'image-progress') {
      began ??= event.time;
      if (event.time - began < QUICK) return;
      const text = progressText(event.step, event.fraction);
      const quarter = Math.floor(event.fraction * 4);
      if (sink.isTTY) sink.write(`\r${text.padEnd(pending.length)}`);
      else if (quarter !== lastQuarter) sink.write(`${text}\n`);
      pending = sink.isTTY ? text : '';
      lastQuarter = quarter;
      return;
    }
    if (pending !== '') sink.write('\n');
    pending = '';
    for (const line of eventLines(event)) sink.write(`${printable(line)}\n`);
  };
}

const activities = { convert: 'converting the image', identify: 'reading the image once, to know it again' } as const;

function progressText(step: keyof typeof activities, fraction: number): string {
  return `${activities[step]}: ${Math.floor(fraction * 100)} %`;
}
