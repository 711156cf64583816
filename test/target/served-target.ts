/** One target with one memory disk behind a portal on a simulated network: what most tests of this room start from. */

import type { Device } from '../../src/block/device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import type { ChapDemand } from '../../src/iscsi/chap.ts';
import type { AuthenticationLimits } from '../../src/target/authentication-failures.ts';
import { openDirectory, type TargetDirectory } from '../../src/target/directory.ts';
import type { TargetEvent } from '../../src/target/event.ts';
import { Portal, type PortalOptions } from '../../src/target/portal.ts';
import { PortalGroup } from '../../src/target/portal-group.ts';
import { Target } from '../../src/target/target.ts';
import type { UnitFeatures } from '../../src/target/unit-features.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { type LineOptions, SimulatedNetwork } from '../support/simulated-tcp.ts';
import { type LoginOptions, RawInitiator } from './raw-initiator.ts';

export const TARGET = 'iqn.2026-11.internal.test:target';
const endpoint = { address: '192.0.2.1', port: 3260 };

export interface ServedTarget extends AsyncDisposable {
  readonly portal: Portal;
  readonly target: Target;
  readonly clock: SimulatedClock;
  readonly events: readonly TargetEvent[];
  readonly network: SimulatedNetwork;
  connect(): Promise<RawInitiator>;
  /** One more portal of the same server; the caller closes it. */
  openPortal(options: Partial<PortalOptions> & Pick<PortalOptions, 'endpoint'>): Promise<Portal>;
  /** A connection that has logged in to the target, with these operational keys. */
  login(keys?: Readonly<Record<string, string>>, options?: Omit<LoginOptions, 'keys'>): Promise<RawInitiator>;
}

export interface ServedTargetOptions {
  readonly alias?: string;
  readonly managementUrls?: readonly string[];
  readonly device?: Device;
  readonly units?: ReadonlyMap<number, Device>;
  readonly features?: ReadonlyMap<number, UnitFeatures>;
  readonly line?: LineOptions;
  /** Who must prove who they are. */
  readonly authentication?: ChapDemand;
  readonly authenticationLimits?: AuthenticationLimits;
  readonly portal?: Partial<PortalOptions>;
}

export async function serveTarget(options: ServedTargetOptions = {}): Promise<ServedTarget> {
  const units = options.units ?? new Map([[0, options.device ?? new MemoryDevice(1 << 20)]]);
  const clock = new SimulatedClock();
  const target = new Target({
    name: TARGET,
    units,
    ...(options.alias === undefined ? {} : { alias: options.alias }),
    clock,
    managementUrls: options.managementUrls ?? [],
    ...(options.features === undefined ? {} : { features: options.features }),
  });
  const network = new SimulatedNetwork(options.line);
  const events: TargetEvent[] = [];
  const { authentication, authenticationLimits } = options;
  const shared = {
    network,
    clock,
    group: new PortalGroup({ clock, ...(authenticationLimits === undefined ? {} : { authenticationLimits }) }),
    directory: authentication === undefined ? openDirectory([target]) : guarded(target, authentication),
    onEvent: (event: TargetEvent) => events.push(event),
    ...options.portal,
  };
  const portal = await Portal.open({ endpoint, ...shared });
  const connect = async (): Promise<RawInitiator> => new RawInitiator(await network.connectTcp(endpoint));
  return {
    portal,
    target,
    clock,
    events,
    network,
    connect,
    openPortal: (own) => Portal.open({ ...shared, ...own }),
    login: async (keys = {}, options = {}) => {
      const initiator = await connect();
      const name = options.discovery === true ? {} : { targetName: TARGET };
      await initiator.login({ ...name, keys, ...options });
      return initiator;
    },
    [Symbol.asyncDispose]: () => portal.close(),
  };
}

function guarded(target: Target, authentication: ChapDemand): TargetDirectory {
  return { names: () => [TARGET], find: (name) => (name === TARGET ? { target, authentication } : undefined) };
}
