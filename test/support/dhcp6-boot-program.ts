/** The DHCPv6 stage of a boot over the real network, for tests that run it in a namespace: it keeps the address until it is ended. */

import { configureIpv6, runDhcp6Stage } from '../../src/boot/dhcp6-stage.ts';
import { formatRootPath } from '../../src/iscsi/root-path.ts';
import { systemClock } from '../../src/os/clock.ts';
import { linuxMachineNetwork } from '../../src/os/machine-network.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

const { interface: name, mode } = JSON.parse(process.argv[2] ?? '');
const found = nodeNetwork.interfaces().find((each) => each.name === name);
if (found === undefined) throw new Error(`no interface ${name}`);
const abort = new AbortController();
const ended = new Promise((resolve) => process.once('SIGTERM', resolve));
const trace = { step: (text: string) => say({ type: 'step', text }) };
const options = {
  ...{ network: nodeNetwork, clock: systemClock, random: Math.random, interface: found, mode, timeout: 15_000 },
  signal: abort.signal,
};
await using cleanup = new AsyncDisposableStack();
const given = await runDhcp6Stage(options, trace);
cleanup.use(given.held);
const result = await configureIpv6(options, given, linuxMachineNetwork, cleanup, trace);
const { addresses, rootPath } = result;
say({ type: 'configured', addresses, rootPath: rootPath && formatRootPath(rootPath) });
await ended;
