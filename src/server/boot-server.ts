/**
 * The boot server: every service, wired together. It starts as a whole or not at all: whatever was opened is on one stack, which is
 * unwound when a later step fails, and when the server is closed.
 */

import { join } from 'node:path';
import type { DisklessError } from '../bytes/index.ts';
import { uriHost } from '../bytes/index.ts';
import { SqliteFleetStore } from '../fleet/sqlite/store.ts';
import { neighbourOf } from '../os/neighbours.ts';
import { LocalPool } from '../pool/local.ts';
import type { ImageProgress } from '../pool/pool.ts';
import { BootTrace } from './boot-trace.ts';
import { claimDataDirectory } from './data-directory.ts';
import type { EventListener, ServedInterface, ServedIpv6, ServerEventBody } from './events.ts';
import { type InterfacePlan, planInterfaces } from './interface-plan.ts';
import { subnetText } from './ipv4-plan.ts';
import { type Ipv6Plan, textOf } from './ipv6-plan.ts';
import { findLoaders } from './loaders.ts';
import { Machines } from './machines.ts';
import type { BootServerOptions } from './options.ts';
import { type Parts, type Platform, placesOf, troubleOf } from './parts.ts';
import { servedNetworks } from './served-networks.ts';
import { chooseMode, type InterfaceMode, startDhcp } from './wiring/dhcp.ts';
import { startDhcp6 } from './wiring/dhcp6.ts';
import { startHttp } from './wiring/http.ts';
import { startIsns } from './wiring/isns.ts';
import { startIsnsRegistration } from './wiring/isns-registration.ts';
import { startSlp } from './wiring/slp.ts';
import { startTarget } from './wiring/target.ts';
import { startTftp } from './wiring/tftp.ts';

export class BootServer implements AsyncDisposable {
  readonly #opened: AsyncDisposableStack;
  readonly #emit: (event: ServerEventBody) => void;

  private constructor(opened: AsyncDisposableStack, emit: (event: ServerEventBody) => void) {
    this.#opened = opened;
    this.#emit = emit;
  }

  /** Returns once machines can boot. `signal` ends a start that is under way. Raises what the parts raise: see docs/errors.md. */
  static async start(
    options: BootServerOptions,
    platform: Platform,
    listener: EventListener,
    signal: AbortSignal,
  ): Promise<BootServer> {
    const emit = (event: ServerEventBody) => listener({ time: platform.clock.now(), ...event });
    const plans = planInterfaces(platform.network.interfaces(), options);
    const loaders = await findLoaders(platform.files, options.loaders);
    await using opened = new AsyncDisposableStack();
    const parts = await openState(opened, { options, platform, emit, loaders }, signal);
    // Disks first: machines that lost them by a restart of this server are waiting.
    opened.use(await startTarget(parts, plans));
    opened.use(await startTftp(parts, plans));
    opened.use(await startHttp(parts, plans));
    opened.use(await startIsns(parts, plans));
    opened.use(startIsnsRegistration(parts, plans));
    opened.use(await startSlp(parts, plans));
    const modes = await Promise.all(plans.map((plan) => chooseMode(parts, plan, signal)));
    await rememberNetworks(parts, zip(plans, modes));
    for (const [plan, mode] of zip(plans, modes)) opened.use(await startDhcp(parts, plan, mode));
    for (const plan of plans) opened.use(await startDhcp6(parts, plan));
    signal.throwIfAborted();
    emit(readyEvent(parts, zip(plans, modes)));
    return new BootServer(opened.move(), emit);
  }

  /** Finishes what was acknowledged, ends sessions, flushes disks. */
  async close(): Promise<void> {
    await this.#opened.disposeAsync();
    this.#emit({ event: 'stopped' });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** What is kept: the directory, its database, the image and the disks. */
async function openState(
  opened: AsyncDisposableStack,
  given: Pick<Parts, 'options' | 'platform' | 'emit' | 'loaders'>,
  signal: AbortSignal,
): Promise<Parts> {
  const { options, platform, emit } = given;
  const { files, clock, run } = platform;
  const directory = options.dataDirectory;
  opened.use(await claimDataDirectory(files, directory));
  const store = opened.use(
    new SqliteFleetStore(join(directory, 'state.db'), (error) => emit(lostHistory(error)), files),
  );
  const pool = opened.use(new LocalPool({ directory, fileSystem: files, run, cacheBudget: options.cacheSize }));
  const image = await pool.openImage(options.image, {
    signal,
    progress: eachPercent(({ step, fraction }) => emit({ event: 'image-progress', step, fraction })),
  });
  const machines = new Machines(store, options.targetPrefix, clock, neighbourOf);
  const trace = new BootTrace(clock, store.boots, emit);
  return { ...given, store, pool, image, machines, trace };
}

/** For the commands beside this server. One that cannot write goes on: it serves those that it knows. */
async function rememberNetworks(
  { store, options, emit }: Parts,
  served: readonly (readonly [InterfacePlan, InterfaceMode])[],
): Promise<void> {
  const plans = served.map(([plan]) => plan);
  const full = served.flatMap(([plan, { mode }]) => (mode === 'full' ? [plan] : []));
  try {
    await store.servedNetworks.replace(servedNetworks(options, plans, full));
  } catch (error) {
    emit(troubleOf('FLEET_NOT_WRITTEN', error));
  }
}

/** Nothing of the machines' work is lost with it, so that the server goes on. */
function lostHistory({ code, message }: DisklessError): ServerEventBody {
  return { event: 'trouble', code, text: `the steps of boots are not kept: ${message}` };
}

/** The pool tells of every piece; a hundred events are enough for anybody. */
function eachPercent(report: (progress: ImageProgress) => void): (progress: ImageProgress) => void {
  let last = '';
  return ({ step, fraction }) => {
    const percent = Math.floor(fraction * 100);
    if (last === `${step} ${percent}`) return;
    last = `${step} ${percent}`;
    report({ step, fraction: percent / 100 });
  };
}

function readyEvent(
  { options, image, loaders }: Parts,
  served: readonly (readonly [InterfacePlan, InterfaceMode])[],
): ServerEventBody {
  return {
    event: 'ready',
    image: image.path,
    imageSize: image.size,
    data: options.dataDirectory,
    loaders: loaders.names,
    interfaces: served.map(([plan, { mode }]) => describeInterface(options, plan, mode)),
  };
}

function describeInterface(
  options: BootServerOptions,
  plan: InterfacePlan,
  dhcp: InterfaceMode['mode'],
): ServedInterface {
  const { name, ipv4, ipv6 } = plan;
  const [place] = placesOf(options, plan);
  if (place === undefined) throw new Error(`the plan of ${name} has no address`);
  const host = uriHost(place.address);
  const pool = dhcp === 'full' ? ipv4?.pool : undefined;
  return {
    name,
    ...(ipv4 === undefined ? {} : { address: ipv4.address, subnet: subnetText(ipv4.subnet) }),
    dhcp,
    ...(pool === undefined ? {} : { pool: `${pool.first}-${pool.last}` }),
    tftp: `tftp://${host}:${options.tftpPort}/`,
    http: `http://${place.http}/`,
    iscsi: `${host}:${options.iscsiPort}`,
    ...(ipv6 === undefined ? {} : { ipv6: describeIpv6(ipv6) }),
  };
}

function describeIpv6({ address, prefix, pool }: Ipv6Plan): ServedIpv6 {
  return { address, prefix: textOf(prefix), pool: `${pool.first}-${pool.last}` };
}

function zip<A, B>(left: readonly A[], right: readonly B[]): (readonly [A, B])[] {
  return left.flatMap((one, index) => {
    const other = right[index];
    return other === undefined ? [] : [[one, other] as const];
  });
}
