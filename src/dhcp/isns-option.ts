/** The iSNS option (RFC 4174): where the iSNS servers are, and what they may be used for. */

import { flag, type Ipv4Address, layout } from '../bytes/index.ts';
import { invalid, ipv4List, type OptionCodec } from './option-codec.ts';

const FixedPart = layout('iSNS option', 10, {
  functionsEnabled: flag(1, 0),
  ddBasedAuthorization: flag(1, 1),
  securityPolicyDistribution: flag(1, 2),
  accessEnabled: flag(3, 0),
  controlNode: flag(3, 1),
  iscsiTarget: flag(3, 2),
  iscsiInitiator: flag(3, 3),
  ifcpTargetPort: flag(3, 4),
  ifcpInitiatorPort: flag(3, 5),
  administrationEnabled: flag(5, 0),
  heartbeat: flag(5, 1),
  managementScns: flag(5, 2),
  defaultDiscoveryDomain: flag(5, 3),
  securityEnabled: flag(9, 0),
  ikeIpsec: flag(9, 1),
  mainMode: flag(9, 2),
  aggressiveMode: flag(9, 3),
  pfs: flag(9, 4),
  transportMode: flag(9, 5),
  tunnelMode: flag(9, 6),
});

/** The names in the layout of each group's flags. */
const groups = {
  functions: ['ddBasedAuthorization', 'securityPolicyDistribution'],
  discoveryDomainAccess: ['controlNode', 'iscsiTarget', 'iscsiInitiator', 'ifcpTargetPort', 'ifcpInitiatorPort'],
  administration: ['managementScns', 'defaultDiscoveryDomain'],
  security: ['ikeIpsec', 'mainMode', 'aggressiveMode', 'pfs', 'transportMode', 'tunnelMode'],
} as const;

type FlagsOf<Names extends readonly string[]> = Readonly<Record<Names[number], boolean>>;
/** A group of flags that is not enabled is undefined: its flags must be ignored (RFC 4174 §2.1 to §2.4). */
export interface IsnsOption {
  readonly functions: FlagsOf<typeof groups.functions> | undefined;
  readonly discoveryDomainAccess: FlagsOf<typeof groups.discoveryDomainAccess> | undefined;
  readonly administration: FlagsOf<typeof groups.administration> | undefined;
  readonly security: FlagsOf<typeof groups.security> | undefined;
  /** The multicast address to which heartbeats are sent. */
  readonly heartbeat: Ipv4Address | undefined;
  /** The primary server, then the backups. */
  readonly servers: readonly Ipv4Address[];
}

type Fields = ReturnType<typeof FixedPart.view>;

function flags<Name extends keyof typeof FixedPart.fields & string>(
  fields: Readonly<Record<Name, boolean>>,
  names: readonly Name[],
): Readonly<Record<Name, boolean>> {
  return Object.fromEntries(names.map((name) => [name, fields[name]])) as Record<Name, boolean>;
}

function heartbeatOf(fields: Fields, addresses: readonly Ipv4Address[]): Ipv4Address | undefined {
  return fields.administrationEnabled && fields.heartbeat ? addresses[0] : undefined;
}

export const isnsOption: OptionCodec<IsnsOption> = {
  decode(value) {
    if (value.length < FixedPart.size + 4) throw invalid(`${value.length} bytes where 14 or more belong`);
    const fields = FixedPart.view(value);
    const addresses = ipv4List.decode(value.subarray(FixedPart.size));
    const heartbeat = heartbeatOf(fields, addresses);
    const servers = heartbeat === undefined ? addresses : addresses.slice(1);
    if (servers.length === 0) throw invalid('a heartbeat and no server');
    return {
      functions: fields.functionsEnabled ? flags(fields, groups.functions) : undefined,
      discoveryDomainAccess: fields.accessEnabled ? flags(fields, groups.discoveryDomainAccess) : undefined,
      administration: fields.administrationEnabled ? flags(fields, groups.administration) : undefined,
      security: fields.securityEnabled ? flags(fields, groups.security) : undefined,
      heartbeat,
      servers,
    };
  },
  encode(option) {
    const { functions, discoveryDomainAccess, administration, security, heartbeat, servers } = option;
    const fixed = FixedPart.encode({
      ...functions,
      ...discoveryDomainAccess,
      ...administration,
      ...security,
      functionsEnabled: functions !== undefined,
      accessEnabled: discoveryDomainAccess !== undefined,
      administrationEnabled: administration !== undefined || heartbeat !== undefined,
      heartbeat: heartbeat !== undefined,
      securityEnabled: security !== undefined,
    });
    const addresses = heartbeat === undefined ? servers : [heartbeat, ...servers];
    return Uint8Array.from([...fixed, ...ipv4List.encode(addresses)]);
  },
};
