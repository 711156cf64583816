/** Router advertisements that point to DHCPv6, on one interface: to those who ask, and unasked. */

import type { Ipv6Address, Ipv6Prefix } from '../../bytes/index.ts';
import { ALL_ROUTERS, ROUTER_SOLICITATION_TYPE } from '../../os/icmpv6-socket.ts';
import { type Parts, troubleOf } from '../parts.ts';
import { askDhcp6 } from '../router-advertisement.ts';
import { RouterAdvertiser } from '../router-advertiser.ts';
import { isRouterSolicitation } from '../router-solicitation.ts';

export function startRouterAdvertisements(parts: Parts, name: string, prefix: Ipv6Prefix): Disposable {
  using opened = new DisposableStack();
  let advertiser: RouterAdvertiser | undefined;
  const hearing = opened.use(hearSolicitations(parts, name, (source) => advertiser?.solicited(source)));
  const advertisement = askDhcp6(prefix);
  advertiser = new RouterAdvertiser({
    ...parts.platform,
    random: Math.random,
    hearsSolicitations: hearing !== undefined,
    send: (to) => void parts.platform.sendIcmpv6(name, advertisement, to),
  });
  opened.use(advertiser);
  return opened.move();
}

/** Undefined when it cannot be: machines then hear nothing but what is said unasked. */
function hearSolicitations(
  { platform, emit }: Parts,
  name: string,
  answer: (source: Ipv6Address) => void,
): Disposable | undefined {
  const wanted = { interface: name, type: ROUTER_SOLICITATION_TYPE, group: ALL_ROUTERS };
  try {
    return platform.hearIcmpv6(wanted, (heard) => {
      if (isRouterSolicitation(heard)) answer(heard.source);
    });
  } catch (error) {
    emit(troubleOf('NETWORK_SOCKET_FAILED', error));
    return undefined;
  }
}
