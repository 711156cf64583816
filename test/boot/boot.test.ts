/** Whole boots over a simulated network, with honest servers and others. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { type BootResult, boot } from '../../src/boot/boot.ts';
import type { BootRequest } from '../../src/boot/boot-request.ts';
import type { DiscoveryService } from '../../src/boot/discovery-service.ts';
import { handBack } from '../../src/boot/hand-back.ts';
import { BootTrace, type TraceEvent } from '../../src/boot/trace.ts';
import { DisklessError, type Ipv6Address, type MacAddress } from '../../src/bytes/index.ts';
import { MessageType, messageType } from '../../src/dhcp/message.ts';
import { Option } from '../../src/dhcp/option.ts';
import { OptionList } from '../../src/dhcp/option-list.ts';
import { parseServerName } from '../../src/iscsi/server-name.ts';
import type { NetworkInterface } from '../../src/os/network.ts';
import { openDirectory } from '../../src/target/directory.ts';
import { Portal } from '../../src/target/portal.ts';
import { Target } from '../../src/target/target.ts';
import { SimulatedClock, settled } from '../support/simulated-clock.ts';
import {
  bareInterface,
  type DhcpAnswers,
  ip,
  lease,
  noHttp,
  reply,
  SimulatedLan,
  targetName,
} from './simulated-lan.ts';

const rootPath = `iscsi:192.0.2.1::::${targetName}`;
const asked: BootRequest = { interface: 'eth0', dhcp: 'v4', discovery: 'sendtargets' };

function start(
  lan: SimulatedLan,
  request: BootRequest = asked,
  signal = new AbortController().signal,
  services: readonly DiscoveryService[] = [],
  use = async (result: BootResult) => result,
) {
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
    discoveryTimeout: 30_000,
    targetTimeout: 30_000,
    services,
    signal,
  };
  const running = boot(request, environment, trace, use);
  running.catch(() => {});
  return { running, trace, events };
}

/** Lets time pass until the boot has ended; fails when it takes longer than `limit` milliseconds. */
async function finish<T>(lan: SimulatedLan, running: Promise<T>, limit = 120_000): Promise<T> {
  let over = false;
  void running
    .catch(() => {})
    .then(() => {
      over = true;
    });
  for (let passed = 0; !over; passed += 250) {
    assert.ok(passed < limit, `not over after ${limit} ms`);
    await lan.clock.pass(250);
  }
  return running;
}

function texts(events: readonly TraceEvent[]): string {
  return events.map(({ stage, text }) => `${stage}: ${text}`).join('\n');
}

test('an option 43 that names no target is passed over, with a step that says so, where option 17 is good', async () => {
  const bootString = Buffer.from('iscsi:"192.0.2.9":"3260":"":""');
  await using lan = new SimulatedLan((message) => {
    const answers = lease(message, { rootPath });
    for (const { options } of answers) options.setRaw(Option.vendorSpecific.code, bootString);
    return answers;
  });
  await lan.serve();
  const { running, events } = start(lan);
  const { disk } = await finish(lan, running);
  assert.equal(disk.targetName, targetName);
  const step =
    /^dhcp: the boot string in option 43 of the ACK of 192\.0\.2\.1 is passed over, .*names no target \(EMULEX_BOOT_STRING\)$/m;
  assert.match(texts(events), step);
});

test('a Root Path of DHCP that cannot be used is in nobody’s way when the user names server and target', async () => {
  const broken = () =>
    new SimulatedLan((message) => lease(message, { rootPath: `iscsi:192.0.2.1:17:::${targetName}` }));
  await using lan = broken();
  await lan.serve();
  const given = { ...asked, server: parseServerName('192.0.2.1'), targetName };
  assert.equal((await finish(lan, start(lan, given).running)).disk.targetName, targetName);
  await using another = broken();
  await assert.rejects(finish(another, start(another, { ...asked, targetName }).running), {
    code: 'ROOT_PATH_PROTOCOL',
  });
});

test('DHCP, then the boot stage; the machine is as before when it is over', async () => {
  await using lan = new SimulatedLan((message) => lease(message, { rootPath }));
  await lan.serve();
  const { running, trace, events } = start(lan);
  const { parameters, disk } = await finish(lan, running);
  assert.deepEqual(
    trace.stages.map(({ stage, outcome }) => `${stage} ${outcome}`),
    ['software skipped', 'dhcp done', 'discovery skipped', 'boot done'],
  );
  assert.deepEqual(parameters.serverName, { value: '192.0.2.1', source: 'dhcp' });
  assert.equal(parameters.initiatorName?.value, 'iqn.2026-11.internal.diskless:client-52-54-00-42-00-01');
  assert.equal(disk.targetName, targetName);
  assert.deepEqual(lan.settings, ['+192.0.2.50/24 on eth0', '-192.0.2.50/24 on eth0']);
  assert.deepEqual(
    lan.udpSockets.map(({ interface: name, port }) => `${name} ${port}`),
    ['eth0 68'],
  );
  assert.equal(lan.openSockets, 0);
  assert.match(texts(events), /its offer carries an iscsi: root path/);
  JSON.stringify(trace.stages);
  await settled();
  assert.equal(await disk.session.current.closed, undefined, 'logged out');
});

test('of two offers the one with a Root Path is taken, though it comes second', async () => {
  const servers: DhcpAnswers = (message) => [
    ...lease(message, { server: '192.0.2.9', address: '192.0.2.90' }),
    ...lease(message, { rootPath }),
  ];
  await using lan = new SimulatedLan(servers);
  await lan.serve();
  const { running, trace } = start(lan);
  await finish(lan, running);
  assert.equal(trace.stages[1]?.learned.server, '192.0.2.1');
});

test('a boot whose address is lost ends with that, and its session with it (RFC 2131 §4.4.5)', async () => {
  let answering = true;
  await using lan = new SimulatedLan((message) => (answering ? lease(message, { rootPath }) : []));
  await lan.serve();
  const booted = Promise.withResolvers<BootResult>();
  const { running } = start(lan, asked, undefined, [], (result) => {
    booted.resolve(result);
    return new Promise(() => {});
  });
  const { disk, signal } = await finish(lan, booted.promise);
  answering = false;
  await lan.clock.pass(3_610_000);
  await assert.rejects(finish(lan, running), { code: 'DHCP_LEASE_LOST' });
  assert.equal(signal.aborted, true);
  await assert.rejects(async () => disk.device.read(0, 512), { code: 'DHCP_LEASE_LOST' });
  assert.deepEqual(lan.settings, ['+192.0.2.50/24 on eth0', '-192.0.2.50/24 on eth0']);
  assert.equal(lan.openSockets, 0);
});

test('the kernel has the address as long as the lease is, and longer whenever that is renewed', async () => {
  await using lan = new SimulatedLan((message) => lease(message, { rootPath }));
  await lan.serve();
  const booted = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  const { running } = start(lan, asked, undefined, [], (result) => {
    booted.resolve();
    return over.promise.then(() => result);
  });
  await finish(lan, booted.promise);
  const hour = '192.0.2.50 for 3600 s, new for 3600 s';
  assert.deepEqual(lan.limits, [hour]);
  await lan.clock.pass(1_800_000);
  assert.deepEqual(lan.limits, [hour, hour]);
  over.resolve();
  await finish(lan, running);
  await lan.clock.pass(3_600_000);
  assert.equal(lan.limits.length, 2, 'and no more when it is taken back');
});

test('a target that is away for longer than programs wait is told of, and its return', async () => {
  await using lan = new SimulatedLan((message) => lease(message, { rootPath }));
  const target = new Target({ name: targetName, units: new Map([[0, new MemoryDevice(1 << 20)]]) });
  const endpoint = { address: '192.0.2.1', port: 3260 };
  const directory = openDirectory([target]);
  const open = () => Portal.open({ network: lan, clock: lan.clock, endpoint, directory });
  const first = await open();
  const over = Promise.withResolvers<void>();
  const booted = Promise.withResolvers<BootResult>();
  const { running, trace } = start(lan, asked, undefined, [], async (result) => {
    booted.resolve(result);
    await over.promise;
    return result;
  });
  const { disk } = await finish(lan, booted.promise);
  const steps = () => trace.stages.at(-1)?.steps.map(({ text }) => text) ?? [];
  const before = steps().length;
  await first.close();
  const away = assert.rejects(async () => disk.device.read(0, 512), { code: 'NETWORK_REFUSED' });
  await lan.clock.pass(115_000);
  assert.equal(steps().length, before);
  await lan.clock.pass(6_000);
  await away;
  const failing = /^target unreachable for (119|120) s: I\/O fails until it is back: .*\(NETWORK_REFUSED\)$/;
  assert.match(steps()[before] ?? '', failing);
  await using _second = await open();
  await lan.clock.pass(20_000);
  assert.match(steps()[before + 1] ?? '', /^target back after 1[2-4]\d s: I\/O goes on$/);
  assert.equal(steps().length, before + 2);
  await disk.device.read(0, 512);
  over.resolve();
  await finish(lan, running);
});

test('what the target was not told when it is away at the end is said, however long that was', async () => {
  const session = { current: { isOpen: false }, isReachable: false, destroy: () => assert.fail('nobody waits') };
  const end = () => Promise.reject(new DisklessError('NETWORK_REFUSED', 'nobody is there'));
  const clock = new SimulatedClock();
  await assert.rejects(handBack(end, session as never, clock), { code: 'BOOT_DISK_AWAY' });
  const there = { ...session, isReachable: true };
  await assert.rejects(handBack(end, there as never, clock), { code: 'NETWORK_REFUSED' });
  assert.equal(clock.pending, 0);
});

test('the most specific of the classless routes leads to the server, also one that is at the cable (RFC 3442)', async () => {
  const routes = [
    { destination: ip('0.0.0.0'), prefix: 0, router: ip('198.51.100.1') },
    { destination: ip('192.0.2.0'), prefix: 24, router: ip('198.51.100.2') },
    { destination: ip('192.0.0.0'), prefix: 8, router: ip('198.51.100.3') },
  ];
  const booting = async (given: typeof routes) => {
    await using lan = new SimulatedLan((message) =>
      lease(message, { address: '198.51.100.7', rootPath, router: '198.51.100.9', server: '198.51.100.1' }).map(
        (each) => {
          each.options.set(Option.classlessRoutes, given);
          return each;
        },
      ),
    );
    await lan.serve();
    await finish(lan, start(lan).running);
    return lan.settings[1];
  };
  assert.equal(await booting(routes), '+192.0.2.1 via 198.51.100.2 on eth0');
  const atTheCable = [{ destination: ip('192.0.2.1'), prefix: 32, router: ip('0.0.0.0') }];
  assert.equal(await booting([...routes, ...atTheCable]), '+192.0.2.1 on eth0');
});

test('a server in another subnet is reached through the router, for the time of the boot', async () => {
  await using lan = new SimulatedLan((message) =>
    lease(message, { address: '198.51.100.7', rootPath, router: '198.51.100.1', server: '198.51.100.1' }),
  );
  await lan.serve();
  await finish(lan, start(lan).running);
  const [address, route] = ['198.51.100.7/24 on eth0', '192.0.2.1 via 198.51.100.1 on eth0'];
  assert.deepEqual(lan.settings, [`+${address}`, `+${route}`, `-${route}`, `-${address}`]);
});

test('the MTU that DHCP gives is the interface’s for the time of the boot, unless it cannot be (RFC 2132 §5.1)', async () => {
  const booting = async (mtu: number, bare: Partial<NetworkInterface> = {}) => {
    const answers: DhcpAnswers = (message) =>
      lease(message, { rootPath }).map((each) => {
        each.options.set(Option.interfaceMtu, mtu);
        return each;
      });
    await using lan = new SimulatedLan(answers, [{ ...bareInterface, ...bare }]);
    await lan.serve();
    const { running, trace } = start(lan);
    await finish(lan, running);
    const steps = trace.stages.find(({ stage }) => stage === 'dhcp')?.steps ?? [];
    return { settings: lan.settings, said: steps.map(({ text }) => text).find((text) => /MTU/.test(text)) };
  };
  const address = '192.0.2.50/24 on eth0';
  const jumbo = await booting(9000);
  assert.deepEqual(jumbo.settings, ['+mtu 9000 on eth0', `+${address}`, `-${address}`, '-mtu 9000 on eth0']);
  assert.match(jumbo.said ?? '', /eth0 has the MTU 9000/);
  const refused = await booting(65_000);
  assert.deepEqual(refused.settings, [`+${address}`, `-${address}`]);
  assert.match(refused.said ?? '', /keeps its own MTU: eth0 cannot have an MTU of 65000/);
  assert.match((await booting(575)).said ?? '', /below 576/);
  const linkLocal = { address: 'fe80::1' as Ipv6Address, prefix: 64, state: 'preferred' } as const;
  assert.match((await booting(1279, { ipv6: [linkLocal] })).said ?? '', /below 1280/);
  assert.match((await booting(1279)).said ?? '', /has the MTU 1279/);
});

test('an interface that is down is brought up first, one with an address is left alone', async () => {
  const honest: DhcpAnswers = (message) => lease(message, { rootPath });
  await using down = new SimulatedLan(honest, [{ ...bareInterface, up: false }]);
  await down.serve();
  await finish(down, start(down).running);
  assert.equal(down.settings[0], '+eth0 up');
  assert.equal(down.settings.at(-1), '-eth0 up');

  await using own = new SimulatedLan(honest, [{ ...bareInterface, ipv4: [{ address: ip('192.0.2.7'), prefix: 24 }] }]);
  await own.serve();
  await finish(own, start(own).running);
  assert.deepEqual(own.settings, []);
});

test('without a name, the only interface beside the loopback is the one', async () => {
  const loopback = {
    name: 'lo',
    mac: '00:00:00:00:00:00' as MacAddress,
    up: true,
    ipv4: [{ address: ip('127.0.0.1'), prefix: 8 }],
    ipv6: [],
  };
  await using lan = new SimulatedLan((message) => lease(message, { rootPath }), [loopback, bareInterface]);
  await lan.serve();
  await finish(lan, start(lan, { dhcp: 'v4', discovery: 'off' }).running);

  await using two = new SimulatedLan(() => [], [loopback, bareInterface, { ...bareInterface, name: 'eth1' }]);
  await assert.rejects(start(two, { dhcp: 'v4', discovery: 'off' }).running, { code: 'USAGE_INTERFACE_NEEDED' });
  await assert.rejects(start(two, { ...asked, interface: 'eth7' }).running, { code: 'BOOT_INTERFACE_UNKNOWN' });
});

test('a server that is known is asked for its targets', async () => {
  await using lan = new SimulatedLan((message) => lease(message, {}));
  await lan.serve();
  const { running, trace } = start(lan, { ...asked, server: parseServerName('192.0.2.1') });
  const { parameters } = await finish(lan, running);
  assert.deepEqual(trace.stages.map(({ stage, outcome }) => `${stage} ${outcome}`).slice(1), [
    'dhcp done',
    'discovery done',
    'boot done',
  ]);
  assert.deepEqual(parameters.targetName, { value: targetName, source: 'discovery' });
});

function nak(message: Parameters<DhcpAnswers>[0]) {
  const options = new OptionList()
    .set(Option.messageType, MessageType.nak)
    .set(Option.serverIdentifier, ip('192.0.2.1'));
  return [reply(message, '0.0.0.0', options.set(Option.message, 'go away'))];
}

const liars: readonly (readonly [string, DhcpAnswers, string])[] = [
  ['says nothing', () => [], 'DHCP_NO_OFFER'],
  [
    'offers and never acknowledges',
    (m) => (messageType(m) === MessageType.discover ? lease(m, { rootPath }) : []),
    'DHCP_NO_ACK',
  ],
  [
    'offers and then refuses',
    (m) => (messageType(m) === MessageType.discover ? lease(m, { rootPath }) : nak(m)),
    'DHCP_REFUSED',
  ],
  [
    'storms with refusals',
    (m) =>
      messageType(m) === MessageType.discover
        ? lease(m, { rootPath })
        : Array.from({ length: 200 }, () => nak(m)).flat(),
    'DHCP_REFUSED',
  ],
  ['answers another client', (m) => lease({ ...m, chaddr: new Uint8Array(16).fill(2) }, { rootPath }), 'DHCP_NO_OFFER'],
  [
    'confirms another address than it offered',
    (m) => lease(m, { rootPath, address: messageType(m) === MessageType.discover ? '192.0.2.50' : '192.0.2.66' }),
    'DHCP_ACK_CHANGED',
  ],
  [
    'floods with offers and confirms none',
    (m) =>
      messageType(m) === MessageType.discover
        ? Array.from({ length: 500 }, (_, at) => lease(m, { rootPath, server: `198.51.100.${at % 250}` })).flat()
        : [],
    'DHCP_NO_ACK',
  ],
  [
    'names a target that is not there',
    (m) => lease(m, { rootPath: 'iscsi:192.0.2.1::::iqn.2001-04.com.example:none' }),
    'ISCSI_TARGET_NOT_FOUND',
  ],
  [
    'names a server that is not there',
    (m) => lease(m, { rootPath: `iscsi:192.0.2.99::::${targetName}` }),
    'NETWORK_REFUSED',
  ],
  ['names no server', (m) => lease(m, { rootPath: `iscsi:::::${targetName}` }), 'BOOT_SERVER_UNKNOWN'],
  ['gives no Root Path', (m) => lease(m, {}), 'BOOT_SERVER_UNKNOWN'],
  [
    'writes a wrong Root Path',
    (m) => lease(m, { rootPath: `iscsi:192.0.2.1:17:::${targetName}` }),
    'ROOT_PATH_PROTOCOL',
  ],
  [
    'names a LUN that is not there',
    (m) => lease(m, { rootPath: `iscsi:192.0.2.1:::7:${targetName}` }),
    'BOOT_LUN_NOT_FOUND',
  ],
];

for (const [what, answers, code] of liars) {
  test(`a server that ${what} ends the boot in ${code}, in bounded time, and nothing is left`, async () => {
    await using lan = new SimulatedLan(answers);
    await lan.serve();
    const { running, trace } = start(lan);
    await assert.rejects(finish(lan, running, 60_000), { code });
    assert.equal(trace.stages.at(-1)?.error?.code, code, 'the last stage says so');
    assert.equal(lan.openSockets, 0);
    const set = lan.settings.filter((each) => each.startsWith('+')).length;
    assert.equal(lan.settings.length, 2 * set, 'all that was set is taken back');
  });
}

test('a boot that is stopped ends with the reason, wherever it is', async () => {
  await using lan = new SimulatedLan(() => []);
  const control = new AbortController();
  const { running, trace } = start(lan, asked, control.signal);
  await lan.clock.pass(5000);
  control.abort(new DisklessError('BOOT_TIMEOUT', 'enough'));
  await assert.rejects(running, { code: 'BOOT_TIMEOUT' });
  assert.equal(trace.stages.at(-1)?.error?.code, 'BOOT_TIMEOUT');
  assert.equal(lan.openSockets, 0);
  assert.equal(lan.clock.pending, 0);
});
