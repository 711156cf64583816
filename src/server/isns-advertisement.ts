/** This server's own iSNS, as SLP advertises it at one address (RFC 4018 §4.2, §5.3): who has no DHCP option 83 finds it so. */

import { parseServerName } from '../iscsi/server-name.ts';
import type { Advertisement } from '../slp/advertisement.ts';
import { formatManagementServiceUrl, ISCSI_SMS, managementServiceAttributes } from '../slp/iscsi-sms.ts';
import { ENGLISH } from '../slp/protocol.ts';

export interface IsnsPlace {
  /** An IPv4 literal, or one of IPv6 in brackets. */
  readonly host: string;
  readonly port: number;
  /** Items of a scope list. */
  readonly scopes: readonly string[];
}

/** Seconds: as long as the targets, which come and go with it. */
const LIFETIME = 1800;

/** There is no backup server: this is the primary one. */
const PRIMARY = 0;

export function isnsAdvertisement({ host, port, scopes }: IsnsPlace): Advertisement {
  return {
    url: formatManagementServiceUrl({ server: parseServerName(host), port }),
    serviceType: ISCSI_SMS,
    scopes,
    languageTag: ENGLISH,
    lifetime: LIFETIME,
    attributes: managementServiceAttributes({
      protocols: ['isns'],
      transports: ['tcp', 'udp'],
      serverPriority: PRIMARY,
    }),
  };
}
