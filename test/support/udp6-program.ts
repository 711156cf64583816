/** Sends datagrams over IPv6 from one interface and port, and says what comes back: settings as JSON in, JSON lines out. */

import { nodeNetwork } from '../../src/os/node-network.ts';

interface Settings {
  readonly interface: string;
  readonly port: number;
  readonly to: { readonly address: string; readonly port: number };
  /** In hexadecimal. */
  readonly datagrams: readonly string[];
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

const { interface: name, port, to, datagrams }: Settings = JSON.parse(process.argv[2] ?? '');
const socket = await nodeNetwork.openUdp({ address: '::', interface: name, port });
socket.start({
  message: (data) => say({ type: 'heard', data: Buffer.from(data).toString('hex') }),
  error: (error) => say({ type: 'socket', error: String(error) }),
});
say({ type: 'ready' });
for (const datagram of datagrams) socket.send(Buffer.from(datagram, 'hex'), to);
process.once('SIGTERM', () => void socket.close());
