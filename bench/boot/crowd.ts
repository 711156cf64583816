/**
 * Many machines that boot at the same moment, in one process: the boot client of this program for each, with an Ethernet address and
 * an initiator name of its own, on one interface. Writes as JSON what each of them took.
 *
 *     node bench/boot/crowd.ts INTERFACE COUNT FIRST
 *
 * `FIRST` is the number of the first machine: other numbers are other machines.
 */

import { boot } from '../../src/boot/boot.ts';
import { discoveryServices } from '../../src/boot/discovery-services.ts';
import { BootTrace } from '../../src/boot/trace.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeHttpClient } from '../../src/os/http-client.ts';
import type { NetworkInterface } from '../../src/os/network.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { initiatorNameFor, machineOn, macOf, SharedPort } from './machine.ts';
import { type MachineTimes, machineTimes } from './machine-times.ts';

export interface CrowdReport {
  readonly machines: readonly MachineTimes[];
  /** From the first machine's start to the last one's first sector. */
  readonly elapsed: number;
  readonly failures: readonly string[];
}

/** What a machine may take for all; nothing here is to fail because it has to wait its turn. */
const PATIENCE = 120_000;

async function bootMachine(number: number, place: NetworkInterface, port: SharedPort): Promise<MachineTimes> {
  const mac = macOf(number);
  const trace = new BootTrace(systemClock, () => {});
  const environment = {
    ...machineOn(place, mac, port),
    http: nodeHttpClient,
    clock: systemClock,
    random: Math.random,
    services: discoveryServices,
    softwareTimeout: PATIENCE,
    dhcpTimeout: PATIENCE,
    discoveryTimeout: PATIENCE,
    targetTimeout: PATIENCE,
    timeouts: { connect: PATIENCE, login: PATIENCE, command: PATIENCE, exchange: PATIENCE },
    signal: AbortSignal.timeout(2 * PATIENCE),
  };
  const request = { dhcp: 'v4', discovery: 'auto', initiatorName: initiatorNameFor(mac) } as const;
  return await boot(request, environment, trace, async ({ disk }) => {
    await disk.device.read(0, disk.device.blockSize);
    return machineTimes(trace.stages, trace.elapsed);
  });
}

async function main(): Promise<void> {
  const [name = '', count = '1', first = '0'] = process.argv.slice(2);
  const place = nodeNetwork.interfaces().find((each) => each.name === name);
  if (place === undefined) throw new Error(`there is no interface ${name}`);
  await using port = await SharedPort.open(name);
  const started = performance.now();
  let elapsed = 0;
  const results = await Promise.allSettled(
    Array.from({ length: Number(count) }, async (_, index) => {
      const times = await bootMachine(Number(first) + index, place, port);
      elapsed = performance.now() - started;
      return times;
    }),
  );
  const machines = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []));
  const report: CrowdReport = { machines, elapsed, failures };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

await main();
