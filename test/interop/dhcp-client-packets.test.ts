/** Every kind of message that the DHCP client sends, as Wireshark reads it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DhcpClientOptions, MessageType } from '../../src/dhcp/index.ts';
import { ip } from '../dhcp/support.ts';
import { TestClient } from '../dhcp/test-client.ts';
import { PacketFile } from '../support/packet-file.ts';
import { requires } from '../support/requires.ts';

/** All that clients with these options say from the first question to the end of the lease. */
function conversation(options: Partial<DhcpClientOptions>): Uint8Array[] {
  const client = new TestClient(options);
  client.bind();
  client.next();
  client.next();
  const declining = new TestClient(options);
  declining.bind();
  const reboot = new TestClient({ ...options, previousAddress: ip('192.0.2.10') });
  const inform = new TestClient({ ...options, question: { kind: 'inform', address: ip('192.0.2.77') } });
  const actions = [client, declining, reboot, inform].flatMap((each) => each.actions);
  actions.push(...client.client.release(), ...declining.client.decline(0));
  return actions.flatMap((action) => (action.type === 'send' ? [action.datagram.data] : []));
}

test('Wireshark finds no fault with what the DHCP client sends', (t) => {
  if (!requires(t, 'tshark')) return;
  const clientIdentifier = Uint8Array.of(1, 0x52, 0x54, 0, 0, 0, 1);
  const talkative = { clientIdentifier, vendorClass: 'PXEClient:Arch:00007:UNDI:003016', userClasses: ['iPXE'] };
  const machine = { architectures: [7], machineIdentifier: '00112233-4455-6677-8899-aabbccddeeff', hostName: 'node1' };
  const plain = conversation({});
  const full = conversation({ ...talkative, ...machine });
  const datagrams = [...plain, ...full, ...bootp()];
  const file = new PacketFile(t, datagrams, { from: 68, to: 67 });
  assert.deepEqual(file.complaints(), []);
  const types = file.fields('dhcp', 'dhcp.option.dhcp').map(Number);
  const { discover, request, release, decline, inform } = MessageType;
  const each = [discover, request, request, request, discover, request, request, inform, release, decline];
  assert.deepEqual(types, [...each, ...each]);
  assert.equal(file.fields('dhcp', 'frame.number').length, datagrams.length, 'the one without a type is BOOTP');
});

function bootp(): Uint8Array[] {
  const { last } = new TestClient({ question: { kind: 'bootp' } });
  return last?.type === 'send' ? [last.datagram.data] : [];
}

test('Wireshark reads the authentication of the DHCP client as delayed, with a rising counter (RFC 3118 §5.2)', (t) => {
  if (!requires(t, 'tshark')) return;
  const keys = [{ secretIdentifier: 7, secret: Buffer.from('a-secret-of-16-bytes-or-more') }];
  const authentication = { keys, now: () => Date.UTC(2026, 0, 1) };
  const clientIdentifier = Uint8Array.of(1, 0x52, 0x54, 0, 0, 0, 1);
  const asking = new TestClient({ authentication, clientIdentifier });
  const confirming = new TestClient({
    ...{ authentication: { ...authentication, now: () => Date.UTC(2026, 0, 2) }, clientIdentifier },
    previousAddress: ip('192.0.2.10'),
  });
  const datagrams = [asking, confirming].flatMap(({ last }) => (last?.type === 'send' ? [last.datagram.data] : []));
  const file = new PacketFile(t, datagrams, { from: 68, to: 67 });
  assert.deepEqual(file.complaints(), []);
  const names = ['protocol', 'alg_delay', 'rdm', 'secret_id'].map((name) => `dhcp.option.dhcp_authentication.${name}`);
  assert.deepEqual(file.fields('dhcp', ...names), ['1\t1\t0\t', '1\t1\t0\t0x00000007']);
  const [first = '', second = ''] = file.fields('dhcp', 'dhcp.option.dhcp_authentication.rdm_replay_detection');
  assert.ok(first !== '' && first < second, `${first}, then ${second}`);
});
