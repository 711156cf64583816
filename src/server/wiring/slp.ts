/** SLP on every served interface, where it is switched on. */

import { ISCSI_TARGET, withheldAttributes } from '../../slp/iscsi-target.ts';
import { errorName } from '../../slp/protocol.ts';
import type { RegistrarEvent } from '../../slp/registrar.ts';
import type { ServerEventBody } from '../events.ts';
import { FleetAdvertisements } from '../fleet-advertisements.ts';
import type { InterfacePlan } from '../interface-plan.ts';
import { type Parts, troubleOf } from '../parts.ts';
import { ipv4Place } from '../slp-place.ts';
import { SlpService } from '../slp-service.ts';

export async function startSlp(parts: Parts, plans: readonly InterfacePlan[]): Promise<AsyncDisposable | undefined> {
  const { options, platform, store, machines, emit } = parts;
  if (options.slp === undefined) return undefined;
  const { scopes, directoryAgents, isIpsecPresent } = options.slp;
  await using opened = new AsyncDisposableStack();
  const ownAddresses = platform.network.interfaces().flatMap(({ ipv4 }) => ipv4.map(({ address }) => address));
  for (const { name, address } of plans) {
    const known = () => store.hosts.all().map(({ hardwareAddress }) => hardwareAddress);
    const services = new FleetAdvertisements({ machines, known, host: address, port: options.iscsiPort, scopes });
    const service = await SlpService.listen({
      ...platform,
      random: Math.random,
      place: ipv4Place(name, address),
      ownAddresses,
      scopes,
      services,
      serviceTypes: [ISCSI_TARGET],
      withheld: withheldAttributes(isIpsecPresent),
      directoryAgents,
      onEvent: (event) => emit(serverEvent(event)),
      onError: (error) => emit(troubleOf('SLP_FAILED', error)),
    });
    opened.use(service);
  }
  return opened.move();
}

function serverEvent(event: RegistrarEvent): ServerEventBody {
  const { address } = event.agent.endpoint;
  if (event.kind === 'refused') {
    const text = `the SLP directory agent ${address} refuses ${event.url}: ${errorName(event.errorCode)}`;
    return { event: 'trouble', code: 'SLP_REFUSED', text };
  }
  return { event: 'slp', change: event.kind, directoryAgent: address };
}
