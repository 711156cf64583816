/** RFC 4173's client: from what the user says to a disk that can be read, through as few stages as possible. */

import { Initiator } from '../initiator/initiator.ts';
import type { ChapCredentials } from '../iscsi/chap.ts';
import type { Network } from '../os/network.ts';
import { describeParameters, withDefaults } from './boot-parameters.ts';
import type { BootRequest } from './boot-request.ts';
import { type BootedDisk, describeBootedDisk, runBootStage } from './boot-stage.ts';
import { type Candidate, secondCandidate } from './candidate.ts';
import type { ServiceLocations } from './discovery-service.ts';
import type { BootEnvironment } from './environment.ts';
import { defaultInitiatorName } from './initiator-name.ts';
import type { LeasedNetwork } from './leased-network.ts';
import { decideSoftware } from './plan.ts';
import { type Admit, admission, refuseInsecureRequest } from './secure-policy.ts';
import { throughDhcp } from './through-dhcp.ts';
import { throughDiscovery } from './through-discovery.ts';
import { throughSoftware } from './through-software.ts';
import type { BootTrace } from './trace.ts';

export interface BootResult {
  readonly parameters: ReturnType<typeof describeParameters>;
  readonly disk: BootedDisk;
  readonly initiatorName: string;
  /** What a second Root Path names, where the disk is not that one. */
  readonly second: Candidate | undefined;
  readonly admit: Admit;
  /** With the name servers that DHCP named, where the machine has none of its own. */
  readonly network: Network;
  readonly locations: ServiceLocations;
  /** What DHCP said of the network, where it was asked. */
  readonly lease: LeasedNetwork | undefined;
  /** Who this is, where proof of it was at hand. */
  readonly chap: ChapCredentials | undefined;
  /** Aborted when the boot is to end, or its address or its disk is lost: with the reason. */
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
  const { clock, timeouts, security, targetTimeout: timeout } = environment;
  await using cleanup = new AsyncDisposableStack();
  const software = trace.decide('software', () => {
    refuseInsecureRequest(request, security?.chap);
    return decideSoftware(request);
  });
  if (!software.necessary) trace.skip('software', software.reason);
  const learned = await throughDhcp(request, environment, trace, cleanup);
  const { lost: leaseLost, reach, network } = learned;
  const signal = anyOf(environment.signal, leaseLost);
  const lasting = { ...environment, network, signal };
  await throughSoftware(request, learned, lasting, trace);

  const parameters = withDefaults(learned.parameters, defaultInitiatorName(learned.interface, network.interfaces()));
  const initiatorName = parameters.initiatorName.value;
  const proof = security?.chap ?? learned.chap;
  const initiator = new Initiator({
    network,
    clock,
    initiatorName,
    ...security,
    ...(proof === undefined ? {} : { chap: proof }),
    ...(timeouts === undefined ? {} : { timeouts }),
  });
  const found = await throughDiscovery(request, parameters, learned, initiator, lasting, trace);
  const second = secondCandidate(request, parameters, learned.secondRootPath);
  const candidates = second === undefined ? found : [...found, second];
  const lun = parameters.lun.value;
  const admit = admission(request);
  const options = { initiator, clock, candidates, lun, admit, reach, timeout, signal };
  const disk = await trace.run(
    'boot',
    `as ${initiatorName}`,
    (stage) => runBootStage(options, stage),
    describeBootedDisk,
  );
  cleanup.defer(() => disk.session.close());
  const targetName = parameters.targetName ?? { value: disk.targetName, source: 'discovery' };
  const described = describeParameters({ ...parameters, targetName });
  const result = {
    parameters: described,
    disk,
    initiatorName,
    second: disk.candidate === second ? undefined : second,
    admit,
    network,
    locations: learned.locations,
    lease: learned.lease,
    chap: proof,
    signal: anyOf(signal, disk.session.lost),
  };
  // Awaited here, so that the session is closed after it and not before.
  return await untilLost(anyOf(disk.session.lost, leaseLost), disk, use(result));
}

function anyOf(signal: AbortSignal, other: AbortSignal | undefined): AbortSignal {
  return other === undefined ? signal : AbortSignal.any([signal, other]);
}

/** RFC 2131 §4.4.5: with its address or its disk gone, the session is over at once, and so is what it was used for. */
async function untilLost<T>(lost: AbortSignal, disk: BootedDisk, work: Promise<T>): Promise<T> {
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
