/** Which networks this server gives addresses of: what commands beside it must know of its settings. Pure. */

import type { ServedNetwork } from '../fleet/served-networks.ts';
import type { InterfacePlan } from './interface-plan.ts';
import { planRelayedIpv4, subnetText } from './ipv4-plan.ts';
import { planRelayedIpv6, textOf } from './ipv6-plan.ts';
import type { BootServerOptions } from './options.ts';

type Given = Pick<BootServerOptions, 'pools' | 'relayedSubnets' | 'ipv6'>;

/** `full` are the interfaces on which IPv4 addresses are given. */
export function servedNetworks(
  options: Given,
  plans: readonly InterfacePlan[],
  full: readonly InterfacePlan[],
): ServedNetwork[] {
  const own = full.flatMap(({ ipv4 }) => ipv4 ?? []);
  const ipv4 = own.length === 0 ? [] : [...own, ...planRelayedIpv4(options)];
  const ipv6 = plans.flatMap((plan) => plan.ipv6 ?? []);
  const relayed = options.ipv6 === undefined ? [] : planRelayedIpv6(options.ipv6);
  return [
    ...ipv4.map(({ subnet, excluded }) => ({ network: subnetText(subnet), excluded })),
    ...[...ipv6, ...relayed].map(({ prefix, excluded }) => ({ network: textOf(prefix), excluded })),
  ];
}
