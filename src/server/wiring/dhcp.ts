/** DHCP on one interface, in the mode that was chosen for it. */

import type { MacAddress } from '../../bytes/index.ts';
import type { BootClient } from '../../dhcp/boot-client.ts';
import { Option } from '../../dhcp/option.ts';
import { ALL_NODES } from '../../os/icmpv6-socket.ts';
import { type BootDecision, decideBoot } from '../boot-policy.ts';
import { type ChosenMode, chooseDhcpMode } from '../dhcp-detection.ts';
import { DhcpObserver } from '../dhcp-observer.ts';
import { type DhcpServiceOptions, startFullDhcp, startProxyDhcp } from '../dhcp-service.ts';
import type { InterfacePlan } from '../interface-plan.ts';
import { planRelayedIpv4 } from '../ipv4-plan.ts';
import { OtherDhcpServers } from '../other-dhcp-servers.ts';
import { ipv4PlaceOf, type Parts, troubleOf } from '../parts.ts';
import { KeptAddresses } from '../reservations.ts';
import { beginsIpv6Wait, noRouterHere } from '../router-advertisement.ts';

/** An operating system that asks for nothing of its disk has an address in mind, and its name at most. */
function asksForDisk({ kind, requestedOptions }: BootClient): boolean {
  const { rootPath, initiatorName } = Option;
  return kind !== 'other' || requestedOptions.includes(rootPath.code) || requestedOptions.includes(initiatorName.code);
}

export type InterfaceMode = ChosenMode | { readonly mode: 'off'; readonly reason: string };

/** Looks around when the mode is to be found out. */
export async function chooseMode(parts: Parts, plan: InterfacePlan, signal: AbortSignal): Promise<InterfaceMode> {
  const { options, platform, emit } = parts;
  const choose = async (): Promise<InterfaceMode> => {
    if (plan.ipv4 === undefined)
      return { mode: 'off', reason: 'it has no IPv4 address, and is served over IPv6 alone' };
    if (options.dhcpMode !== 'auto') return { mode: options.dhcpMode, reason: 'as told' };
    return await chooseDhcpMode(plan, platform.network, platform.clock, signal);
  };
  const chosen = await choose();
  emit({ event: 'dhcp-mode', interface: plan.name, ...chosen });
  return chosen;
}

export async function startDhcp(
  parts: Parts,
  plan: InterfacePlan,
  { mode }: InterfaceMode,
): Promise<AsyncDisposable | undefined> {
  const { ipv4 } = plan;
  if (mode === 'off' || ipv4 === undefined) return undefined;
  const { options, platform, store, loaders, machines, trace, emit } = parts;
  const decide = (client: BootClient, mac: MacAddress): BootDecision =>
    decideBoot(client, ipv4PlaceOf(options, ipv4), machines.diskOf(mac), {
      mode,
      hasLoader: (name) => loaders.has(name),
    });
  const own = platform.network.interfaces().flatMap((each) => each.ipv4.map(({ address }) => address));
  const otherServers = new OtherDhcpServers({ interface: plan.name, own, clock: platform.clock, emit });
  const observer = new DhcpObserver({ interface: plan.name, mode, trace, machines, decide, emit });
  const service: DhcpServiceOptions = {
    ...options,
    ...platform,
    plan,
    ipv4,
    leases: store.leases,
    relayed: planRelayedIpv4(options),
    reservations: new KeptAddresses(store.hosts, ({ address }) => address, options.reservations),
    bootFor: (client) => {
      if (client.hardwareAddress === undefined) return undefined;
      if (!asksForDisk(client)) return { hostName: machines.nameOf(client.hardwareAddress) };
      const decision = decide(client, client.hardwareAddress);
      return decision.kind === 'no-loader' ? undefined : decision.answer;
    },
    onEvent: (event) => {
      observer.observe(event);
      if (mode === 'full') otherServers.observe(event);
      // Where DHCPv6 is served, other advertisements are under way.
      if (plan.ipv6 === undefined && beginsIpv6Wait(event)) platform.sendIcmpv6(plan.name, noRouterHere, ALL_NODES);
    },
    onError: (error) => emit(troubleOf('DHCP_FAILED', error)),
  };
  if (mode === 'proxy') return startProxyDhcp(service);
  await using opened = new AsyncDisposableStack();
  opened.use(await startFullDhcp(service));
  opened.use(await otherServers.listen(platform.network));
  return opened.move();
}
