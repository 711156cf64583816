/**
 * The portals of one server (RFC 7143 §4.4.1), and what they must know of each other. All have one portal group tag: a session may
 * have its connections at any of them.
 */

import { type IpNetwork, inIpNetwork, isIpv4, parseIpNetwork } from '../bytes/index.ts';
import { type Clock, systemClock } from '../os/clock.ts';
import type { Endpoint } from '../os/network.ts';
import { AuthenticationFailures, type AuthenticationLimits } from './authentication-failures.ts';
import type { TargetDirectory } from './directory.ts';

export interface PortalGroupOptions {
  readonly clock?: Clock;
  /** When guessing of secrets is stopped. Default: for a minute, after five failures. */
  readonly authenticationLimits?: AuthenticationLimits;
}

/** A portal that listens, as the others see it. */
export interface PortalOfGroup {
  readonly endpoint: Endpoint;
  readonly directory: TargetDirectory;
  /** Undefined: anywhere. */
  readonly reachableFrom: readonly IpNetwork[] | undefined;
}

/** Both ends of a connection. */
export interface ConnectionEnds {
  readonly remote: Endpoint;
  readonly local: Endpoint;
}

const LOOPBACK = ['127.0.0.0/8', '::1'].map(parseIpNetwork);
/** RFC 3927, RFC 4291 §2.5.6: they mean something else on every link. */
const LINK_LOCAL = ['169.254.0.0/16', 'fe80::/10'].map(parseIpNetwork);
const UNSPECIFIED_IPV4 = '0.0.0.0';
const UNSPECIFIED_IPV6 = '::';

/** Portals are opened into it one by one (`PortalOptions.group`). */
export class PortalGroup {
  /** Counted over all portals: who guesses at one has no more guesses at another. */
  readonly authenticationFailures: AuthenticationFailures;
  readonly #portals = new Set<PortalOfGroup>();

  constructor({ clock = systemClock, authenticationLimits }: PortalGroupOptions = {}) {
    const limits = authenticationLimits ?? { attempts: 5, lockout: 60_000 };
    this.authenticationFailures = new AuthenticationFailures(clock, limits);
  }

  add(portal: PortalOfGroup): void {
    this.#portals.add(portal);
  }

  delete(portal: PortalOfGroup): void {
    this.#portals.delete(portal);
  }

  /**
   * The addresses at which the targets of a directory can be reached by who is connected, that of the connection first: initiators
   * such as iscsiadm log in at every one that they are told, and wait long for those that do not answer.
   */
  paths({ local, remote }: ConnectionEnds, directory: TargetDirectory): readonly Endpoint[] {
    const paths = [local];
    for (const { endpoint, directory: served, reachableFrom } of this.#portals) {
      if (served !== directory || !isAmong(remote.address, reachableFrom)) continue;
      const address = addressFor(endpoint.address, local.address);
      const isKnown = paths.some((path) => path.address === address && path.port === endpoint.port);
      if (address !== undefined && !isKnown) paths.push({ address, port: endpoint.port });
    }
    return paths;
  }
}

function isAmong(address: string, networks: readonly IpNetwork[] | undefined): boolean {
  return networks === undefined || networks.some((network) => inIpNetwork(address, network));
}

/** How who has reached `reached` gets to a portal that listens at `listening`; undefined: not by any address that is known. */
function addressFor(listening: string, reached: string): string | undefined {
  // A socket of all IPv6 addresses is one of all IPv4 addresses as well.
  if (listening === UNSPECIFIED_IPV6) return reached;
  if (listening === UNSPECIFIED_IPV4) return isIpv4(reached) ? reached : undefined;
  if (isAmong(listening, LINK_LOCAL)) return undefined;
  return isAmong(listening, LOOPBACK) && !isAmong(reached, LOOPBACK) ? undefined : listening;
}
