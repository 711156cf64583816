/** A target as SLP advertises it. */

import type { Ipv4Address } from '../../src/bytes/index.ts';
import { type Advertisement, formatTargetUrl, ISCSI_TARGET, targetAttributes } from '../../src/slp/index.ts';

export interface AdvertisedTarget {
  readonly initiators?: readonly string[];
  readonly bootList?: readonly string[];
  readonly scopes?: readonly string[];
}

/** `name` ends the target's name; `address` is an IPv4 or IPv6 literal. */
export function advertised(address: string, name: string, given: AdvertisedTarget = {}): Advertisement {
  const { initiators = ['any'], bootList = [], scopes = ['DEFAULT'] } = given;
  const targetName = `iqn.2001-04.com.example:${name}`;
  const server = address.includes(':')
    ? ({ kind: 'ipv6', address } as const)
    : ({ kind: 'ipv4', address: address as Ipv4Address } as const);
  return {
    url: formatTargetUrl({ server, port: 3260, targetName }),
    serviceType: ISCSI_TARGET,
    scopes,
    languageTag: 'en',
    lifetime: 600,
    attributes: targetAttributes({
      targetName,
      portalGroupTag: 7,
      initiatorNames: initiators,
      initiatorAddresses: ['any'],
      credentials: ['any'],
      bootList,
    }),
  };
}
