/** Our DHCP client over real sockets, for tests that run it in a network namespace: settings as JSON in, actions as JSON lines out. */

import type { MacAddress } from '../../src/bytes/index.ts';
import {
  bootParameter,
  DhcpClient,
  type DhcpClientAction,
  type DhcpClientOptions,
  Option,
  ServerDetection,
  summary,
} from '../../src/dhcp/index.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';

interface Settings extends Omit<DhcpClientOptions, 'hardwareAddress'> {
  readonly interface: string;
  readonly hardwareAddress: MacAddress;
  /** Only ask who serves here. */
  readonly detect?: boolean;
  /** Give the address back as soon as it is there. */
  readonly release?: boolean;
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

const settings: Settings = JSON.parse(process.argv[2] ?? '');
const socket = await nodeNetwork.openUdp({ interface: settings.interface, port: 68, broadcast: true });
const now = () => performance.now();
let timer: NodeJS.Timeout | undefined;

function wake(deadline: number | undefined, poll: () => void): void {
  clearTimeout(timer);
  if (deadline !== undefined) timer = setTimeout(poll, Math.max(0, deadline - now()));
}

function finish(): void {
  clearTimeout(timer);
  void socket.close();
}

function detect(): void {
  const detection = new ServerDetection(settings, Math.random);
  const step = (datagrams: ReturnType<ServerDetection['poll']>): void => {
    for (const { data, to } of datagrams) socket.send(data, to);
    wake(detection.deadline, () => step(detection.poll(now())));
    if (!detection.isDone) return;
    say({
      type: 'detected',
      servers: detection.servers.map(({ serverIdentifier, kind }) => ({ serverIdentifier, kind })),
    });
    finish();
  };
  socket.start({
    message: (data, from) => detection.receive(data, from),
    error: (error) => say({ error: String(error) }),
  });
  step(detection.start(now()));
}

function lease(): void {
  const client = new DhcpClient(settings, Math.random);
  const carryOut = (actions: readonly DhcpClientAction[]): void => {
    for (const action of actions) {
      if (action.type === 'send') {
        socket.send(action.datagram.data, action.datagram.to);
        say({ type: 'send', summary: summary(action.message) });
      } else if (action.type === 'bound' || action.type === 'renewed') {
        const { address, serverIdentifier, reason } = action.lease;
        const rootPath = bootParameter(action.lease, Option.rootPath);
        say({ type: action.type, address, serverIdentifier, reason, rootPath });
        if (settings.release === true) carryOut(client.release());
      } else if (action.type === 'failed') {
        say({ type: 'failed', code: action.error.code, message: action.error.message });
        finish();
      } else say({ type: action.type });
    }
    wake(client.deadline, () => carryOut(client.poll(now())));
  };
  socket.start({
    message: (data) => carryOut(client.receive(data, now())),
    error: (error) => say({ error: String(error) }),
  });
  carryOut(client.start(now()));
}

if (settings.detect === true) detect();
else lease();
process.once('SIGTERM', finish);
