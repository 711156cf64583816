/** DHCPv6 on one interface, and the router advertisements that point to it. */

import type { MacAddress } from '../../bytes/index.ts';
import type { BootClient } from '../../dhcp6/boot-client.ts';
import { duidOfMac, formatDuid } from '../../dhcp6/duid.ts';
import { type Boot6Decision, decideBoot6 } from '../boot6-policy.ts';
import { Dhcp6Observer } from '../dhcp6-observer.ts';
import { startDhcp6Service } from '../dhcp6-service.ts';
import type { InterfacePlan } from '../interface-plan.ts';
import { OtherDhcp6Servers } from '../other-dhcp6-servers.ts';
import { ipv6PlaceOf, type Parts, troubleOf } from '../parts.ts';
import { KeptAddresses } from '../reservations.ts';
import { startRouterAdvertisements } from './router-advertisements.ts';

/** Nothing where IPv6 is not served. */
export async function startDhcp6(parts: Parts, plan: InterfacePlan): Promise<AsyncDisposable | undefined> {
  const { ipv6, name } = plan;
  const { options, platform, store, loaders, machines, trace, emit } = parts;
  if (ipv6 === undefined || options.ipv6 === undefined) return undefined;
  await using opened = new AsyncDisposableStack();
  const place = ipv6PlaceOf(options, ipv6);
  const decide = (client: BootClient, mac: MacAddress): Boot6Decision =>
    decideBoot6(client, mac, place, machines.diskOf(mac), (loader) => loaders.has(loader));
  const observer = new Dhcp6Observer({ interface: name, trace, machines, decide, emit });
  const others = new OtherDhcp6Servers({
    ...platform,
    random: Math.random,
    interface: name,
    mac: plan.mac,
    own: platform.network.interfaces().map(({ mac }) => formatDuid(duidOfMac(mac))),
    emit,
  });
  const service = await startDhcp6Service({
    ...options,
    ...platform,
    plan,
    ipv6,
    wanted: options.ipv6,
    leases: store.ipv6Leases,
    reservations: new KeptAddresses(store.hosts, ({ ipv6Address }) => ipv6Address, options.ipv6.reservations),
    bootFor: (client) => {
      if (client.hardwareAddress === undefined) return undefined;
      const decision = decide(client, client.hardwareAddress);
      return decision.kind === 'no-loader' ? undefined : decision.answer;
    },
    onEvent: (event) => {
      observer.observe(event);
      others.observe(event);
    },
    onError: (error) => emit(troubleOf('DHCP_FAILED', error)),
  });
  opened.use(service);
  others.start();
  opened.use(others);
  opened.use(startRouterAdvertisements(parts, name, ipv6.prefix));
  return opened.move();
}
