/**
 * Many machines that boot at the same moment, in one process: the boot client of this program for each, with an Ethernet address of
 * its own, on one interface. Writes as JSON what each of them took.
 *
 *     node bench/boot/crowd.ts INTERFACE COUNT FIRST
 *
 * `FIRST` is the number of the first machine: other numbers are other machines.
 */

import { boot } from '../../src/boot/boot.ts';
import { BootTrace } from '../../src/boot/trace.ts';
import { type MacAddress, macFromBytes, macToBytes } from '../../src/bytes/index.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeHttpClient } from '../../src/os/http-client.ts';
import type { MachineNetwork } from '../../src/os/machine-network.ts';
import type { Network, UdpHandler, UdpSocket } from '../../src/os/network.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';

/** Milliseconds. */
export interface MachineTimes {
  readonly dhcp: number;
  readonly disk: number;
  readonly whole: number;
}

export interface CrowdReport {
  readonly machines: readonly MachineTimes[];
  /** From the first machine's start to the last one's first sector. */
  readonly elapsed: number;
  readonly failures: readonly string[];
}

/** What a machine may take for all; nothing here is to fail because it has to wait its turn. */
const PATIENCE = 120_000;
/** Where a DHCP message has its client's Ethernet address (RFC 2131 §2). */
const CHADDR = 28;

/** The machines' port 68: one socket, and each message goes to the machine that it names. */
class SharedPort {
  readonly #socket: UdpSocket;
  readonly #machines = new Map<string, UdpHandler>();

  constructor(socket: UdpSocket) {
    this.#socket = socket;
    socket.start({
      message: (data, from) => this.#machines.get(keyOf(data.subarray(CHADDR, CHADDR + 6)))?.message(data, from),
      error: (error) => {
        throw error;
      },
    });
  }

  open(mac: MacAddress): UdpSocket {
    const key = keyOf(macToBytes(mac));
    const close = async () => void this.#machines.delete(key);
    return {
      local: this.#socket.local,
      start: (handler) => void this.#machines.set(key, handler),
      send: (data, to) => this.#socket.send(data, to),
      close,
      [Symbol.asyncDispose]: close,
    };
  }
}

function keyOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

/** Its one interface has no address; what it connects to, it reaches by the address that the process has. */
function networkOf(mac: MacAddress, name: string, port: SharedPort): Network {
  return {
    ...nodeNetwork,
    interfaces: () => [{ name, mac, up: true, ipv4: [], ipv6: [] }],
    openUdp: async () => port.open(mac),
  };
}

const nothing: AsyncDisposable = { [Symbol.asyncDispose]: async () => {} };
const untouched: MachineNetwork = {
  bringUp: async () => nothing,
  addAddress: async () => nothing,
  addHostRoute: async () => nothing,
  setMtu: async () => nothing,
  ipv6SourceTowards: async () => undefined,
  sendIcmpv6: () => false,
};

async function bootMachine(number: number, name: string, port: SharedPort): Promise<MachineTimes> {
  const mac = macFromBytes(Uint8Array.of(0x52, 0x54, number >>> 24, number >>> 16, number >>> 8, number));
  const trace = new BootTrace(systemClock, () => {});
  const environment = {
    network: networkOf(mac, name, port),
    machine: untouched,
    http: nodeHttpClient,
    clock: systemClock,
    random: Math.random,
    services: [],
    softwareTimeout: PATIENCE,
    dhcpTimeout: PATIENCE,
    discoveryTimeout: PATIENCE,
    targetTimeout: PATIENCE,
    timeouts: { connect: PATIENCE, login: PATIENCE, command: PATIENCE, exchange: PATIENCE },
    signal: AbortSignal.timeout(2 * PATIENCE),
  };
  return await boot({ dhcp: 'v4', discovery: 'off' }, environment, trace, async ({ disk }) => {
    await disk.device.read(0, disk.device.blockSize);
    const took = (wanted: string) => trace.stages.find(({ stage }) => stage === wanted)?.duration ?? Number.NaN;
    return { dhcp: took('dhcp'), disk: took('boot'), whole: trace.elapsed };
  });
}

async function main(): Promise<void> {
  const [name = '', count = '1', first = '0'] = process.argv.slice(2);
  await using socket = await nodeNetwork.openUdp({ port: 68, interface: name, broadcast: true });
  const port = new SharedPort(socket);
  const started = performance.now();
  let elapsed = 0;
  const results = await Promise.allSettled(
    Array.from({ length: Number(count) }, async (_, index) => {
      const times = await bootMachine(Number(first) + index, name, port);
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
