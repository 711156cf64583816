import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import type { NetworkInterface } from '../../src/os/network.ts';
import { Capture } from '../support/capture.ts';
import { Ipv6Pair } from '../support/ipv6-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';

const namespace = `diskless-os-test-${process.pid}`;

function ip(...args: string[]): void {
  const result = spawnSync('ip', args, { encoding: 'utf8' });
  assert.equal(result.status, 0, `ip ${args.join(' ')}: ${result.stderr}`);
}

/** Two pairs of interfaces in one namespace: what is sent into `x0` comes out of `x1`, and the same for `y0` and `y1`. */
function makeNamespace(): Disposable {
  ip('netns', 'add', namespace);
  for (const name of ['x', 'y']) {
    ip('-n', namespace, 'link', 'add', `${name}0`, 'type', 'veth', 'peer', 'name', `${name}1`);
    ip('-n', namespace, 'link', 'set', `${name}0`, 'up');
    ip('-n', namespace, 'link', 'set', `${name}1`, 'up');
  }
  return { [Symbol.dispose]: () => ip('netns', 'del', namespace) };
}

/** Runs inside the namespace: broadcasts from x0 and y0, and prints which socket heard what. None has an address. */
const program = `
  import { nodeNetwork } from '${new URL('../../src/os/node-network.ts', import.meta.url)}';
  const open = (name, port) => nodeNetwork.openUdp({ interface: name, port, broadcast: true, reuseAddress: true });
  const heard = [];
  const listeners = await Promise.all(['x1', 'y1'].map(async (name) => {
    const socket = await open(name, 6767);
    socket.start({
      message: (data) => { heard.push(name + ' heard ' + Buffer.from(data)); if (heard.length === 2) finish(); },
      error: (error) => { throw error; },
    });
    return socket;
  }));
  const senders = await Promise.all(['x0', 'y0'].map((name) => open(name, 6768)));
  async function finish() {
    console.log(JSON.stringify({ heard: heard.sort(), interfaces: nodeNetwork.interfaces() }));
    await Promise.all([...listeners, ...senders].map((socket) => socket.close()));
  }
  for (const [i, name] of ['x0', 'y0'].entries()) {
    senders[i].start({ message: () => {}, error: (error) => { throw error; } });
    senders[i].send(Buffer.from(name), { address: '255.255.255.255', port: 6767 });
  }
`;

test('a socket bound to an interface hears and sends broadcasts there alone, before it has an address', (t) => {
  if (!requires(t, 'ip', root, networkNamespaces)) return;
  using _ = makeNamespace();
  const run = spawnSync('ip', ['netns', 'exec', namespace, process.execPath, '--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  assert.equal(run.status, 0, run.stderr);
  const { heard, interfaces } = JSON.parse(run.stdout);
  assert.deepEqual(heard, ['x1 heard x0', 'y1 heard y0']);
  const x0 = interfaces.find(({ name }: { name: string }) => name === 'x0');
  assert.equal(x0.up, true);
  assert.deepEqual(x0.ipv4, []);
  assert.match(x0.mac, /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
});

/** Runs inside the namespace: a question to a multicast group out of x0, and an answer to where it came from. */
const ipv6Program = `
  import { nodeNetwork } from '${new URL('../../src/os/node-network.ts', import.meta.url)}';
  const open = (name, port, groups) => nodeNetwork.openUdp({ address: '::', interface: name, port, groups });
  const servers = await Promise.all(['x1', 'y1'].map((name) => open(name, 5470, ['ff02::1:2'])));
  const client = await open('x0', 5460);
  const heard = [];
  const error = (error) => { throw error; };
  for (const [i, name] of ['x1', 'y1'].entries()) {
    servers[i].start({
      message(data, from) {
        heard.push([name, String(Buffer.from(data)), from.address, from.port]);
        servers[i].send(Buffer.from('answer'), from);
      },
      error,
    });
  }
  client.start({
    async message(data, from) {
      const interfaces = nodeNetwork.interfaces();
      console.log(JSON.stringify({ heard, answer: String(Buffer.from(data)), from: from.address, interfaces }));
      await Promise.all([...servers, client].map((socket) => socket.close()));
    },
    error,
  });
  client.send(Buffer.from('question'), { address: 'ff02::1:2', port: 5470 });
`;

test('an IPv6 socket of an interface hears multicast groups there alone, and answers link-local addresses', (t) => {
  if (!requires(t, 'ip', root, networkNamespaces)) return;
  using _ = makeNamespace();
  for (const [number, name] of ['x0', 'x1', 'y0', 'y1'].entries()) {
    // Without duplicate address detection, so that the addresses are of use at once.
    ip('-n', namespace, 'address', 'add', `fe80::${number + 1}/64`, 'dev', name, 'nodad');
  }
  ip('-n', namespace, 'address', 'add', '2001:db8::7/64', 'dev', 'x0', 'nodad');
  const run = spawnSync(
    'ip',
    ['netns', 'exec', namespace, process.execPath, '--input-type=module', '-e', ipv6Program],
    { encoding: 'utf8', timeout: 20_000 },
  );
  assert.equal(run.status, 0, run.stderr);
  const { heard, answer, from, interfaces } = JSON.parse(run.stdout);
  assert.deepEqual(
    heard.map(([name, text, , port]: unknown[]) => [name, text, port]),
    [['x1', 'question', 5460]],
  );
  assert.match(heard[0]?.[2], /^fe80::.*%x1$/);
  assert.equal(answer, 'answer');
  assert.match(from, /^fe80::.*%x0$/);
  const x0 = interfaces.find(({ name }: { name: string }) => name === 'x0');
  const global = x0.ipv6.find(({ address }: { address: string }) => address === '2001:db8::7');
  assert.deepEqual(global, { address: '2001:db8::7', prefix: 64, state: 'preferred' });
});

const listing = `
  import { nodeNetwork } from '${new URL('../../src/os/node-network.ts', import.meta.url)}';
  console.log(JSON.stringify(nodeNetwork.interfaces()));
`;

test('an interface without a carrier has its address', (t) => {
  if (!requires(t, 'ip', root, networkNamespaces)) return;
  using _ = makeNamespace();
  ip('-n', namespace, 'link', 'add', 'z0', 'type', 'veth', 'peer', 'name', 'z1');
  ip('-n', namespace, 'address', 'add', '192.0.2.1/23', 'dev', 'z0');
  ip('-n', namespace, 'link', 'set', 'z0', 'up');
  const args = ['netns', 'exec', namespace, process.execPath, '--input-type=module', '--eval', listing];
  const run = spawnSync('ip', args, { encoding: 'utf8' });
  const interfaces: NetworkInterface[] = JSON.parse(run.stdout);
  const { ipv4, up } = interfaces.find(({ name }) => name === 'z0') ?? {};
  assert.deepEqual({ ipv4, up }, { ipv4: [{ address: '192.0.2.1', prefix: 23 }], up: true });
});

const groups = [
  { address: '0.0.0.0', group: '239.255.255.253' },
  { address: '::', group: 'ff05::1:1000' },
] as const;

/** Sends a datagram for each family that may pass eight routers, and one that may pass none; ends when it has heard them itself. */
const multicasting = `
  import { nodeNetwork } from '${new URL('../../src/os/node-network.ts', import.meta.url)}';
  const error = (error) => { throw error; };
  for (const { address, group } of ${JSON.stringify(groups)}) {
    const place = { address, interface: 'server0' };
    const listener = await nodeNetwork.openUdp({ ...place, port: 4270, groups: [group] });
    for (const multicastHops of [9, undefined]) {
      const heard = Promise.withResolvers();
      listener.start({ message: heard.resolve, error });
      const socket = await nodeNetwork.openUdp({ ...place, port: 0, multicastHops });
      socket.start({ message: () => {}, error });
      socket.send(Buffer.from('far'), { address: group, port: 4270 });
      await heard.promise;
      await socket.close();
    }
    await listener.close();
  }
`;

test('a multicast passes as many routers as it may, over IPv4 and IPv6', async (t) => {
  if (!requires(t, 'ip', 'tshark', root, networkNamespaces)) return;
  using pair = new Ipv6Pair('multicast-hops', '52:54:00:00:00:07');
  const capture = await Capture.start(t, pair);
  pair.command('server', process.execPath, '--input-type=module', '--eval', multicasting);
  await capture.stop();
  assert.deepEqual(capture.fields('udp.dstport == 4270 && ip', 'ip.ttl'), ['9', '1']);
  assert.deepEqual(capture.fields('udp.dstport == 4270 && ipv6', 'ipv6.hlim'), ['9', '1']);
});
