/**
 * SLP's user agent before agents that lie, by datagram and by connection. Whatever they say, a search ends in its time, fails with a
 * code if it fails, gives nothing that cannot be logged in to, and leaves no timer, socket or connection.
 */

import { findBySlp, type SlpTargetSearch } from '../../src/boot/slp-discovery.ts';
import { findIsnsServers } from '../../src/boot/slp-management.ts';
import { DisklessError } from '../../src/bytes/index.ts';
import type { Network, TcpConnection, UdpHandler, UdpSocket } from '../../src/os/network.ts';
import {
  decodeMessage,
  encodeMessage,
  MessageStream,
  type SlpBody,
  type SlpMessage,
  slpHeader,
} from '../../src/slp/index.ts';
import type { Random } from '../support/random.ts';
import { SimulatedClock, settled } from '../support/simulated-clock.ts';
import { byteByByte, SimulatedTcp } from '../support/simulated-tcp.ts';
import { anyU32, damaged, randomBytes } from './random/bytes.ts';

const machine = { address: '192.0.2.77', port: 49_152 };
const agents = ['192.0.2.1', '192.0.2.2', '192.0.2.3'] as const;
const targetName = 'iqn.2001-04.com.example:disk';
const initiatorName = 'iqn.2001-04.com.example:host';
const urls = [
  `service:iscsi:target://192.0.2.1:3260/${targetName}`,
  `service:iscsi:target://[2001:db8::1]/${targetName}/x`,
  `SERVICE:iscsi:TARGET://boot.example.com:3261/${targetName.toUpperCase()}`,
  'service:iscsi:target://192.0.2.1:0/iqn.2001-04.com.example:disk',
  'service:iscsi:target://192.0.2.1/iqn.2001-04.com.example:\\ff',
  'service:iscsi:sms://192.0.2.9:3205',
  'service:iscsi:sms://[2001:db8::9]:65536',
  'service:directory-agent://192.0.2.3',
  'service:directory-agent://nowhere',
  '',
] as const;
const scopeLists = [['DEFAULT'], ['default', 'Other'], [], ['\\2c']] as const;
const attributeLists = [
  '(portal-group=1)',
  '(portal-group=99999999999)',
  '(server-priority=0)',
  'portal-group',
  '',
] as const;

/** An answer of a kind that could be right, to any request. */
function randomAnswer(random: Random, asked: SlpBody): SlpBody {
  const errorCode = random.oneIn(8) ? random.below(20) : 0;
  const scopes = random.pick<readonly string[]>(scopeLists);
  const attributes = random.pick(attributeLists);
  const blocks = { authenticationBlocks: [] };
  const kind = random.oneIn(8) ? random.below(5) : asked.kind === 'AttrRqst' ? 1 : kindFor(asked);
  const url = random.pick(urls);
  switch (kind) {
    case 0: {
      const length = random.oneIn(30) ? 1500 : random.below(20);
      const told = Array.from({ length }, () => ({ lifetime: 60, url: random.pick(urls), ...blocks }));
      return { kind: 'SrvRply', errorCode, urls: told };
    }
    case 1:
      return { kind: 'AttrRply', errorCode, attributes, ...blocks };
    case 2:
      return {
        kind: 'DAAdvert',
        errorCode,
        bootTimestamp: random.below(3),
        url,
        scopes,
        attributes,
        spis: [],
        ...blocks,
      };
    case 3:
      return { kind: 'SAAdvert', url, scopes, attributes, ...blocks };
    default:
      return { kind: 'SrvAck', errorCode };
  }
}

function kindFor(asked: SlpBody): number {
  if (asked.kind !== 'SrvRqst') return 4;
  return asked.serviceType === 'service:directory-agent' ? 2 : asked.serviceType === 'service:service-agent' ? 3 : 0;
}

/** What one agent says to some bytes that it is sent; half of it as it should be. */
function randomReply(random: Random, request: Uint8Array): Uint8Array {
  if (random.oneIn(20)) return randomBytes(random, random.below(200));
  const { header, body } = decodeMessage(request);
  const message: SlpMessage = {
    header: slpHeader({
      xid: random.oneIn(10) ? anyU32(random) & 0xffff : header.xid,
      languageTag: 'en',
      overflow: random.oneIn(4),
    }),
    body: randomAnswer(random, body),
  };
  const bytes = encodeMessage(message);
  return random.oneIn(3) ? new Uint8Array(damaged(random, bytes)) : bytes;
}

/** One machine's network on which everybody answers late, often, wrongly or not at all. */
class LyingNetwork implements Network {
  readonly clock = new SimulatedClock();
  readonly connections: SimulatedTcp[] = [];
  openSockets = 0;
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  async openUdp(): Promise<UdpSocket> {
    this.openSockets += 1;
    let handler: UdpHandler | undefined;
    const close = async () => {
      this.openSockets -= 1;
      handler = undefined;
    };
    return {
      local: machine,
      start: (given) => {
        handler = given;
      },
      send: (request) => {
        for (let left = this.#random.below(3); left > 0; left--) {
          const from = { address: this.#random.pick(agents), port: 427 };
          const reply = randomReply(this.#random, request);
          this.clock.after(this.#delay(), () => handler?.message(reply, from));
        }
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  }

  #delay(): number {
    return this.#random.pick([0, 1, 900, 2000, 14_999]);
  }

  async connectTcp(
    to: { address: string; port: number },
    { timeout, signal }: { timeout: number; signal?: AbortSignal },
  ) {
    const random = this.#random;
    if (random.oneIn(5)) throw new DisklessError('NETWORK_REFUSED', `${to.address} refuses`);
    const delay = this.#delay();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = () => reject(new DisklessError('NETWORK_TIMEOUT', `${to.address} does not answer`));
    const timer = this.clock.after(Math.min(delay, timeout), delay > timeout ? late : resolve);
    const abort = () => reject(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await promise;
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', abort);
    }
    const [client, server] = SimulatedTcp.pair(machine, to, random.oneIn(4) ? { cut: byteByByte } : {});
    this.connections.push(client);
    this.#serve(server);
    return client;
  }

  #serve(connection: TcpConnection): void {
    const random = this.#random;
    const requests = new MessageStream(4096);
    const say = (request: Uint8Array) => {
      if (random.oneIn(10)) return connection.destroy();
      connection.write(randomReply(random, request));
      if (random.oneIn(4)) connection.write(randomBytes(random, random.below(100)));
      if (random.oneIn(3)) connection.end();
    };
    connection.start({
      data: (chunk) => {
        requests.push(chunk);
        const request = requests.next();
        if (request !== undefined && !random.oneIn(6)) this.clock.after(this.#delay(), () => say(request));
      },
      drain() {},
      closed() {},
    });
  }

  async listenTcp(): Promise<never> {
    throw new DisklessError('NETWORK_PORT_FORBIDDEN', 'nobody listens here');
  }

  interfaces(): readonly [] {
    return [];
  }

  async resolve(host: string): Promise<string[]> {
    return [host];
  }
}

const TIMEOUT = 40_000;

function randomSearch(random: Random, network: LyingNetwork, signal: AbortSignal): SlpTargetSearch {
  const scopes = random.pick([undefined, [], ['DEFAULT'], ['Other']]);
  return {
    ...{ network, clock: network.clock, random: () => random.below(1000) / 1000, address: machine.address, signal },
    ...(scopes === undefined ? {} : { scopes }),
    ...(random.oneIn(2) ? {} : { targetName }),
    agents: random.oneIn(3) ? [random.pick(agents), random.pick(agents)] : [],
    agentsOnly: random.oneIn(4),
    timeout: random.pick([100, 5000, TIMEOUT]),
    initiatorName,
  };
}

/** Raises what the work fails with, and when it takes longer than its time. */
async function inItsTime<T>({ clock }: LyingNetwork, timeout: number, work: Promise<T>): Promise<T> {
  let isOver = false;
  const end = work.finally(() => {
    isOver = true;
  });
  end.catch(() => {});
  const limit = clock.monotonic() + timeout;
  for (await settled(); !isOver; await settled()) {
    if (clock.monotonic() >= limit) throw new Error(`a search goes on after its ${timeout} ms`);
    await clock.pass(Math.min(1000, limit - clock.monotonic()));
  }
  return end;
}

/** What is left once answers that were under way have come to nobody. */
async function checkNothingIsLeft(network: LyingNetwork): Promise<void> {
  await network.clock.pass(20_000);
  const { openSockets, clock } = network;
  if (openSockets > 0 || clock.pending > 0)
    throw new Error(`${openSockets} sockets and ${clock.pending} timers are left`);
  if (network.connections.some((each) => each.write(Uint8Array.of(0)))) throw new Error('a connection is left');
}

export const slpSearchTrials: Readonly<Record<string, (random: Random) => Promise<void>>> = {
  'SLP searches': async (random) => {
    const network = new LyingNetwork(random);
    const control = new AbortController();
    const search = randomSearch(random, network, control.signal);
    const enough = () => control.abort(new DisklessError('ABORTED', 'enough'));
    const interruption = random.oneIn(10) ? network.clock.after(random.below(search.timeout), enough) : undefined;
    try {
      if (random.oneIn(4)) await inItsTime(network, search.timeout, findIsnsServers(search));
      else checkTargets(await inItsTime(network, search.timeout, findBySlp(search)), search.targetName);
    } finally {
      interruption?.cancel();
      await checkNothingIsLeft(network);
    }
  },
};

function checkTargets(found: Awaited<ReturnType<typeof findBySlp>>, wanted: string | undefined): void {
  for (const { host, port, targetName: name, portalGroupTag = 0 } of found) {
    const isSound = host !== '' && port >= 1 && port <= 65_535 && portalGroupTag >= 0 && portalGroupTag <= 65_535;
    if (!isSound || (wanted !== undefined && wanted !== name))
      throw new Error(`a target ${name} at ${host} port ${port}`);
  }
}
