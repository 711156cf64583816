/** One request and what comes of it, over datagrams. */

import type { SlpBody } from './body.ts';
import type { SlpDatagram, SlpEndpoint } from './endpoint.ts';
import { isMandatory } from './extension.ts';
import { decodeMessage, type SlpMessage } from './message.ts';

/**
 * A state machine: its owner sends what it gives, hands in what comes, and calls `poll` at the deadline. Times are milliseconds that
 * never jump.
 */
export interface Exchange {
  start(now: number): readonly SlpDatagram[];
  receive(data: Uint8Array, from: SlpEndpoint, now: number): readonly SlpDatagram[];
  poll(now: number): readonly SlpDatagram[];
  /** Undefined when it is over. */
  readonly deadline: number | undefined;
  readonly isOver: boolean;
}

const answers: Readonly<Record<SlpBody['kind'], readonly SlpBody['kind'][]>> = {
  SrvRqst: ['SrvRply', 'DAAdvert', 'SAAdvert'],
  AttrRqst: ['AttrRply'],
  SrvTypeRqst: ['SrvTypeRply'],
  SrvReg: ['SrvAck'],
  SrvDeReg: ['SrvAck'],
  SrvRply: [],
  SrvAck: [],
  AttrRply: [],
  DAAdvert: [],
  SrvTypeRply: [],
  SAAdvert: [],
};

/**
 * The answer to a request that some bytes are; undefined when they are something else. An extension that must be understood makes an
 * answer none (RFC 2608 §9.1).
 */
export function answerTo({ header, body }: SlpMessage, bytes: Uint8Array): SlpMessage | undefined {
  let message: SlpMessage;
  try {
    message = decodeMessage(bytes);
  } catch {
    // What cannot be read is nobody's answer, and the right one may still come.
    return undefined;
  }
  const isRefused = message.header.extensions.some(isMandatory);
  const fits = message.header.xid === header.xid && answers[body.kind].includes(message.body.kind);
  return fits && !isRefused ? message : undefined;
}
