/** RFC 4173's client: from what the user says to a disk that can be read, through as few stages as possible. */

import type { Ipv4Address } from '../bytes/index.ts';
import type { AuthenticationKeyEntry } from '../dhcp/authentication-file.ts';
import { Initiator, type InitiatorOptions } from '../initiator/initiator.ts';
import type { Timeouts } from '../initiator/timeouts.ts';
import { type ServerName, serverHost } from '../iscsi/server-name.ts';
import type { Clock } from '../os/clock.ts';
import type { MachineNetwork } from '../os/machine-network.ts';
import type { Network, NetworkInterface } from '../os/network.ts';
import {
  type BootParameters,
  type CompleteParameters,
  complete,
  describeParameters,
  parametersOfDhcp,
  parametersOfUser,
  withDefaults,
} from './boot-parameters.ts';
import type { BootRequest } from './boot-request.ts';
import { type BootedDisk, describeBootedDisk, runBootStage } from './boot-stage.ts';
import { type DhcpResult, describeDhcpResult, howToAsk, runDhcpStage } from './dhcp-stage.ts';
import { type Candidate, describeCandidates, runDiscoveryStage } from './discovery-stage.ts';
import { defaultInitiatorName } from './initiator-name.ts';
import { bringUp, chooseInterface, configureAddress, hasAddress } from './interface-setup.ts';
import { decideDhcp, decideDiscovery, decideSoftware, type StageName } from './plan.ts';
import type { BootTrace, StageTrace } from './trace.ts';

export interface BootEnvironment {
  readonly network: Network;
  readonly machine: MachineNetwork;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  /** Milliseconds that the DHCP stage may take. */
  readonly dhcpTimeout: number;
  /** Only DHCP servers that prove one of them are believed (RFC 3118). */
  readonly dhcpKeys?: readonly AuthenticationKeyEntry[];
  readonly timeouts?: Partial<Timeouts>;
  /** Proof of who this is, and digests to insist on. */
  readonly security?: Pick<InitiatorOptions, 'chap' | 'wishes'>;
  /** Ends the boot wherever it is. */
  readonly signal: AbortSignal;
}

export interface BootResult {
  readonly parameters: ReturnType<typeof describeParameters>;
  readonly disk: BootedDisk;
  /** Aborted when the boot is to end, or its address is lost: with the reason. */
  readonly signal: AbortSignal;
}

/**
 * Boots as far as the disk and hands it to `use`; afterwards the session is closed and what was set on the machine is taken back.
 * Raises the errors of the stages, when the trace has them.
 */
export async function boot<T>(
  request: BootRequest,
  environment: BootEnvironment,
  trace: BootTrace,
  use: (result: BootResult) => Promise<T>,
): Promise<T> {
  const { network, clock, timeouts, security } = environment;
  await using cleanup = new AsyncDisposableStack();
  trace.skip('software', decideSoftware().reason);
  const learned = await throughDhcp(request, environment, trace, cleanup);
  const signal = learned.lost === undefined ? environment.signal : AbortSignal.any([environment.signal, learned.lost]);
  const parameters = withDefaults(learned.parameters, defaultInitiatorName(learned.interface, network.interfaces()));

  const initiatorName = parameters.initiatorName.value;
  const given = { ...security, ...(timeouts === undefined ? {} : { timeouts }) };
  const initiator = new Initiator({ network, clock, initiatorName, ...given });
  const candidates = await throughDiscovery(request, parameters, initiator, signal, trace);
  const lun = parameters.lun.value;
  const disk = await trace.run(
    'boot',
    `as ${initiatorName}`,
    (stage) => heeding(signal, runBootStage({ initiator, clock, candidates, lun, signal }, stage)),
    describeBootedDisk,
  );
  cleanup.defer(() => disk.session.close());
  const targetName = parameters.targetName ?? { value: disk.targetName, source: 'discovery' };
  const result = { parameters: describeParameters({ ...parameters, targetName }), disk, signal };
  // Awaited here, so that the session is closed after it and not before.
  return await untilLost(learned.lost, disk, use(result));
}

export interface PlannedStage {
  readonly stage: StageName;
  readonly necessary: boolean;
  readonly reason: string;
}

/** The stages that a boot would go through as far as is known now, without sending anything. Raises what `boot` would. */
export function planBoot(request: BootRequest, network: Network): PlannedStage[] {
  const parameters = parametersOfUser(request);
  const dhcp = decideDhcp(request, parameters, { hasAddress: hasAddress(request.interface, network) });
  const before: PlannedStage[] = [
    { stage: 'software', ...decideSoftware() },
    { stage: 'dhcp', ...dhcp },
  ];
  if (dhcp.necessary) {
    const { name, mac } = chooseInterface(request.interface, network);
    const discovery = 'if DHCP names a server but no target';
    return [
      ...before.slice(0, 1),
      { stage: 'dhcp', necessary: true, reason: `${dhcp.reason}: asks on ${name} (${mac})` },
      { stage: 'discovery', necessary: parameters.targetName === undefined, reason: discovery },
      { stage: 'boot', necessary: true, reason: 'login at what DHCP names' },
    ];
  }
  const { necessary, reason } = decideDiscovery(request, parameters);
  return [...before, { stage: 'discovery', necessary, reason }, { stage: 'boot', necessary: true, reason: 'login' }];
}

interface Learned {
  readonly parameters: BootParameters;
  /** Aborted when the address that DHCP gave must not be used any more. */
  readonly lost?: AbortSignal;
  readonly interface: NetworkInterface | undefined;
}

async function throughDhcp(
  request: BootRequest,
  environment: BootEnvironment,
  trace: BootTrace,
  cleanup: AsyncDisposableStack,
): Promise<Learned> {
  const { network } = environment;
  const parameters = parametersOfUser(request);
  const situation = { hasAddress: hasAddress(request.interface, network) };
  const { necessary, reason } = decideDhcp(request, parameters, situation);
  if (!necessary) {
    trace.skip('dhcp', reason);
    return {
      parameters,
      interface: request.interface === undefined ? undefined : chooseInterface(request.interface, network),
    };
  }
  const chosen = chooseInterface(request.interface, network);
  const result = await trace.run(
    'dhcp',
    `${reason}: asking on ${chosen.name} (${chosen.mac})`,
    (stage) =>
      heeding(environment.signal, askDhcp(chosen, request, parameters.server?.value, environment, cleanup, stage)),
    describeDhcpResult,
  );
  return { parameters: complete(parameters, parametersOfDhcp(result)), interface: chosen, lost: result.held.lost };
}

async function askDhcp(
  chosen: NetworkInterface,
  request: BootRequest,
  serverOfUser: ServerName | undefined,
  environment: BootEnvironment,
  cleanup: AsyncDisposableStack,
  trace: StageTrace,
): Promise<DhcpResult> {
  const { network, machine, clock, random, dhcpTimeout, signal } = environment;
  await bringUp(chosen, machine, cleanup, trace);
  const options = { network, clock, random, interface: chosen, timeout: dhcpTimeout, signal };
  const result = await runDhcpStage({ ...options, ...howToAsk(request, chosen, environment.dhcpKeys) }, trace);
  // An address of its own is not the lease's to lose.
  if (chosen.ipv4.length > 0) await result.held[Symbol.asyncDispose]();
  else cleanup.use(result.held);
  const server = serverOfUser ?? result.rootPath?.server;
  await configureAddress(chosen, result, literalAddress(server), machine, cleanup, trace);
  return result;
}

function literalAddress(server: ServerName | undefined): Ipv4Address | undefined {
  return server?.kind === 'ipv4' ? server.address : undefined;
}

async function throughDiscovery(
  request: BootRequest,
  parameters: CompleteParameters,
  initiator: Initiator,
  signal: AbortSignal,
  trace: BootTrace,
): Promise<readonly Candidate[]> {
  const decision = trace.decide('discovery', () => decideDiscovery(request, parameters));
  const portal = { host: serverHost(decision.server), port: parameters.port.value };
  if (!decision.necessary) {
    trace.skip('discovery', decision.reason);
    return [{ portal, targetName: decision.targetName }];
  }
  return trace.run(
    'discovery',
    decision.reason,
    (stage) => heeding(signal, runDiscoveryStage(initiator, portal, signal, stage)),
    describeCandidates,
  );
}

/** RFC 2131 §4.4.5: with its address gone, the session is over at once, and so is what it was used for. */
async function untilLost<T>(lost: AbortSignal | undefined, disk: BootedDisk, work: Promise<T>): Promise<T> {
  if (lost === undefined) return work;
  const end = Promise.withResolvers<never>();
  const lose = () => {
    disk.session.destroy(lost.reason);
    end.reject(lost.reason);
  };
  if (lost.aborted) lose();
  lost.addEventListener('abort', lose, { once: true });
  try {
    return await Promise.race([work, end.promise]);
  } finally {
    lost.removeEventListener('abort', lose);
  }
}

/** What is given up because `signal` says so fails with the signal's own reason. */
async function heeding<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
}
