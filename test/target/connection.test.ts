/** What a connection does with what comes after its end. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opcode } from '../../src/iscsi/opcode.ts';
import { defaultWishes } from '../../src/iscsi/parameters.ts';
import { LogoutRequest } from '../../src/iscsi/pdu.ts';
import { AuthenticationFailures } from '../../src/target/authentication-failures.ts';
import { Connection } from '../../src/target/connection.ts';
import { openDirectory } from '../../src/target/directory.ts';
import { DiscoverySessions } from '../../src/target/discovery-sessions.ts';
import { Turns } from '../../src/target/turns.ts';
import { SimulatedClock, settled } from '../support/simulated-clock.ts';
import { SimulatedTcp } from '../support/simulated-tcp.ts';

test('what an initiator sends after the end of its connection is thrown away', async () => {
  const clock = new SimulatedClock();
  const ends = [
    { address: '192.0.2.2', port: 49_152 },
    { address: '192.0.2.1', port: 3260 },
  ] as const;
  // The initiator's end does not look whether the target has closed its side.
  const [initiator, tcp] = SimulatedTcp.pair(...ends);
  const connection = new Connection(tcp, {
    directory: openDirectory([]),
    wishes: defaultWishes,
    clock,
    random: (length) => new Uint8Array(length),
    loginTimeout: 15_000,
    keepalive: { interval: 0, timeout: 0 },
    authenticationFailures: new AuthenticationFailures(clock, { attempts: 5, lockout: 60_000 }),
    onEvent: () => {},
    isOpen: () => true,
    sessions: new Set(),
    maximumSessions: 1,
    turns: new Turns(clock),
    paths: () => [tcp.local],
    discoverySessions: new DiscoverySessions(),
    onClosed: () => {},
  });
  initiator.write(LogoutRequest.encode({ opcode: Opcode.logoutRequest, final: true }));
  await settled();
  for (let sent = 0; sent < 8; sent++) {
    initiator.write(new Uint8Array(1 << 20));
    await settled();
  }
  assert.equal(connection.unread, 0);
  initiator.destroy();
  await settled();
  assert.equal(clock.pending, 0);
});
