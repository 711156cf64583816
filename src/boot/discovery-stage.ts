/** The discovery service stage (RFC 4173 §6): the services of the plan are asked one after the other until one finds a target. */

import { DisklessError } from '../bytes/index.ts';
import { formatPortal } from '../initiator/target-address.ts';
import type { BootParameters } from './boot-parameters.ts';
import { type Candidate, candidatesOf } from './candidate.ts';
import type { DiscoveryContext, DiscoveryService, FoundTarget, WantedTarget } from './discovery-service.ts';
import { within } from './time-limit.ts';

/** How a service is called in what people read. */
export const serviceTitles = { slp: 'SLP', isns: 'iSNS', sendtargets: 'SendTargets' } as const;

/** Found targets that the trace names one by one. */
const MOST_NAMED = 16;

/**
 * Not empty. The time of `context` is shared by the services that have not been asked yet. When there is one service, its own error
 * is raised; with several, BOOT_TARGET_NOT_FOUND names the failure of each. Raises BOOT_DISCOVERY_TIMEOUT for a service that stalls.
 */
export async function runDiscoveryStage(
  services: readonly DiscoveryService[],
  wanted: WantedTarget,
  parameters: BootParameters,
  context: DiscoveryContext,
): Promise<Candidate[]> {
  const { clock, timeout, trace } = context;
  const end = clock.monotonic() + timeout;
  const failures: DisklessError[] = [];
  for (const [index, service] of services.entries()) {
    const share = (end - clock.monotonic()) / (services.length - index);
    try {
      const found = await ask(service, wanted, { ...context, timeout: share });
      tell(found, context);
      const candidates = candidatesOf(service.name, found, parameters);
      if (candidates.length > 0) return candidates;
      failures.push(nothingFound(service, wanted));
    } catch (error) {
      if (context.signal.aborted || !(error instanceof DisklessError)) throw error;
      failures.push(error);
    }
    const failure = failures.at(-1);
    if (failure !== undefined && services.length > 1) trace.step(`${failure.message} (${failure.code})`);
  }
  throw stageFailure(services, failures);
}

/** Services keep to their time by themselves; one that does not is left behind. */
function ask(
  service: DiscoveryService,
  wanted: WantedTarget,
  context: DiscoveryContext,
): Promise<readonly FoundTarget[]> {
  const title = serviceTitles[service.name];
  const late = () =>
    new DisklessError('BOOT_DISCOVERY_TIMEOUT', `${title} found nothing in ${(context.timeout / 1000).toFixed(0)} s`, {
      hint: 'The last lines above say what it waited for; --discovery chooses another service.',
    });
  return within(context.clock, context.timeout, context.signal, late, (signal) =>
    service.findTargets(wanted, { ...context, signal }),
  );
}

function tell(found: readonly FoundTarget[], { trace }: DiscoveryContext): void {
  for (const { targetName, bootable, ...address } of found.slice(0, MOST_NAMED)) {
    const note = bootable === undefined ? '' : bootable ? ', to boot from' : ', not to boot from';
    trace.step(`${targetName} at ${formatPortal(address)}${note}`);
  }
  if (found.length > MOST_NAMED) trace.step(`and ${found.length - MOST_NAMED} more`);
}

function nothingFound({ name }: DiscoveryService, { initiatorName, targetName }: WantedTarget): DisklessError {
  const what =
    targetName === undefined ? `knows no target for the initiator ${initiatorName}` : `does not know ${targetName}`;
  return new DisklessError('BOOT_TARGET_NOT_FOUND', `${serviceTitles[name]} ${what}`, {
    hint: 'Allow the initiator name to use a target, or give another one with --initiator.',
  });
}

function stageFailure(services: readonly DiscoveryService[], failures: readonly DisklessError[]): DisklessError {
  const [only, another] = failures;
  if (only !== undefined && another === undefined) return only;
  const asked = services.map(({ name }) => serviceTitles[name]).join(' and ');
  const each = failures.map(({ message, code }) => `${message} (${code})`).join('; ');
  return new DisklessError('BOOT_TARGET_NOT_FOUND', `neither of ${asked} found a target: ${each}`, {
    hint: 'Let DHCP name server and target in the Root Path (option 17: iscsi:SERVER::::TARGET), or give --server-name and --target.',
    cause: new AggregateError(failures),
  });
}
