import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { parseIpv4, parseMac } from '../../src/bytes/index.ts';
import { SqliteFleetStore } from '../../src/fleet/sqlite/store.ts';
import type { Clock } from '../../src/os/clock.ts';
import { BootTrace, type SessionSeen } from '../../src/server/boot-trace.ts';
import type { ServerEventBody } from '../../src/server/events.ts';

const mac = parseMac('52:54:00:12:34:56');
const address = parseIpv4('192.0.2.130');
const ipxeIsid = '400027231234';
const openIscsiIsid = '00023d000000';

function session(id: string, isid: string): SessionSeen {
  return { id, mac, isid, initiatorName: 'iqn.2010-04.org.ipxe:x', address };
}

describe('boot trace', () => {
  let now = 0;
  let events: ServerEventBody[] = [];
  let store: SqliteFleetStore;
  let trace: BootTrace;
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after: () => ({ cancel: () => {} }),
    nextTurn: () => {},
  };
  const stages = () => events.flatMap((event) => (event.event === 'boot-step' ? event.stage : []));
  const boots = () => new Set(events.flatMap((event) => (event.event === 'boot-step' ? event.boot : [])));
  const outcomes = () => events.flatMap((event) => (event.event === 'boot-end' ? event.outcome : []));

  beforeEach(() => {
    now = 1_000_000;
    events = [];
    store = new SqliteFleetStore(':memory:');
    trace = new BootTrace(clock, store.boots, (event) => events.push(event));
  });
  afterEach(() => store.close());

  function bootWithPxe(): void {
    trace.discover(mac, 'DISCOVER');
    trace.step(mac, 'offer', 'OFFER');
    trace.step(mac, 'loader', 'loader');
    bootWithIpxe();
  }

  function bootWithIpxe(): void {
    trace.ipxeDiscover(mac, 'DISCOVER');
    trace.step(mac, 'root-path', 'ACK');
    trace.login(session('1', ipxeIsid));
    trace.firstRead(session('1', ipxeIsid));
    trace.leased(mac, address);
    trace.login(session('2', openIscsiIsid));
    trace.firstRead(session('2', openIscsiIsid));
  }

  test('one boot from the first DISCOVER to the operating system’s own session', () => {
    bootWithPxe();
    const expected = ['discover', 'offer', 'loader', 'ipxe-discover', 'root-path', 'login', 'first-read', 'os-address'];
    assert.deepEqual(stages(), [...expected, 'os-login', 'up']);
    assert.equal(boots().size, 1);
    assert.deepEqual(outcomes(), ['up']);
    assert.equal(store.boots.latest(1)[0]?.outcome, 'up');
    assert.equal(store.boots.latest(1)[0]?.steps.length, 10);
  });

  test('the time of a step counts from the first one', () => {
    trace.discover(mac, 'DISCOVER');
    now += 2500;
    trace.step(mac, 'offer', 'OFFER');
    const last = events.at(-1);
    assert.equal(last?.event === 'boot-step' && last.elapsed, 2500);
  });

  test('a repeated DISCOVER belongs to the same boot', () => {
    trace.discover(mac, 'DISCOVER');
    trace.discover(mac, 'DISCOVER');
    trace.step(mac, 'offer', 'OFFER');
    trace.discover(mac, 'DISCOVER');
    assert.equal(boots().size, 1);
  });

  test('a machine that starts over begins another boot, and the old one is abandoned', () => {
    trace.discover(mac, 'DISCOVER');
    trace.step(mac, 'loader', 'loader');
    trace.discover(mac, 'DISCOVER');
    assert.equal(boots().size, 2);
    assert.deepEqual(outcomes(), ['abandoned']);
  });

  test('iPXE after a login begins another boot', () => {
    trace.ipxeDiscover(mac, 'DISCOVER');
    trace.login(session('1', ipxeIsid));
    trace.ipxeDiscover(mac, 'DISCOVER');
    assert.equal(boots().size, 2);
  });

  test('firmware that connects again is not the operating system', () => {
    trace.ipxeDiscover(mac, 'DISCOVER');
    trace.login(session('1', ipxeIsid));
    trace.login(session('2', '40002723ffff'));
    assert.deepEqual(stages(), ['ipxe-discover', 'login', 'login']);
  });

  test('two boots of one machine are two', () => {
    bootWithPxe();
    now += 60_000;
    bootWithPxe();
    assert.equal(boots().size, 2);
    assert.deepEqual(outcomes(), ['up', 'up']);
  });

  test('a session of a machine that is up is no boot', () => {
    bootWithPxe();
    assert.equal(trace.login(session('3', openIscsiIsid)), undefined);
    assert.equal(boots().size, 1);
  });

  test('a lease of a machine that is up, or never booted, is no step', () => {
    assert.equal(trace.leased(mac, address), false);
    bootWithPxe();
    assert.equal(trace.leased(mac, address), false);
  });

  test('the boot goes on after the server was started again', () => {
    trace.ipxeDiscover(mac, 'DISCOVER');
    trace.login(session('1', ipxeIsid));
    const restarted = new BootTrace(clock, store.boots, (event) => events.push(event));
    restarted.login(session('1', openIscsiIsid));
    restarted.firstRead(session('1', openIscsiIsid));
    assert.equal(boots().size, 1);
    assert.deepEqual(outcomes(), ['up']);
  });

  test('a machine that was up before the server was started again is still up', () => {
    bootWithPxe();
    const restarted = new BootTrace(clock, store.boots, (event) => events.push(event));
    assert.equal(restarted.login(session('1', openIscsiIsid)), undefined);
  });

  test('after a long silence the next step begins another boot', () => {
    trace.ipxeDiscover(mac, 'DISCOVER');
    now += 16 * 60_000;
    trace.login(session('1', ipxeIsid));
    assert.equal(boots().size, 2);
  });

  test('a firmware session that fails is a step, unless the operating system has taken over', () => {
    trace.ipxeDiscover(mac, 'DISCOVER');
    const boot = trace.login(session('1', ipxeIsid));
    assert.equal(trace.ended(session('1', ipxeIsid), 'reset'), boot);
    assert.equal(stages().at(-1), 'lost');
    trace.login(session('2', ipxeIsid));
    trace.login(session('3', openIscsiIsid));
    assert.equal(trace.ended(session('2', ipxeIsid), 'unresponsive'), boot);
    assert.equal(stages().at(-1), 'os-login');
    assert.equal(trace.ended(session('3', openIscsiIsid), 'reset'), undefined);
  });

  test('a firmware session that is closed is no step', () => {
    trace.ipxeDiscover(mac, 'DISCOVER');
    trace.login(session('1', ipxeIsid));
    trace.ended(session('1', ipxeIsid), undefined);
    assert.equal(stages().at(-1), 'login');
  });
});
