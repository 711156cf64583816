/** `diskless serve --dhcp6 on` beside another DHCPv6 server, which it finds by asking and by what clients say. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Dhcp6ServerName, Dhcp6ServerProcess } from '../support/dhcp6-servers.ts';
import { RunningProgram } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { ServeProgram } from '../support/serve-program.ts';
import { makeServedNetwork, run } from '../support/served-network.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const clientProgram = join(import.meta.dirname, '../support/dhcp6-client-program.ts');

async function addAddress(place: readonly string[], link: string, address: string): Promise<void> {
  const { code, stderr } = await run([...place, 'ip', 'address', 'add', address, 'dev', link, 'nodad']);
  assert.equal(code, 0, stderr);
}

for (const name of ['dnsmasq', 'kea-dhcp6', 'dhcpd'] as const) {
  test(`${name} beside our DHCPv6 server is found by the client that chooses it, and by asking for an address`, async (t) => {
    if (!requires(t, 'ip', name, root, networkNamespaces)) return;
    await findsOther(t, name);
  });
}

async function findsOther(t: TestContext, name: Dhcp6ServerName): Promise<void> {
  await using network = makeServedNetwork('other6');
  const { onServer, onClient, serverInterface, clientInterface } = network;
  await addAddress(onServer, serverInterface, '2001:db8::1/64');
  await addAddress(onClient, clientInterface, '2001:db8::2/64');
  const place = { namespace: onClient.at(-1) ?? '', interface: clientInterface };
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

    await using started = await Dhcp6ServerProcess.startAt(t, place, name);
    // A server that has just begun may answer later than a client waits for advertisements.
    let mac = '';
    for (let machine = 2; other === '' || other === own; machine++) {
      assert.ok(machine < 10, `no client chooses the other server: ${started.report}`);
      mac = `52:54:00:00:00:0${machine}`;
      other = await bind(mac);
    }
    const chosen = await server.said('trouble', isOther);
    assert.equal(chosen.mac, mac);
    assert.match(chosen.text, new RegExp(`^the DHCPv6 server ${other} gives addresses on srv0 too`));
  }
  await using _other = await Dhcp6ServerProcess.startAt(t, place, name);
  await using server = await serve();
  const found = await server.said('trouble', isOther);
  assert.equal(found.mac, undefined);
  assert.match(found.text, /^the DHCPv6 server [0-9a-f]+ at fe80::[0-9a-f:]+ gives addresses on srv0 too/);
}
