/** SLP on every served interface, where it is switched on. */

import { isIpv4, uriHost } from '../../bytes/index.ts';
import { ISNS_PORT } from '../../isns/pdu.ts';
import { type AdvertisementSource, allOf } from '../../slp/advertisement.ts';
import { ISCSI_SMS } from '../../slp/iscsi-sms.ts';
import { ISCSI_TARGET, withheldAttributes } from '../../slp/iscsi-target.ts';
import { errorName } from '../../slp/protocol.ts';
import type { RegistrarEvent } from '../../slp/registrar.ts';
import type { ServerEventBody } from '../events.ts';
import { FleetAdvertisements } from '../fleet-advertisements.ts';
import { type InterfacePlan, servedAddresses } from '../interface-plan.ts';
import { isnsAdvertisement } from '../isns-advertisement.ts';
import { type Parts, troubleOf } from '../parts.ts';
import { ipv4Place, ipv6Place } from '../slp-place.ts';
import { SlpService } from '../slp-service.ts';

export async function startSlp(parts: Parts, plans: readonly InterfacePlan[]): Promise<AsyncDisposable | undefined> {
  const { options, platform, emit } = parts;
  if (options.slp === undefined) return undefined;
  const { scopes, directoryAgents, isIpsecPresent } = options.slp;
  await using opened = new AsyncDisposableStack();
  const ownAddresses = platform.network
    .interfaces()
    .flatMap(({ ipv4, ipv6 }) => [...ipv4, ...ipv6].map(({ address }) => address));
  const serviceTypes = options.isns ? [ISCSI_TARGET, ISCSI_SMS] : [ISCSI_TARGET];
  for (const { name, address } of plans.flatMap(servedBy)) {
    const isOfIpv4 = isIpv4(address);
    const service = await SlpService.listen({
      ...platform,
      random: Math.random,
      place: isOfIpv4 ? ipv4Place(name, address) : ipv6Place(name, address, serviceTypes),
      ownAddresses,
      scopes,
      services: servicesAt(parts, uriHost(address), scopes),
      serviceTypes,
      withheld: withheldAttributes(isIpsecPresent),
      directoryAgents: directoryAgents.filter((agent) => isIpv4(agent) === isOfIpv4),
      onEvent: (event) => emit(serverEvent(event)),
      onError: (error) => emit(troubleOf('SLP_FAILED', error)),
    });
    opened.use(service);
  }
  return opened.move();
}

/** A service for each address of the server on an interface. */
function servedBy(plan: InterfacePlan) {
  return servedAddresses(plan).map(({ address }) => ({ name: plan.name, address }));
}

/** The machines' targets, and the iSNS server where there is one. */
function servicesAt({ options, machines }: Parts, host: string, scopes: readonly string[]): AdvertisementSource {
  const targets = new FleetAdvertisements({
    machines,
    known: () => machines.all(),
    host,
    port: options.iscsiPort,
    scopes,
  });
  if (!options.isns) return targets;
  const isns = isnsAdvertisement({ host, port: ISNS_PORT, scopes });
  return allOf([targets, { advertisements: () => [isns] }]);
}

function serverEvent(event: RegistrarEvent): ServerEventBody {
  const { address } = event.agent.endpoint;
  if (event.kind === 'refused') {
    const text = `the SLP directory agent ${address} refuses ${event.url}: ${errorName(event.errorCode)}`;
    return { event: 'trouble', code: 'SLP_REFUSED', text };
  }
  return { event: 'slp', change: event.kind, directoryAgent: address };
}
