/** Which of several offers to take. */

import { IPV4_ANY, type Ipv4Address } from '../../bytes/index.ts';
import type { AuthenticationKey } from '../authentication.ts';
import { type DhcpMessage, messageType } from '../message.ts';
import { IsanOption, isanVendorClasses, Option, vendorOptions } from '../option.ts';

/** A server's answer while the client still chooses. */
export interface Offer {
  readonly message: DhcpMessage;
  /** The key that it proves, where the client asks for proof. */
  readonly key: AuthenticationKey | undefined;
}

export interface RankedOffer extends Offer {
  /** What speaks for it: a clause that follows "it". */
  readonly reason: string;
}

/** An offer of boot parameters alone, from a proxyDHCP server. */
export function isProxyOffer({ yiaddr }: DhcpMessage): boolean {
  return yiaddr === IPV4_ANY;
}

export function carriesIscsiRootPath({ options }: DhcpMessage): boolean {
  // RFC 4173 §5 reserves the prefix; without it a Root Path is some other protocol's.
  return isForIscsi(options.find(Option.rootPath));
}

function isForIscsi(text: string | undefined): boolean {
  return text?.toLowerCase().startsWith('iscsi:') === true;
}

/** The Root Path says where the server is, so that nothing more needs to be found out (RFC 4173 §5). */
export function namesServerAndTarget({ options }: DhcpMessage): boolean {
  return /^iscsi:[^:]/i.test(options.find(Option.rootPath) ?? '');
}

/** Names the disk in option 43, as the ROMs of some vendors have it. */
function carriesVendorRootPath({ options }: DhcpMessage): boolean {
  const value = options.raw(Option.vendorSpecific.code);
  if (value === undefined) return false;
  if (isForIscsi(new TextDecoder().decode(value.subarray(0, 6)))) return true;
  const isIsan = isanVendorClasses.includes(options.find(Option.vendorClass) ?? '');
  return isIsan && isForIscsi(options.find(vendorOptions)?.find(IsanOption.firstTarget));
}

function helpsDiscovery({ options }: DhcpMessage): boolean {
  return options.has(Option.slpDirectoryAgents) || options.has(Option.isns);
}

function carriesBootFile({ file, options }: DhcpMessage): boolean {
  return file !== '' || options.has(Option.bootFileName);
}

interface Preference {
  readonly holds: (offer: DhcpMessage) => boolean;
  readonly reason: string;
}

const cameFirst = 'came first';

/** The first that holds is what an offer counts as. */
const preferences: readonly Preference[] = [
  { holds: namesServerAndTarget, reason: 'carries an iscsi: root path' },
  { holds: carriesIscsiRootPath, reason: 'carries an iscsi: root path without a server' },
  { holds: carriesVendorRootPath, reason: 'names a disk in option 43' },
  { holds: helpsDiscovery, reason: 'names servers to find the disk by (SLP, iSNS)' },
  { holds: carriesBootFile, reason: 'names a boot file' },
  // RFC 1534 §3.
  { holds: (offer) => messageType(offer) !== undefined, reason: cameFirst },
  { holds: () => true, reason: 'is of a BOOTP server' },
];

/** The offers in the order in which they help towards booting; of equals the first one goes first. */
export function rankOffers(offers: readonly Offer[]): RankedOffer[] {
  const ranked = offers.map((offer) => ({ offer, rank: preferences.findIndex(({ holds }) => holds(offer.message)) }));
  ranked.sort((one, other) => one.rank - other.rank);
  return ranked.map(({ offer, rank }, place) => {
    const { reason = '' } = preferences[rank] ?? {};
    if (reason !== cameFirst) return { ...offer, reason };
    if (ranked.length === 1) return { ...offer, reason: 'is the only one' };
    return { ...offer, reason: ranked[place - 1]?.rank === rank ? 'came later' : reason };
  });
}

export function serverOf({ options, siaddr }: DhcpMessage): Ipv4Address {
  // BOOTP servers have no identifier.
  return options.find(Option.serverIdentifier) ?? siaddr;
}
