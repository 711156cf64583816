/** RFC 4173's client: from what the user says to a disk that can be read, through as few stages as possible. */

import { Initiator } from '../initiator/initiator.ts';
import { describeParameters, withDefaults } from './boot-parameters.ts';
import type { BootRequest } from './boot-request.ts';
import { type BootedDisk, describeBootedDisk, runBootStage } from './boot-stage.ts';
import type { BootEnvironment } from './environment.ts';
import { defaultInitiatorName } from './initiator-name.ts';
import { decideSoftware } from './plan.ts';
import { admission, refuseInsecureRequest } from './secure-policy.ts';
import { throughDhcp } from './through-dhcp.ts';
import { throughDiscovery } from './through-discovery.ts';
import { throughSoftware } from './through-software.ts';
import type { BootTrace } from './trace.ts';

export interface BootResult {
  readonly parameters: ReturnType<typeof describeParameters>;
  readonly disk: BootedDisk;
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
  const { network, clock, signal, timeouts, security, targetTimeout: timeout } = environment;
  await using cleanup = new AsyncDisposableStack();
  const software = trace.decide('software', () => {
    refuseInsecureRequest(request, security?.chap);
    return decideSoftware(request);
  });
  if (!software.necessary) trace.skip('software', software.reason);
  const learned = await throughDhcp(request, environment, trace, cleanup);
  await throughSoftware(request, learned, environment, trace);

  const parameters = withDefaults(learned.parameters, defaultInitiatorName(learned.interface, network.interfaces()));
  const initiatorName = parameters.initiatorName.value;
  const given = { ...security, ...(timeouts === undefined ? {} : { timeouts }) };
  const initiator = new Initiator({ network, clock, initiatorName, ...given });
  const candidates = await throughDiscovery(request, parameters, learned, initiator, environment, trace);
  const lun = parameters.lun.value;
  const { reach } = learned;
  const options = { initiator, clock, candidates, lun, admit: admission(request), reach, timeout, signal };
  const disk = await trace.run(
    'boot',
    `as ${initiatorName}`,
    (stage) => runBootStage(options, stage),
    describeBootedDisk,
  );
  cleanup.defer(() => disk.session.close());
  const targetName = parameters.targetName ?? { value: disk.targetName, source: 'discovery' };
  // Awaited here, so that the session is closed after it and not before.
  return await use({ parameters: describeParameters({ ...parameters, targetName }), disk });
}
