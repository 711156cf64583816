/**
 * strongSwan's configuration (swanctl.conf) for what a boot sends, by the algorithms of RFC 7146. IPsec is the operating system's to
 * do, on both ends; this only writes down what RFC 4173 §8 asks of it.
 */

export interface IpsecRequest {
  /** Which end the configuration is for. */
  readonly side: 'client' | 'server';
  /** Address of the server: a literal without brackets. */
  readonly server: string;
  /** How the client names itself to IKE: a domain name or an address. Without one: by its address, whichever it is. */
  readonly client: string | undefined;
  /** TCP ports of the targets. */
  readonly ports: readonly number[];
}

/** By their numbers: strongSwan looks names up in /etc/protocols, which a small system does not have. */
const protocols = { tcp: 6, udp: 17 } as const;

/** SLP and iSNS have one port each, for TCP and UDP (RFC 2608 §6, RFC 4171 §4). */
const discoveryPorts = { slp: 427, isns: 3205 } as const;

/** RFC 7146 §2.2: AES-GCM first, AES-CBC as what everybody has to know; §3: Diffie-Hellman groups of 2048 bits and more. */
const ikeProposals = ['aes128gcm16-prfsha256-modp2048', 'aes128-sha256-modp2048', 'aes128-sha1-modp2048'];

/**
 * RFC 7146 §2: extended sequence numbers, as a fast link would use up 32 bits in minutes; §2.1: integrity by GCM, XCBC or HMAC-SHA-1.
 * The group makes every rekeying one with perfect forward secrecy (RFC 7146 §3), also that by CREATE_CHILD_SA.
 */
const espProposals = [
  'aes128gcm16-modp2048-esn',
  'aes128-aesxcbc-modp2048-esn',
  'aes128-sha1-modp2048-esn',
  'aes128-sha1-modp2048-noesn',
];

export function ipsecConfiguration(request: IpsecRequest): string {
  const { side, server, client } = request;
  const ids = { client: client ?? '%any', server };
  const [own, peer] = side === 'client' ? (['client', 'server'] as const) : (['server', 'client'] as const);
  return `# Protects iSCSI, SLP and iSNS between a machine that boots and ${server}: RFC 4173 §8, RFC 7146.
# Goes to /etc/swanctl/conf.d/diskless.conf on the ${side}; then: swanctl --load-all
# SLP by multicast and DHCP stay outside: IPsec needs to know the other end. Protocol 6 is TCP, 17 is UDP.
connections {
  diskless {
    # IKEv2: IKEv1's main mode does not go with pre-shared keys and addresses that change (RFC 4173 §8, RFC 7146 §3).
    version = 2
    proposals = ${ikeProposals.join(', ')}
${side === 'client' ? `    remote_addrs = ${server}` : `    local_addrs = ${server}\n    remote_addrs = %any`}
    local {
      auth = psk${ids[own] === '%any' ? '' : `\n      id = ${ids[own]}`}
    }
    remote {
      auth = psk
      id = ${ids[peer]}
    }
    children {
${children(request)}
    }
  }
}

# The pre-shared key stays out of this file. Make the other one, for its owner only (chmod 600), on both ends the same:
#   secrets { ike-diskless { id = CLIENT
#                            secret = "at least 20 random characters" } }
# A key for each client, as whoever knows a shared one can play the server (RFC 7146 §3.1); without "id" it is for all.
include diskless-psk.secrets
`;
}

function children({ side, ports }: IpsecRequest): string {
  const both = (port: number) => [service('tcp', port), service('udp', port)];
  return [
    child(
      'iscsi',
      ports.map((port) => service('tcp', port)),
      side,
    ),
    child('slp', both(discoveryPorts.slp), side),
    child('isns', both(discoveryPorts.isns), side),
  ].join('\n');
}

interface Service {
  /** Number of the protocol. */
  readonly protocol: number;
  readonly port: number;
}

function service(protocol: keyof typeof protocols, port: number): Service {
  return { protocol: protocols[protocol], port };
}

/** `trap`: the first packet brings the protection up, and none leaves without it. */
function child(name: string, services: readonly Service[], side: IpsecRequest['side']): string {
  const served = services.map(({ protocol, port }) => `dynamic[${protocol}/${port}]`).join(', ');
  const asking = [...new Set(services.map(({ protocol }) => `dynamic[${protocol}]`))].join(', ');
  const [local, remote] = side === 'client' ? [asking, served] : [served, asking];
  return `      ${name} {
        mode = tunnel
        local_ts = ${local}
        remote_ts = ${remote}
        esp_proposals = ${espProposals.join(', ')}
        start_action = ${side === 'client' ? 'trap' : 'none'}
        close_action = ${side === 'client' ? 'trap' : 'none'}
      }`;
}
