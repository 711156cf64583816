/** `diskless serve --dhcp6 on` beside another DHCPv6 server, which it finds by asking and by what clients say. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { end, RunningProgram, said } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { ServeProgram } from '../support/serve-program.ts';
import { makeServedNetwork, run, type ServedNetwork } from '../support/served-network.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const clientProgram = join(import.meta.dirname, '../support/dhcp6-client-program.ts');

async function addAddress(place: readonly string[], link: string, address: string): Promise<void> {
  const { code, stderr } = await run([...place, 'ip', 'address', 'add', address, 'dev', link, 'nodad']);
  assert.equal(code, 0, stderr);
}

/** dnsmasq on the clients' side of the network, with a pool of its own, and a preference that no client passes by. */
async function dnsmasq({ onClient, clientInterface }: ServedNetwork): Promise<AsyncDisposable> {
  const flags = ['--conf-file=/dev/null', '--no-daemon', '--user=root', '--port=0', '--log-dhcp', '--leasefile-ro'];
  const range = ['--enable-ra', `--interface=${clientInterface}`, '--dhcp-range=2001:db8::100,2001:db8::1ff,64,1h'];
  const [program = '', ...args] = [
    ...onClient,
    'dnsmasq',
    ...flags,
    ...range,
    '--bind-dynamic',
    '--dhcp-authoritative',
  ];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  await said(child, /DHCP, sockets bound/);
  return { [Symbol.asyncDispose]: () => end(child) };
}

test('another DHCPv6 server is found by the client that chooses it, and by asking for an address', async (t) => {
  if (!requires(t, 'ip', 'dnsmasq', root, networkNamespaces)) return;
  await using network = makeServedNetwork('other6');
  const { onServer, onClient, serverInterface, clientInterface } = network;
  await addAddress(onServer, serverInterface, '2001:db8::1/64');
  await addAddress(onClient, clientInterface, '2001:db8::2/64');
  const directory = temporaryDirectory(t);
  const image = join(directory, 'golden.img');
  const content = new Uint8Array(1 << 20);
  // The signature of a boot sector.
  content.set([0x55, 0xaa], 510);
  writeFileSync(image, content);
  const args = [image, '--interface', serverInterface, '--loader-dir', 'off', '--dhcp', 'off', '--dhcp6', 'on'];
  const serve = () => ServeProgram.start([...args, '--data', join(directory, 'data')], onServer);
  const client = (place: readonly string[], link: string, hardwareAddress: string, mode = 'stateful') => {
    const settings = { interface: link, hardwareAddress, mode, longestDelay: 0 };
    return new RunningProgram(place.at(-1) ?? '', clientProgram, settings);
  };
  const bind = async (hardwareAddress: string): Promise<string> => {
    await using program = client(onClient, clientInterface, hardwareAddress);
    return String((await program.message(({ type }) => type === 'bound')).server);
  };
  const isOther = ({ code }: { readonly code: string }) => code === 'DHCP_OTHER_SERVER';
  let other = '';
  {
    // The DHCPv6 client of the server's own machine has the port that it would ask from.
    await using ownClient = client(onServer, serverInterface, '52:54:00:00:00:0a', 'stateless');
    await ownClient.message(({ type }) => type === 'send');
    await using server = await serve();
    const { text } = await server.said('trouble');
    assert.match(text, /^other DHCPv6 servers on srv0 are noticed only when a client chooses one/);
    const own = await bind('52:54:00:00:00:01');
    assert.equal(server.events.filter(({ event }) => event === 'trouble').length, 1, 'its own clients are no sign');

    await using _dnsmasq = await dnsmasq(network);
    other = await bind('52:54:00:00:00:02');
    assert.notEqual(other, own);
    const chosen = await server.said('trouble', isOther);
    assert.equal(chosen.mac, '52:54:00:00:00:02');
    assert.match(chosen.text, new RegExp(`^the DHCPv6 server ${other} gives addresses on srv0 too`));
  }
  await using _dnsmasq = await dnsmasq(network);
  await using server = await serve();
  const found = await server.said('trouble', isOther);
  assert.equal(found.mac, undefined);
  assert.match(found.text, /^the DHCPv6 server [0-9a-f]+ at fe80::[0-9a-f:]+ gives addresses on srv0 too/);
});
