/** The machines' targets at somebody else's iSNS server: open-isns's. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { IsnsRegistration } from '../../src/server/isns-registration.ts';
import { Isnsadm, startIsnsd } from '../support/isnsd.ts';
import { requires } from '../support/requires.ts';

test('targets are there while the server runs, new ones too, and gone with it', async (t) => {
  if (!requires(t, 'isnsd', 'isnsadm')) return;
  const address = '127.0.71.30';
  await startIsnsd(t, address);
  const [first, second] = ['iqn.2001-04.com.example:first', 'iqn.2001-04.com.example:second'];
  const targetNames = [first];
  const errors: unknown[] = [];
  const options = {
    network: nodeNetwork,
    clock: systemClock,
    server: { address, port: 3205 },
    portals: [{ address: '127.0.71.31', port: 3260 }],
    targetNames: () => targetNames,
    onError: (error: unknown) => errors.push(error),
  };
  // Each sees itself: they share no domain.
  const list = (source: string, type = 'nodes') => new Isnsadm(t, address, source).succeed('--list', type);
  const until = async (source: string) => {
    const limit = AbortSignal.timeout(20_000);
    while (!(await list(source)).includes(source)) limit.throwIfAborted();
  };
  await using registration = new IsnsRegistration(options);
  registration.update();
  await until(first);
  assert.match(await list(first, 'portals'), /127\.0\.71\.31[\s\S]*3260\/tcp/);
  targetNames.push(second);
  registration.update();
  await until(second);
  await registration[Symbol.asyncDispose]();
  for (const name of targetNames) assert.ok(!(await list(name)).includes(name));
  assert.deepEqual(errors, []);
});

test('a server that is not there is told once, and ends nothing', async () => {
  const errors: unknown[] = [];
  const registration = new IsnsRegistration({
    network: nodeNetwork,
    clock: systemClock,
    server: { address: '127.0.71.32', port: 3205 },
    portals: [{ address: '127.0.71.31', port: 3260 }],
    targetNames: () => ['iqn.2001-04.com.example:first'],
    onError: (error) => errors.push(error),
  });
  registration.update();
  registration.update();
  await registration[Symbol.asyncDispose]();
  assert.ok(errors.length <= 1);
});
