/** The DHCP stage over real sockets, for tests that run it in a network namespace: settings as JSON in, JSON lines out. */

import { type DhcpMethod, type DhcpStageOptions, describeDhcpResult, runDhcpStage } from '../../src/boot/dhcp-stage.ts';
import { chooseInterface } from '../../src/boot/interface-setup.ts';
import { errorRecord } from '../../src/boot/trace.ts';
import { parseAuthenticationFile } from '../../src/dhcp/authentication-file.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';

interface Settings {
  readonly interface: string;
  readonly method?: DhcpMethod;
  readonly vendorClass?: string;
  /** The text of a file of keys. */
  readonly keys?: string;
  /** Milliseconds. */
  readonly timeout?: number;
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

const settings: Settings = JSON.parse(process.argv[2] ?? '');
const { method, vendorClass, keys, timeout = 15_000 } = settings;
const options: DhcpStageOptions = {
  network: nodeNetwork,
  clock: systemClock,
  random: Math.random,
  interface: chooseInterface(settings.interface, nodeNetwork),
  timeout,
  signal: new AbortController().signal,
  ...(method && { method }),
  ...(vendorClass && { vendorClass }),
  ...(keys && { keys: parseAuthenticationFile(keys, 'keys') }),
};
try {
  const result = await runDhcpStage(options, { step: (text) => say({ type: 'step', text }) });
  say({ type: 'done', ...describeDhcpResult(result) });
  const { held } = result;
  held.lost.addEventListener('abort', () => say({ type: 'lost', ...errorRecord(held.lost.reason) }));
  process.once('SIGTERM', () => void held[Symbol.asyncDispose]());
} catch (error) {
  say({ type: 'failed', ...errorRecord(error) });
}
