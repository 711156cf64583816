/** Our SLP user agent over real sockets, for tests that run it in a network namespace: what to ask as JSON in, what was found out. */

import { findBySlp } from '../../src/boot/slp-discovery.ts';
import { SlpUserAgent } from '../../src/boot/slp-user-agent.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { defaultTiming, type ServiceRequest } from '../../src/slp/index.ts';

interface Settings {
  readonly interface?: string;
  readonly address: string;
  readonly initiatorName: string;
  readonly targetName?: string;
  readonly agents?: readonly string[];
  readonly agentsOnly?: boolean;
  /** Only asks everybody this. */
  readonly multicast?: ServiceRequest;
}

const settings: Settings = JSON.parse(process.argv[2] ?? '');
const { multicast, ...search } = settings;
const timing = { ...defaultTiming, startWait: 0 };
const common = { network: nodeNetwork, clock: systemClock, random: Math.random, timing, ...search };
const { signal } = new AbortController();

if (multicast === undefined) {
  const targets = await findBySlp({ ...common, timeout: 30_000, signal });
  process.stdout.write(JSON.stringify(targets));
} else {
  await using agent = await SlpUserAgent.open({ ...common, deadline: systemClock.monotonic() + 30_000, signal });
  const answers = await agent.search(multicast, { isEnough: () => true });
  process.stdout.write(
    JSON.stringify(answers.map(({ message, from }) => ({ from: from.address, body: message.body }))),
  );
}
