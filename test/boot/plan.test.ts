import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BootParameters, complete, parametersOfUser, withDefaults } from '../../src/boot/boot-parameters.ts';
import type { BootRequest } from '../../src/boot/boot-request.ts';
import { type AskableServices, type DiscoveryMethod, decideDhcp, decideDiscovery } from '../../src/boot/plan.ts';
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

const everything: AskableServices = { slp: true, isns: 'located' };

/** RFC 4173 §6, after DHCP: what is known, what may be asked, and which services are, in their order. */
const discoveryTable: readonly (readonly [
  string,
  BootParameters,
  BootRequest['discovery'],
  AskableServices,
  readonly DiscoveryMethod[] | string,
])[] = [
  ['server and target', { server: dhcp(server), targetName: dhcp(targetName) }, 'auto', everything, []],
  ['server and target, SLP wanted', { server: dhcp(server), targetName: dhcp(targetName) }, 'slp', everything, []],
  ['a server only', { server: dhcp(server) }, 'auto', everything, ['sendtargets']],
  ['a server only, SLP wanted', { server: dhcp(server) }, 'slp', everything, ['slp']],
  ['a server only, discovery off', { server: dhcp(server) }, 'off', everything, 'BOOT_TARGET_UNKNOWN'],
  ['a target only', { targetName: dhcp(targetName) }, 'auto', everything, ['isns', 'slp']],
  [
    'a target and no iSNS server',
    { targetName: dhcp(targetName) },
    'auto',
    { slp: true, isns: 'to be found' },
    ['slp'],
  ],
  [
    'a target only, SendTargets wanted',
    { targetName: dhcp(targetName) },
    'sendtargets',
    everything,
    'BOOT_SERVER_UNKNOWN',
  ],
  ['nothing', {}, 'auto', everything, ['isns', 'slp']],
  ['nothing, iSNS wanted', {}, 'isns', { slp: true, isns: 'to be found' }, ['isns']],
  ['nothing, discovery off', {}, 'off', everything, 'BOOT_SERVER_UNKNOWN'],
  ['nothing, and nobody to ask', {}, 'auto', { slp: false, isns: false }, 'BOOT_SERVER_UNKNOWN'],
];

function dhcp<T>(value: T) {
  return { value, source: 'dhcp' as const };
}

for (const [known, parameters, discovery, askable, expected] of discoveryTable) {
  const outcome =
    typeof expected === 'string' ? `is refused with ${expected}` : `asks ${expected.join(', then ') || 'nobody'}`;
  test(`knowing ${known}, discovery ${outcome}`, () => {
    const decide = () => decideDiscovery({ ...base, discovery }, parameters, askable);
    if (typeof expected === 'string') {
      assert.throws(decide, { code: expected });
      return;
    }
    const decision = decide();
    assert.deepEqual(decision.necessary ? decision.services : [], expected);
    assert.ok(decision.reason.length > 0);
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
