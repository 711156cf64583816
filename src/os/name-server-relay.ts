/**
 * Name servers at link-local addresses. Node's resolver forgets the zone (RFC 4007 §11) of a server that it is given: it asks a socket of
 * loopback in its stead, and each question and answer is passed on.
 */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readU16 } from '../bytes/index.ts';
import type { Endpoint } from './network.ts';

const LOOPBACK = '127.0.0.1';

/** Questions under way: each name has two, and is asked for again. */
const MOST = 64;

/** The identifier that starts every message (RFC 1035 §4.1.1). */
const IDENTIFIER_LENGTH = 2;

export interface NameServerRelay extends Disposable {
  /** To be asked instead of the server, with its port. */
  readonly address: string;
}

/** The address has its zone, such as `fe80::53%eth0`. Rejects with what Node raises where loopback or the zone is not there. */
export async function relayToNameServer({ address, port }: Endpoint): Promise<NameServerRelay> {
  using sockets = new DisposableStack();
  const [inner, outer] = [createSocket('udp4'), createSocket('udp6')];
  for (const socket of [inner, outer]) sockets.defer(() => socket.close());
  inner.bind(0, LOOPBACK);
  await once(inner, 'listening');
  outer.connect(port, address);
  await once(outer, 'connect');
  const askers = new Map<number, number>();
  inner.on('message', (question, asker) => {
    if (question.length < IDENTIFIER_LENGTH || askers.size >= MOST) return;
    askers.set(readU16(question, 0), asker.port);
    outer.send(question);
  });
  outer.on('message', (answer) => {
    const asker = answer.length < IDENTIFIER_LENGTH ? undefined : askers.get(readU16(answer, 0));
    if (asker !== undefined) inner.send(answer, asker, LOOPBACK);
  });
  // Who does not answer is asked again, and given up in time.
  for (const socket of [inner, outer]) socket.on('error', () => {});
  const open = sockets.move();
  return { address: `${LOOPBACK}:${inner.address().port}`, [Symbol.dispose]: () => open.dispose() };
}
