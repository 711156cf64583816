/** What an administrator says about an iSNS server (RFC 4171 §2.4). */

export interface RegistrySettings {
  /** Prepares an iSCSI name (RFC 3722); raises a DisklessError for what is none. */
  readonly parseName: (text: string) => string;
  /** Prepared names of the nodes that may see everything, and change discovery domains. */
  readonly controlNodes: ReadonlySet<string>;
  /** Seconds that a registration lasts whose client asks neither for a period nor for status inquiries. */
  readonly registrationPeriod: number;
  /** Seconds: a shorter interval between status inquiries is made this long. */
  readonly leastEsiInterval: number;
  /** Status inquiries without an answer after which a portal is gone. */
  readonly esiThreshold: number;
  /** How many objects there may be. */
  readonly maxObjects: number;
}

export const defaultRegistrySettings: Omit<RegistrySettings, 'parseName'> = {
  controlNodes: new Set(),
  registrationPeriod: 3600,
  leastEsiInterval: 10,
  esiThreshold: 3,
  maxObjects: 200_000,
};
