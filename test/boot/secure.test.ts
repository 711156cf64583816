/** `--secure`: what RFC 4173 §8 asks of a boot that must not be led astray, row by row. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { boot } from '../../src/boot/boot.ts';
import type { BootRequest } from '../../src/boot/boot-request.ts';
import { admission } from '../../src/boot/secure-policy.ts';
import { BootTrace } from '../../src/boot/trace.ts';
import { DisklessError, parseIpNetwork } from '../../src/bytes/index.ts';
import { type AuthenticationKeyEntry, parseAuthenticationFile } from '../../src/dhcp/authentication-file.ts';
import type { ChapCredentials } from '../../src/iscsi/chap.ts';
import { parseIscsiName } from '../../src/iscsi/name.ts';
import { parseServerName } from '../../src/iscsi/server-name.ts';
import type { NetworkInterface } from '../../src/os/network.ts';
import type { TargetDirectory } from '../../src/target/directory.ts';
import { PortalGroup } from '../../src/target/portal-group.ts';
import { Target } from '../../src/target/target.ts';
import { bareInterface, ip, lease, noHttp, SimulatedLan, targetName } from './simulated-lan.ts';

const secret = (text: string) => new TextEncoder().encode(text);
const initiator = { name: 'client', secret: secret('a secret of the initiator') };
const target = { name: 'server', secret: secret('a secret of the target') };
const mutual: ChapCredentials = { initiator, target };
const elsewhere = '192.0.2.44';

const disk = new Target({ name: targetName, units: new Map([[0, new MemoryDevice(1 << 20)]]) });
const proving: TargetDirectory = {
  names: () => [targetName],
  identities: () => ({ initiators: [initiator], target }),
  find: () => ({ target: disk, authentication: { initiators: [initiator], target } }),
};
const redirecting: TargetDirectory = {
  names: () => [targetName],
  find: () => ({ redirectTo: { address: elsewhere, port: 3260 }, permanent: false }),
};
const open: TargetDirectory = { names: () => [targetName], find: () => disk };

const addressed: NetworkInterface = { ...bareInterface, ipv4: [{ address: ip('192.0.2.2'), prefix: 24 }] };
const request: BootRequest = {
  dhcp: 'v4',
  discovery: 'auto',
  secure: true,
  server: parseServerName('192.0.2.1'),
  targetName,
};

interface Run {
  readonly request?: BootRequest;
  readonly chap?: ChapCredentials | undefined;
  readonly directory?: TargetDirectory;
  readonly dhcpKeys?: readonly AuthenticationKeyEntry[];
}

async function run({ request: asked = request, chap = mutual, directory = proving, dhcpKeys }: Run) {
  await using lan = new SimulatedLan(
    (message) => lease(message, { rootPath: `iscsi:192.0.2.1::::${targetName}` }),
    [addressed],
  );
  const group = new PortalGroup();
  await lan.listen('192.0.2.1', directory, group);
  await lan.listen(elsewhere, directory === redirecting ? proving : directory, group);
  const questions: string[] = [];
  const findTargets = async () => {
    questions.push('slp');
    return [{ host: '192.0.2.1', port: 3260, targetName }];
  };
  const environment = {
    network: lan,
    machine: lan.machine,
    http: noHttp,
    clock: lan.clock,
    random: () => 0.5,
    services: [{ name: 'slp' as const, findTargets }],
    softwareTimeout: 1000,
    dhcpTimeout: 1000,
    discoveryTimeout: 1000,
    targetTimeout: 5000,
    security: { chap },
    ...(dhcpKeys === undefined ? {} : { dhcpKeys }),
    signal: new AbortController().signal,
  };
  const trace = new BootTrace(lan.clock, () => {});
  let over = false;
  const running = boot(asked, environment, trace, async () => undefined)
    .catch((failure: unknown) => failure)
    .finally(() => {
      over = true;
    });
  for (let passed = 0; !over && passed < 60_000; passed += 250) await lan.clock.pass(250);
  const error = await running;
  return { error, dhcpAsked: lan.udpSockets.length > 0, questions, trace };
}

test('a server given by its address, that proves what it is, boots', async () => {
  assert.equal((await run({})).error, undefined);
});

function refused(error: unknown, code: string, row: number): void {
  assert.ok(error instanceof DisklessError, String(error));
  assert.equal(error.code, code);
  assert.ok(error.message.endsWith(`(RFC 4173 §8, row ${row})`), error.message);
}

test('row 57: DHCP that proves nothing is not even asked', async () => {
  const { server: _, targetName: __, ...nothing } = request;
  const { error, dhcpAsked } = await run({ request: nothing });
  refused(error, 'BOOT_SECURE_DHCP', 57);
  assert.equal(dhcpAsked, false);
});

test('row 57: with keys DHCP is asked, and a server that proves none of them is not believed', async () => {
  const { server: _, targetName: __, ...nothing } = request;
  const dhcpKeys = parseAuthenticationFile('key 7 a secret of sixteen bytes', 'keys');
  const { error, dhcpAsked } = await run({ request: nothing, dhcpKeys });
  assert.ok(error instanceof DisklessError);
  assert.match(error.code, /^DHCP_(AUTH_FAILED|NO_OFFER)$/);
  assert.equal(dhcpAsked, true);
});

test('row 57: nobody can be believed over DHCPv6, whose authentication RFC 8415 has withdrawn', async () => {
  const { server: _, targetName: __, ...nothing } = request;
  const dhcpKeys = parseAuthenticationFile('key 7 a secret of sixteen bytes', 'keys');
  const { error, dhcpAsked } = await run({ request: { ...nothing, dhcp: 'v6' }, dhcpKeys });
  refused(error, 'BOOT_SECURE_DHCP', 57);
  assert.equal(dhcpAsked, false);
});

test('row 56: there is no software stage', async () => {
  refused((await run({ request: { ...request, software: { kind: 'dhcp' } } })).error, 'BOOT_SECURE_SOFTWARE', 56);
});

test('row 66: both ends authenticate: neither no secret nor the initiator’s alone will do', async () => {
  refused((await run({ chap: { initiator } })).error, 'BOOT_SECURE_CHAP', 66);
  const { error } = await run({ directory: open });
  assert.ok(error instanceof DisklessError);
  assert.equal(error.code, 'ISCSI_LOGIN_AUTH_FAILED', 'a target that asks for no proof gives none either');
});

test('row 59: a server is given by its address, not by a name, and not found by discovery', async () => {
  const byName = { ...request, server: parseServerName('boot.example.com') };
  refused((await run({ request: byName })).error, 'BOOT_SECURE_LITERAL', 59);
  const { server: _, ...found } = request;
  const { error, questions } = await run({ request: { ...found, dhcp: 'off' } });
  refused(error, 'BOOT_SECURE_DISCOVERY', 59);
  assert.deepEqual(questions, []);
});

test('row 55: a server that redirects cannot send the boot to one that is not authorised', async () => {
  refused((await run({ directory: redirecting })).error, 'BOOT_SECURE_SERVER', 55);
  const authorizedServers = [parseIpNetwork(`${elsewhere}/32`)];
  assert.equal((await run({ directory: redirecting, request: { ...request, authorizedServers } })).error, undefined);
});

test('row 55: a second Root Path must be authorised too, and the error says so', async () => {
  const secondRootPath = { server: parseServerName(elsewhere), targetName: parseIscsiName(targetName) };
  const away: TargetDirectory = {
    names: () => [targetName],
    find: (name, asker) =>
      asker.local.address === elsewhere ? proving.find(name, asker) : { refused: 'it is at the other portal' },
  };
  const { error } = await run({ request: { ...request, secondRootPath }, directory: away });
  assert.ok(error instanceof DisklessError);
  assert.equal(error.code, 'BOOT_EVERY_TARGET_FAILED');
  const why =
    /at 192\.0\.2\.44:3260: the server 192\.0\.2\.44 is not authorised: it is none of --authorized-server .*BOOT_SECURE_SERVER/;
  assert.match(error.message, why);
  const authorizedServers = [parseIpNetwork(elsewhere)];
  const authorised = await run({ request: { ...request, secondRootPath, authorizedServers }, directory: away });
  assert.equal(authorised.error, undefined);
});

test('rows 54 and 55: who may be the server, by address, network and user', () => {
  const { server: _, ...unnamed } = request;
  const admits = (host: string, asked: BootRequest): boolean => {
    try {
      admission(asked)(host);
      return true;
    } catch (error) {
      if (error instanceof DisklessError) return false;
      throw error;
    }
  };
  const listed = {
    ...unnamed,
    authorizedServers: [parseIpNetwork('198.51.100.0/24'), parseIpNetwork('2001:db8::/32')],
  };
  assert.ok(admits('192.0.2.1', request), 'the user names it');
  assert.ok(!admits('192.0.2.9', request));
  assert.ok(!admits('192.0.2.1', unnamed), 'nobody does');
  assert.ok(admits('198.51.100.7', listed));
  assert.ok(admits('2001:db8::7', listed));
  assert.ok(!admits('192.0.2.1', listed));
  assert.ok(!admits('boot.example.com', listed));
  assert.ok(!admits('192.0.2.1', { ...listed, secure: false }), 'a list counts without --secure too');
  assert.ok(admits('boot.example.com', { ...unnamed, secure: false }));
});

test('row 54: SendTargets may name servers, and only authorised ones are used', async () => {
  const { targetName: _, ...anyTarget } = request;
  assert.equal((await run({ request: anyTarget })).error, undefined);
  const askedFor: string[] = [];
  const directory: TargetDirectory = {
    ...proving,
    find(name, asker) {
      askedFor.push(asker.local.address);
      return asker.local.address === elsewhere ? proving.find(name, asker) : { refused: 'it is at the other portal' };
    },
  };
  assert.ok((await run({ request: anyTarget, directory })).error instanceof DisklessError);
  assert.deepEqual(new Set(askedFor), new Set(['192.0.2.1']));
  const authorizedServers = [parseIpNetwork(elsewhere)];
  assert.equal((await run({ request: { ...anyTarget, authorizedServers }, directory })).error, undefined);
});
