/**
 * The ways to the disk that are measured: what DHCP names of it, and who is asked for the rest (RFC 4173 §5, §6). `serve` names all of
 * it, so that it leaves nothing to discover. Where less is to be named, a site's own DHCP server is there, and `serve` is beside it.
 */

export interface Way {
  readonly title: string;
  /** Further flags of `serve`. */
  readonly serve: readonly string[];
  /** Undefined: `serve` is the DHCP server. */
  readonly siteDhcp?: SiteDhcp;
}

export interface SiteDhcp {
  /** Each machine's Root Path has its target's name and nothing else. */
  readonly namesTarget: boolean;
  /** What it says to everybody: an option's number, and its value in hexadecimal. */
  readonly options: readonly string[];
}

/** The server's address on the network of the bench, 10.64.0.1. */
const SERVER = '0a:40:00:01';

const slp = ['--slp', 'on'];
const isns = ['--isns', 'on'];

export const ways: readonly Way[] = [
  { title: 'DHCP names server and target', serve: [] },
  {
    title: 'DHCP names the target and an SLP agent',
    serve: slp,
    // RFC 2610 §3: not mandatory, and the address.
    siteDhcp: { namesTarget: true, options: [`78,00:${SERVER}`] },
  },
  {
    title: 'DHCP names the target; SLP by multicast',
    serve: slp,
    siteDhcp: { namesTarget: true, options: [] },
  },
  {
    title: 'DHCP names an iSNS server',
    serve: isns,
    // RFC 4174 §2: functions, access, administration and security, of which none are enabled, and the address.
    siteDhcp: { namesTarget: false, options: [`83,${'00:'.repeat(10)}${SERVER}`] },
  },
];
