/** The discovery and boot stages with services and targets that a test writes (RFC 4173 §6, §7). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boot } from '../../src/boot/boot.ts';
import type { BootRequest } from '../../src/boot/boot-request.ts';
import { candidatesOf } from '../../src/boot/candidate.ts';
import type {
  DiscoveryContext,
  DiscoveryService,
  FoundTarget,
  ServiceLocations,
  WantedTarget,
} from '../../src/boot/discovery-service.ts';
import { BootTrace, type TraceEvent } from '../../src/boot/trace.ts';
import { DisklessError } from '../../src/bytes/index.ts';
import { formatPortal } from '../../src/initiator/target-address.ts';
import { parseRootPath } from '../../src/iscsi/root-path.ts';
import { parseServerName } from '../../src/iscsi/server-name.ts';
import { openDirectory } from '../../src/target/directory.ts';
import { Target } from '../../src/target/target.ts';
import { HeldDevice } from '../target/held-device.ts';
import { type DhcpAnswers, lease, noHttp, SimulatedLan, targetName } from './simulated-lan.ts';

const other = 'iqn.2001-04.com.example:other';
const here: FoundTarget = { host: '192.0.2.1', port: 3260, targetName };
const asked: BootRequest = { interface: 'eth0', dhcp: 'v4', discovery: 'auto' };
const withoutRootPath: DhcpAnswers = (message) => lease(message, {});
const namesTheTarget: DhcpAnswers = (message) => lease(message, { rootPath: `iscsi:::::${targetName}` });

interface Asked {
  readonly name: string;
  readonly wanted: WantedTarget;
}

/** A service that answers as it is told, and keeps what it was asked. */
function service(
  name: 'slp' | 'isns',
  answer: (context: DiscoveryContext) => Promise<readonly FoundTarget[]>,
  questions: Asked[] = [],
): DiscoveryService {
  return {
    name,
    findTargets(wanted, context) {
      questions.push({ name, wanted });
      return answer(context);
    },
  };
}

const finds =
  (...found: FoundTarget[]) =>
  () =>
    Promise.resolve(found);
const fails = (code: string) => () => Promise.reject(new DisklessError(code, `it failed with ${code}`));

interface Run {
  readonly dhcp?: DhcpAnswers;
  readonly request?: Partial<BootRequest>;
  readonly services: readonly DiscoveryService[];
  /** Before the boot starts. */
  readonly prepare?: (lan: SimulatedLan) => Promise<unknown>;
}

/** A whole boot; gives what it ended with, and how many milliseconds it took. */
async function run({ dhcp = withoutRootPath, request, services, prepare }: Run) {
  await using lan = new SimulatedLan(dhcp);
  await lan.serve();
  await prepare?.(lan);
  const events: TraceEvent[] = [];
  const trace = new BootTrace(lan.clock, (event) => events.push(event));
  const environment = {
    network: lan,
    machine: lan.machine,
    http: noHttp,
    softwareTimeout: 30_000,
    clock: lan.clock,
    random: () => 0.5,
    dhcpTimeout: 30_000,
    discoveryTimeout: 20_000,
    targetTimeout: 20_000,
    services,
    signal: new AbortController().signal,
  };
  let error: unknown;
  let over = false;
  const running = boot({ ...asked, ...request }, environment, trace, async ({ parameters }) => parameters)
    .catch((failure: unknown) => {
      error = failure;
      return undefined;
    })
    .finally(() => {
      over = true;
    });
  let passed = 0;
  for (; !over; passed += 250) {
    assert.ok(passed < 240_000, 'it does not end');
    await lan.clock.pass(250);
  }
  assert.equal(lan.openSockets, 0);
  const steps = events.map(({ stage, text }) => `${stage}: ${text}`).join('\n');
  return { parameters: await running, error, passed, steps, trace };
}

test('DHCP names the target only: SLP is asked for it by name, and finds it (RFC 4173 §6)', async () => {
  const questions: Asked[] = [];
  const { parameters, error } = await run({
    dhcp: namesTheTarget,
    services: [service('slp', finds({ ...here, targetName: other }, here), questions)],
  });
  assert.equal(error, undefined);
  assert.deepEqual(
    questions.map(({ wanted }) => wanted.targetName),
    [targetName],
  );
  assert.deepEqual(parameters?.targetName, { value: targetName, source: 'dhcp' });
  assert.deepEqual(parameters?.serverName, undefined);
});

test('DHCP names nothing: the service is asked what this initiator may boot from (RFC 4173 §6)', async () => {
  const questions: Asked[] = [];
  const { parameters } = await run({ services: [service('slp', finds(here), questions)] });
  assert.deepEqual(questions, [
    { name: 'slp', wanted: { initiatorName: 'iqn.2026-11.internal.diskless:client-52-54-00-42-00-01' } },
  ]);
  assert.deepEqual(parameters?.targetName, { value: targetName, source: 'discovery' });
});

test('an iSNS server whose address is known is asked before SLP; what fails first is kept and shown', async () => {
  const questions: Asked[] = [];
  const services = [service('slp', finds(here), questions), service('isns', fails('ISNS_BROKEN'), questions)];
  const locations = { isnsServers: [{ host: '192.0.2.9', port: 3205 }] };
  const { error, steps } = await run({ request: { locations }, services });
  assert.equal(error, undefined);
  assert.deepEqual(
    questions.map(({ name }) => name),
    ['isns', 'slp'],
  );
  assert.match(steps, /discovery: it failed with ISNS_BROKEN/);
});

/** Adds options, as bytes in hexadecimal, to every answer. */
const alsoSays =
  (answers: DhcpAnswers, options: Readonly<Record<number, string>>): DhcpAnswers =>
  (message) =>
    answers(message).map((answer) => {
      for (const [code, hex] of Object.entries(options)) answer.options.append(Number(code), Buffer.from(hex, 'hex'));
      return answer;
    });

test('what DHCP says of iSNS servers and SLP agents is where they are asked, and the user counts more (RFC 2610, RFC 4174)', async () => {
  const seen: ServiceLocations[] = [];
  const looks = async ({ locations }: DiscoveryContext) => {
    seen.push(locations);
    return [here];
  };
  const scope = Buffer.from('boot,lab').toString('hex');
  const dhcp = alsoSays(withoutRootPath, { 78: '01c0000205', 79: `00${scope}`, 83: '00010001000100000001c0000264' });
  const services = [service('isns', looks), service('slp', looks)];
  assert.equal((await run({ dhcp, services })).error, undefined);
  const isnsServers = [{ host: '192.0.2.9', port: 3206 }];
  assert.equal((await run({ dhcp, services, request: { locations: { isnsServers } } })).error, undefined);
  assert.deepEqual(seen[0], {
    isnsServers: [{ host: '192.0.2.100', port: 3205 }],
    slpAgents: ['192.0.2.5'],
    slpScopes: ['boot', 'lab'],
    slpMulticast: false,
  });
  assert.deepEqual(seen[1]?.isnsServers, isnsServers);
});

test('a second Root Path of DHCP is tried when the first one fails, with a LUN of its own', async () => {
  const second = Buffer.from(`iscsi:192.0.2.1::::${targetName}`);
  const encapsulated = Buffer.concat([Buffer.of(202, second.length), second]).toString('hex');
  const rootPath = `iscsi:192.0.2.1:::5:${other}`;
  const dhcp = alsoSays((message) => lease(message, { rootPath }), {
    60: Buffer.from('BRCM ISAN').toString('hex'),
    43: encapsulated,
  });
  const { error, steps } = await run({ dhcp, services: [] });
  assert.equal(error, undefined);
  assert.match(steps, /ISCSI_TARGET_NOT_FOUND.*login to iqn.2001-04.com.example:disk.*LUN 0 is/s);
});

test('a second Root Path of the user is tried after what DHCP names, or discovery finds', async () => {
  const secondRootPath = parseRootPath(`iscsi:192.0.2.1::::${targetName}`);
  assert.ok(secondRootPath);
  const rootPath = `iscsi:192.0.2.1:::5:${other}`;
  const named = await run({
    dhcp: (message) => lease(message, { rootPath }),
    request: { secondRootPath },
    services: [],
  });
  assert.equal(named.error, undefined);
  assert.match(named.steps, /ISCSI_TARGET_NOT_FOUND.*login to iqn.2001-04.com.example:disk.*LUN 0 is/s);
  const services = [service('slp', finds({ ...here, targetName: other }))];
  const found = await run({ request: { secondRootPath }, services });
  assert.equal(found.error, undefined);
  assert.match(found.steps, /login to iqn.2001-04.com.example:disk.*LUN 0 is/s);
});

test('no service finds anything: one error names what each of them said', async () => {
  const services = [service('slp', finds()), service('isns', fails('ISNS_BROKEN'))];
  const locations = { isnsServers: [{ host: '192.0.2.9', port: 3205 }] };
  const { error } = await run({ request: { locations }, services });
  assert.ok(error instanceof DisklessError);
  assert.equal(error.code, 'BOOT_TARGET_NOT_FOUND');
  assert.match(error.message, /ISNS_BROKEN.*SLP knows no target/s);
});

test('one service that fails fails the stage with its own error', async () => {
  const { error, trace } = await run({ services: [service('slp', fails('SLP_BROKEN'))] });
  assert.ok(error instanceof DisklessError);
  assert.equal(error.code, 'SLP_BROKEN');
  assert.equal(trace.stages.at(-1)?.stage, 'discovery');
});

test('a service that stalls is left after its time, and the next one has its turn', async () => {
  const aborted: boolean[] = [];
  const stalls = ({ signal }: DiscoveryContext) =>
    new Promise<never>(() => signal.addEventListener('abort', () => aborted.push(true)));
  const locations = { isnsServers: [{ host: '192.0.2.9', port: 3205 }] };
  const good = await run({ request: { locations }, services: [service('isns', stalls), service('slp', finds(here))] });
  assert.equal(good.error, undefined);
  assert.deepEqual(aborted, [true], 'it was told');
  assert.match(good.steps, /iSNS found nothing in 10 s \(BOOT_DISCOVERY_TIMEOUT\)/);

  const bad = await run({ services: [service('slp', stalls)] });
  assert.ok(bad.error instanceof DisklessError);
  assert.equal(bad.error.code, 'BOOT_DISCOVERY_TIMEOUT');
  assert.ok(bad.passed <= 25_000, `${bad.passed} ms`);
});

test('of several targets each is tried in its turn, and what was wrong with the ones before is shown', async () => {
  const found = [{ ...here, port: 3999 }, { ...here, targetName: other }, here];
  const { parameters, error, steps } = await run({ services: [service('slp', finds(...found))] });
  assert.equal(error, undefined);
  assert.deepEqual(parameters?.targetName?.value, targetName);
  assert.match(steps, /NETWORK_REFUSED.*ISCSI_TARGET_NOT_FOUND.*logged in at/s);
});

test('when every target fails, one error says how each did', async () => {
  const { error } = await run({
    services: [service('slp', finds({ ...here, port: 3999 }, { ...here, targetName: other }))],
  });
  assert.ok(error instanceof DisklessError);
  assert.equal(error.code, 'BOOT_EVERY_TARGET_FAILED');
  assert.match(error.message, /192\.0\.2\.1:3999: .*NETWORK_REFUSED.*; .*other at .*ISCSI_TARGET_NOT_FOUND/);
});

test('a server that takes the connection and says nothing costs its time only: the next one gives the disk', async () => {
  const silent = { address: '192.0.2.66', port: 3260 };
  const prepare = (lan: SimulatedLan) =>
    lan.listenTcp(silent, (connection) => connection.start({ data() {}, drain() {}, closed() {} }));
  const found = [{ ...here, host: silent.address }, here];
  const good = await run({ services: [service('slp', finds(...found))], prepare });
  assert.equal(good.error, undefined);

  const bad = await run({ services: [service('slp', finds({ ...here, host: silent.address }))], prepare });
  assert.ok(bad.error instanceof DisklessError);
  assert.ok(bad.passed <= 25_000, `${bad.passed} ms`);
});

test('a target that lets in and goes silent is given up in its time', async () => {
  const device = new HeldDevice(1 << 20);
  const target = new Target({ name: other, units: new Map([[0, device]]) });
  const prepare = (lan: SimulatedLan) => lan.listen('192.0.2.3', openDirectory([target]));
  const silent = { ...here, host: '192.0.2.3', targetName: other };
  const bad = await run({ services: [service('slp', finds(silent))], prepare });
  assert.ok(bad.error instanceof DisklessError);
  assert.equal(bad.error.code, 'BOOT_TARGET_SILENT');
  assert.match(bad.steps, /logged in at 192\.0\.2\.3/);
  assert.ok(bad.passed <= 30_000, `${bad.passed} ms`);

  const good = await run({ services: [service('slp', finds(silent, here))], prepare });
  assert.equal(good.error, undefined);
});

/** RFC 4173 §6: where the port of the Root Path and the one that discovery finds differ, both may be tried. */
test('the port of the user and the port that was found are both tried', async () => {
  const { error, steps } = await run({
    request: { port: 3999 },
    services: [service('slp', finds(here))],
  });
  assert.equal(error, undefined);
  assert.match(steps, /login to .* at 192\.0\.2\.1:3999.*login to .* at 192\.0\.2\.1:3260/s);
});

test('candidates: bootable ones first, in the service’s order, each once, and no more than 64', () => {
  const all = candidatesOf(
    'isns',
    [
      { ...here, bootable: false },
      { ...here, host: '192.0.2.2' },
      { ...here, host: '192.0.2.3', bootable: true },
      { ...here, host: '192.0.2.3' },
    ],
    {},
  );
  assert.deepEqual(
    all.map(({ portal }) => portal.host),
    ['192.0.2.3', '192.0.2.2', '192.0.2.1'],
  );
  const flood = Array.from({ length: 1000 }, (_, index) => ({ ...here, port: 1 + index }));
  assert.equal(candidatesOf('slp', flood, {}).length, 64);
});

test('candidates: the server that the user names counts more than where a service says that the target is', () => {
  const server = { value: parseServerName('192.0.2.77'), source: 'user' as const };
  const named = candidatesOf('slp', [here], { server });
  assert.deepEqual(
    named.map(({ portal }) => formatPortal(portal)),
    ['192.0.2.77:3260'],
  );
  const told = candidatesOf('sendtargets', [here], { server });
  assert.deepEqual(
    told.map(({ portal }) => formatPortal(portal)),
    ['192.0.2.1:3260'],
    'a target knows its own addresses',
  );
});
