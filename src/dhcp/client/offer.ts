/** Which of several offers to take. */

import { IPV4_ANY, type Ipv4Address } from '../../bytes/index.ts';
import type { DhcpMessage } from '../message.ts';
import { Option } from '../option.ts';

export interface OfferChoice {
  readonly offer: DhcpMessage;
  /** Why this one: a clause that follows "it". */
  readonly reason: string;
}

/** An offer of boot parameters alone, from a proxyDHCP server. */
export function isProxyOffer({ yiaddr }: DhcpMessage): boolean {
  return yiaddr === IPV4_ANY;
}

export function carriesIscsiRootPath({ options }: DhcpMessage): boolean {
  // RFC 4173 §5 reserves the prefix; without it a Root Path is some other protocol's.
  return options.find(Option.rootPath)?.toLowerCase().startsWith('iscsi:') === true;
}

function carriesBootFile({ file, options }: DhcpMessage): boolean {
  return file !== '' || options.has(Option.bootFileName);
}

const preferences: readonly { readonly holds: (offer: DhcpMessage) => boolean; readonly reason: string }[] = [
  { holds: carriesIscsiRootPath, reason: 'carries an iscsi: root path' },
  { holds: carriesBootFile, reason: 'names a boot file' },
  { holds: () => true, reason: 'came first' },
];

/** The offer of an address that helps most towards booting; of equals the first. Undefined when none has an address. */
export function chooseOffer(offers: readonly DhcpMessage[]): OfferChoice | undefined {
  const withAddress = offers.filter((offer) => !isProxyOffer(offer));
  if (withAddress.length === 1 && withAddress[0] !== undefined && !carriesIscsiRootPath(withAddress[0])) {
    return { offer: withAddress[0], reason: 'is the only one' };
  }
  for (const { holds, reason } of preferences) {
    const offer = withAddress.find(holds);
    if (offer !== undefined) return { offer, reason };
  }
  return undefined;
}

/** The proxy offer that helps most. */
export function chooseProxyOffer(offers: readonly DhcpMessage[]): DhcpMessage | undefined {
  const proxies = offers.filter(isProxyOffer);
  return proxies.find(carriesIscsiRootPath) ?? proxies.find(carriesBootFile) ?? proxies[0];
}

export function serverOf({ options, siaddr }: DhcpMessage): Ipv4Address {
  // BOOTP servers have no identifier.
  return options.find(Option.serverIdentifier) ?? siaddr;
}
