import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageType, Option } from '../../src/dhcp/index.ts';
import { type ToldOptions, toldNetwork } from '../../src/server/told-network.ts';
import { discover, ip, mac, serverIdentifier, subnet, TestServer } from '../dhcp/support.ts';

const plain: ToldOptions = {
  ...{ leaseTime: 3600, dns: [], domain: undefined, searchDomains: [] },
  ...{ isns: false, isnsServer: undefined, slp: undefined },
};
const discoveryOptions = [Option.slpDirectoryAgents, Option.slpServiceScope, Option.isns].map(({ code }) => code);

/** What a machine is told that asks for everything by which a disk is found. */
async function told(options: Partial<ToldOptions>) {
  const { subnet: network, pool, excluded } = subnet;
  const plan = { subnet: network, pool, excluded, router: undefined };
  const server = new TestServer({ subnets: [toldNetwork(plan, serverIdentifier, { ...plain, ...options })] });
  const question = discover(mac(1), (list) => list.set(Option.parameterRequestList, discoveryOptions));
  return (await server.expect(question, MessageType.offer)).options;
}

test('machines are told of this iSNS server, and of the one that the targets are registered with (RFC 4174 §2)', async () => {
  const own = (await told({ isns: true })).get(Option.isns);
  assert.deepEqual(own?.servers, ['192.0.2.1']);
  assert.deepEqual([own?.functions, own?.heartbeat], [undefined, undefined]);
  const foreign = ip('192.0.2.9');
  assert.deepEqual((await told({ isnsServer: foreign })).get(Option.isns)?.servers, [foreign]);
  assert.deepEqual((await told({ isns: true, isnsServer: foreign })).get(Option.isns)?.servers, ['192.0.2.1', foreign]);
});

test('machines are told of this directory agent, of those that were named, and of the scopes (RFC 2610 §3, §4)', async () => {
  const slp = { scopes: ['DISKS', 'LAB'], directoryAgents: [ip('192.0.2.7')], isIpsecPresent: false };
  const options = await told({ slp });
  const addresses = ['192.0.2.1', '192.0.2.7'];
  assert.deepEqual(options.get(Option.slpDirectoryAgents), { mandatory: false, addresses });
  assert.deepEqual(options.get(Option.slpServiceScope), { mandatory: false, scopes: ['DISKS', 'LAB'] });
});

test('machines are told of no service that is not there', async () => {
  const options = await told({});
  for (const code of discoveryOptions)
    assert.equal(options.has({ code, name: '', codec: Option.rootPath.codec }), false);
});
