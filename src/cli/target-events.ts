/** What happens at `diskless target`, as JSON lines for programs or as lines for people. */

import { printable } from '../bytes/index.ts';
import { formatPortalAddress } from '../iscsi/portal-address.ts';
import type { Endpoint } from '../os/network.ts';
import type { SessionReference, TargetEvent } from '../target/event.ts';
import { clockText } from './clock-text.ts';
import type { TextSink } from './event-writer.ts';

export interface ServedUnit {
  readonly lun: number;
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  readonly blockSize: number;
  readonly readOnly: boolean;
}

export type TargetProgramEvent =
  | { readonly event: 'ready'; readonly name: string; readonly portal: string; readonly units: readonly ServedUnit[] }
  | ({ readonly event: 'login'; readonly reinstates: boolean } & SessionText)
  | { readonly event: 'login-refused'; readonly address: string; readonly status: string; readonly text: string }
  | ({ readonly event: 'session-ended'; readonly reason: string; readonly text?: string } & SessionText)
  | ({ readonly event: 'device-failed'; readonly lun: number; readonly text: string } & SessionText)
  | { readonly event: 'stopping'; readonly reason: string }
  | { readonly event: 'stopped' };

interface SessionText {
  readonly initiator: string;
  readonly isid: string;
  readonly address: string;
}

/** Gives undefined for what is nobody's concern: connections as such, and discovery. */
export function describeTargetEvent(event: TargetEvent): TargetProgramEvent | undefined {
  switch (event.kind) {
    case 'login':
      return ofSession(event.session, (who) => ({ event: 'login', reinstates: event.reinstates, ...who }));
    case 'login failed': {
      const status = `${event.status.toString(16).padStart(4, '0')}h`;
      return { event: 'login-refused', address: event.remote.address, status, text: event.error.message };
    }
    case 'session ended': {
      const text = event.error === undefined ? {} : { text: event.error.message };
      return ofSession(event.session, (who) => ({ event: 'session-ended', reason: event.reason, ...text, ...who }));
    }
    case 'device failed': {
      const { lun, error } = event;
      return ofSession(event.session, (who) => ({ event: 'device-failed', lun, text: error.message, ...who }));
    }
    case 'connected':
    case 'connection joined':
    case 'first read':
      return undefined;
  }
}

function ofSession(
  { targetName, initiatorName: initiator, isid, remote }: SessionReference,
  describe: (who: SessionText) => TargetProgramEvent,
): TargetProgramEvent | undefined {
  return targetName === undefined ? undefined : describe({ initiator, isid, address: remote.address });
}

export function targetEventLines(event: TargetProgramEvent, time: number): string[] {
  switch (event.event) {
    case 'ready':
      return event.units.map(({ lun, file, size, readOnly }) => {
        const access = readOnly ? 'read-only' : 'read-write';
        return `diskless: ${file} (${size} bytes, ${access}) is ${event.name} LUN ${lun} at ${event.portal}`;
      });
    case 'login':
      return [`${clockText(time)}  ${event.initiator} from ${event.address}: logged in`];
    case 'login-refused':
      return [`${clockText(time)}  login from ${event.address} refused: ${event.text}`];
    case 'session-ended': {
      const why = event.text === undefined ? event.reason : `${event.reason}: ${event.text}`;
      return [`${clockText(time)}  ${event.initiator} from ${event.address}: session ended, ${why}`];
    }
    case 'device-failed':
      return [`${clockText(time)}  ${event.initiator} from ${event.address}: LUN ${event.lun} failed: ${event.text}`];
    case 'stopping':
      return [`${clockText(time)}  ${event.reason}: stopping`];
    case 'stopped':
      return [];
  }
}

export function jsonTargetEvents(sink: TextSink): (event: TargetProgramEvent, time: number) => void {
  return (event, time) => void sink.write(`${JSON.stringify({ time, ...event })}\n`);
}

export function readableTargetEvents(sink: TextSink): (event: TargetProgramEvent, time: number) => void {
  return (event, time) => {
    for (const line of targetEventLines(event, time)) sink.write(`${printable(line)}\n`);
  };
}

export function endpointText({ address, port }: Endpoint): string {
  return formatPortalAddress(address, port);
}
