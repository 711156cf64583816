/** The iSCSI target on every served interface. */

import { parseIpNetwork } from '../../bytes/index.ts';
import { Portal } from '../../target/portal.ts';
import { PortalGroup } from '../../target/portal-group.ts';
import { type InterfacePlan, servedAddresses } from '../interface-plan.ts';
import { MachineTargets } from '../machine-targets.ts';
import { type Parts, troubleOf } from '../parts.ts';
import { TargetObserver } from '../target-observer.ts';

/** Starts the portals; disposing of the result ends them, then closes the disks. */
export async function startTarget(parts: Parts, plans: readonly InterfacePlan[]): Promise<AsyncDisposable> {
  const { machines, trace, emit, pool, image, platform, options } = parts;
  await using opened = new AsyncDisposableStack();
  const directory = opened.use(
    new MachineTargets(machines, pool, image, platform.clock, (error, mac) => {
      emit({ ...troubleOf('DISK_FAILED', error), ...(mac === undefined ? {} : { mac }) });
    }),
  );
  const observer = new TargetObserver(machines, trace, emit);
  const group = new PortalGroup({ clock: platform.clock });
  for (const { address, network } of plans.flatMap(servedAddresses)) {
    const portal = await Portal.open({
      ...platform,
      directory,
      group,
      // Interfaces are often networks of their own, and nothing leads from one to another.
      reachableFrom: [parseIpNetwork(network)],
      endpoint: { address, port: options.iscsiPort },
      onEvent: (event) => {
        observer.observe(event);
        directory.observe(event);
      },
    });
    opened.use(portal);
  }
  return opened.move();
}
