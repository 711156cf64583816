/** DHCPv6 on one interface, and the router advertisements that point to it. */

import type { MacAddress } from '../../bytes/index.ts';
import type { BootClient } from '../../dhcp6/boot-client.ts';
import { type Boot6Decision, decideBoot6 } from '../boot6-policy.ts';
import { Dhcp6Observer } from '../dhcp6-observer.ts';
import { startDhcp6Service } from '../dhcp6-service.ts';
import type { InterfacePlan } from '../interface-plan.ts';
import { ipv6PlaceOf, type Parts, troubleOf } from '../parts.ts';
import { askDhcp6 } from '../router-advertisement.ts';
import { RouterAdvertiser } from '../router-advertiser.ts';

/** Nothing where IPv6 is not served. */
export async function startDhcp6(parts: Parts, plan: InterfacePlan): Promise<AsyncDisposable | undefined> {
  const { ipv6, name } = plan;
  if (ipv6 === undefined) return undefined;
  const { options, platform, store, loaders, machines, trace, emit } = parts;
  await using opened = new AsyncDisposableStack();
  const place = ipv6PlaceOf(options, ipv6);
  const decide = (client: BootClient, mac: MacAddress): Boot6Decision =>
    decideBoot6(client, mac, place, machines.diskOf(mac), (loader) => loaders.has(loader));
  const observer = new Dhcp6Observer({ interface: name, trace, machines, decide, emit });
  const service = await startDhcp6Service({
    ...platform,
    plan,
    ipv6,
    leases: store.ipv6Leases,
    leaseTime: options.leaseTime,
    bootFor: (client) => {
      if (client.hardwareAddress === undefined) return undefined;
      const decision = decide(client, client.hardwareAddress);
      return decision.kind === 'no-loader' ? undefined : decision.answer;
    },
    onEvent: (event) => observer.observe(event),
    onError: (error) => emit(troubleOf('DHCP_FAILED', error)),
  });
  opened.use(service);
  const advertisement = askDhcp6(ipv6.prefix);
  const send = () => void platform.sendToAllNodes(name, advertisement);
  opened.use(new RouterAdvertiser({ clock: platform.clock, send }));
  return opened.move();
}
