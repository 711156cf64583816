/** What routers advertise on a link: which addresses are on it, and who passes on to which others (RFC 4861 §6.3.4). */

import { DisklessError, IPV6_ANY, type Ipv6Prefix } from '../../bytes/index.ts';
import type { MachineNetwork } from '../../os/machine-network.ts';
import type { Network } from '../../os/network.ts';
import { type Advertised, hearRouterAdvertisements, type RouterAdvertisement } from '../router-advertisement.ts';
import { type Soliciting, solicitUntil } from '../router-solicitation.ts';
import type { StageTrace } from '../trace.ts';
import { awaitUsableIpv6 } from '../usable-ipv6.ts';
import type { SeenRouter } from './observation.ts';

interface RouterQuestion extends Soliciting {
  readonly network: Network;
  readonly machine: Pick<MachineNetwork, 'hearIcmpv6' | 'sendIcmpv6'>;
}

/** More would be an attack. */
const MOST = 64;

const everywhere: Ipv6Prefix = { network: IPV6_ANY, length: 0 };

/** Listens for all of `timeout`. Undefined on a machine that cannot hear, or has no IPv6 there. Rejects with the reason of the signal. */
export async function seeRouters(question: RouterQuestion, trace: StageTrace): Promise<SeenRouter[] | undefined> {
  const { machine, network, clock, timeout, signal } = question;
  const { name } = question.interface;
  const heard: RouterAdvertisement[] = [];
  using hearing = hearRouterAdvertisements(
    machine,
    name,
    (advertisement) => {
      if (heard.length < MOST) heard.push(advertisement);
    },
    trace,
  );
  if (hearing === undefined) return undefined;
  const end = clock.monotonic() + timeout;
  try {
    await awaitUsableIpv6({ network, clock, interface: name, scopes: ['link-local'], timeout, signal });
  } catch (error) {
    if (signal.aborted || !(error instanceof DisklessError)) throw error;
    return undefined;
  }
  // There may be another router, and an advertisement more of each.
  const never = async () => false;
  await solicitUntil({ ...question, timeout: end - clock.monotonic() }, never, trace);
  return routersIn(heard);
}

/** Of each router what it says last of each prefix and name server. */
export function routersIn(heard: readonly RouterAdvertisement[]): SeenRouter[] {
  return [...Map.groupBy(heard, ({ router }) => router)].map(([address, all]) => {
    const asDefault = all.map(({ lifetime }) => ({ value: everywhere, lifetime }));
    const routes = all.flatMap((each) => each.routes);
    return {
      address,
      onLink: lasting(
        all.flatMap(({ onLink }) => onLink),
        prefixText,
      ),
      routes: lasting([...asDefault, ...routes], prefixText),
      nameServers: lasting(
        all.flatMap(({ nameServers }) => nameServers),
        String,
      ),
    };
  });
}

function prefixText({ network, length }: Ipv6Prefix): string {
  return `${network}/${length}`;
}

function lasting<T>(advertised: readonly Advertised<T>[], keyOf: (value: T) => string): T[] {
  const last = new Map(advertised.map((each) => [keyOf(each.value), each]));
  return [...last.values()].filter(({ lifetime }) => lifetime > 0).map(({ value }) => value);
}
