import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BootParameters, complete, parametersOfUser, withDefaults } from '../../src/boot/boot-parameters.ts';
import type { BootRequest } from '../../src/boot/boot-request.ts';
import { decideDhcp, decideDiscovery } from '../../src/boot/plan.ts';
import { parseRootPath } from '../../src/iscsi/root-path.ts';
import { parseServerName } from '../../src/iscsi/server-name.ts';

const targetName = 'iqn.2001-04.com.example:disk';
const server = parseServerName('192.0.2.1');
const base: BootRequest = { dhcp: 'v4', discovery: 'sendtargets' };

/** RFC 4173 §3 and §5: what is given, whether the interface has an address, and whether DHCP is asked. */
const dhcpTable: readonly (readonly [string, Partial<BootRequest>, hasAddress: boolean, asked: boolean])[] = [
  ['nothing', {}, true, true],
  ['nothing, without an address', {}, false, true],
  ['nothing, DHCP off', { dhcp: 'off' }, true, false],
  ['server and target', { server, targetName }, true, false],
  ['server and target, without an address', { server, targetName }, false, true],
  ['server and target, without an address, DHCP off', { server, targetName, dhcp: 'off' }, false, false],
  ['a target only', { targetName }, true, true],
  ['a server that can be asked for its targets', { server }, true, false],
  ['a server that must not be asked', { server, discovery: 'off' }, true, true],
];

for (const [given, request, hasAddress, asked] of dhcpTable) {
  test(`with ${given}, DHCP is ${asked ? 'asked' : 'not asked'}`, () => {
    const whole = { ...base, ...request };
    const decision = decideDhcp(whole, parametersOfUser(whole), { hasAddress });
    assert.equal(decision.necessary, asked);
    assert.ok(decision.reason.length > 0);
  });
}

/** RFC 4173 §6, after DHCP. */
const discoveryTable: readonly (readonly [string, BootParameters, BootRequest['discovery'], boolean | string])[] = [
  ['server and target', { server: dhcp(server), targetName: dhcp(targetName) }, 'sendtargets', false],
  ['a server only', { server: dhcp(server) }, 'sendtargets', true],
  ['a server only, discovery off', { server: dhcp(server) }, 'off', 'BOOT_TARGET_UNKNOWN'],
  ['a target only', { targetName: dhcp(targetName) }, 'sendtargets', 'BOOT_SERVER_UNKNOWN'],
  ['nothing', {}, 'sendtargets', 'BOOT_SERVER_UNKNOWN'],
];

function dhcp<T>(value: T) {
  return { value, source: 'dhcp' as const };
}

for (const [known, parameters, discovery, expected] of discoveryTable) {
  test(`knowing ${known}, discovery is ${expected === true ? 'asked' : expected === false ? 'skipped' : `refused with ${expected}`}`, () => {
    const decide = () => decideDiscovery({ ...base, discovery }, parameters).necessary;
    if (typeof expected === 'string') assert.throws(decide, { code: expected });
    else assert.equal(decide(), expected);
  });
}

test('single values count more than the Root Path, the user more than DHCP, and blanks mean defaults', () => {
  const rootPath = parseRootPath(`iscsi:192.0.2.1::3261::${targetName}`);
  assert.ok(rootPath !== undefined);
  const user = parametersOfUser({ ...base, rootPath, port: 3262 });
  assert.deepEqual(user.port, { value: 3262, source: 'user' });
  assert.equal(user.lun, undefined, 'a blank LUN is not known');
  const both = complete(user, { port: dhcp(1), lun: dhcp(Uint8Array.of(0, 5, 0, 0, 0, 0, 0, 0)) });
  assert.equal(both.port?.value, 3262);
  assert.equal(both.lun?.source, 'dhcp');
  const all = withDefaults({ targetName: dhcp(targetName) }, 'iqn.2001-04.com.example:client');
  assert.deepEqual(all.port, { value: 3260, source: 'default' });
  assert.deepEqual([...all.lun.value], [0, 0, 0, 0, 0, 0, 0, 0]);
});
