/** Our DHCPv6 client over real sockets, for tests that run it in a network namespace: settings as JSON in, actions as JSON lines out. */

import type { MacAddress } from '../../src/bytes/index.ts';
import {
  bootParameter,
  Dhcp6Client,
  type Dhcp6ClientAction,
  type Dhcp6ClientOptions,
  Dhcp6Port,
  duidOfMac,
  formatDuid,
  Option,
  summary,
} from '../../src/dhcp6/index.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';

interface Settings extends Omit<Dhcp6ClientOptions, 'duid' | 'iaid'> {
  readonly interface: string;
  readonly hardwareAddress: MacAddress;
  /** What is done as soon as there is an address. */
  readonly afterwards?: 'release' | 'decline' | 'confirm';
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

const settings: Settings = JSON.parse(process.argv[2] ?? '');
const socket = await nodeNetwork.openUdp({ address: '::', interface: settings.interface, port: Dhcp6Port.client });
const client = new Dhcp6Client({ ...settings, duid: duidOfMac(settings.hardwareAddress), iaid: 1 }, Math.random);
const now = () => performance.now();
let timer: NodeJS.Timeout | undefined;
let isDone = false;

function finish(): void {
  clearTimeout(timer);
  client.stop();
  void socket.close();
}

function carryOut(actions: readonly Dhcp6ClientAction[]): void {
  for (const action of actions) tell(action);
  clearTimeout(timer);
  const { deadline } = client;
  if (deadline !== undefined) timer = setTimeout(() => carryOut(client.poll(now())), Math.max(0, deadline - now()));
}

function tell(action: Dhcp6ClientAction): void {
  const { type } = action;
  if (type === 'send') {
    socket.send(action.datagram.data, action.datagram.to);
    say({ type, summary: summary(action.message) });
  } else if (type === 'bound' || type === 'renewed') {
    const { lease } = action;
    const addresses = lease.addresses.map(({ address }) => address);
    const url = bootParameter(lease, Option.bootFileUrl);
    const dns = bootParameter(lease, Option.domainNameServers);
    const search = bootParameter(lease, Option.domainSearch);
    say({ type, addresses, server: formatDuid(lease.serverIdentifier), reason: lease.reason, url, dns, search });
    if (isDone || settings.afterwards === undefined) return;
    isDone = true;
    carryOut(client[settings.afterwards](now()));
  } else if (type === 'informed') {
    const url = bootParameter(action.information, Option.bootFileUrl);
    const parameters = bootParameter(action.information, Option.bootFileParameters);
    say({ type, url, parameters: parameters?.map((item) => formatDuid(item)) });
  } else if (type === 'failed') {
    say({ type, code: action.error.code, message: action.error.message });
    finish();
  } else if (type === 'refused') {
    say({ type, code: action.code, message: action.message });
  } else {
    say({ type });
    if (type === 'released') finish();
  }
}

socket.start({
  message: (data) => carryOut(client.receive(data, now())),
  error: (error) => say({ type: 'error', error: String(error) }),
});
carryOut(client.start(now()));
process.once('SIGTERM', finish);
