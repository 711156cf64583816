/** The options of RFC 2610, which tell a machine how to find services by SLP. */

import type { Ipv4Address } from '../bytes/index.ts';
import { invalid, ipv4List, type OptionCodec, text } from './option-codec.ts';

/** RFC 2610 §3: directory agents, the preferred one first. */
export interface SlpDirectoryAgents {
  /** No other directory agents may be looked for by multicast. */
  readonly mandatory: boolean;
  readonly addresses: readonly Ipv4Address[];
}

/** RFC 2610 §4. */
export interface SlpServiceScope {
  /** Counts more than what is configured in the machine. */
  readonly mandatory: boolean;
  /** Empty: the user chooses among the scopes that the directory agents have (§4.1). */
  readonly scopes: readonly string[];
}

/** The first byte, and what is behind it. */
function split(bytes: Uint8Array): { readonly mandatory: boolean; readonly rest: Uint8Array } {
  const [mandatory] = bytes;
  if (mandatory !== 0 && mandatory !== 1) throw invalid('the byte "mandatory" is not 0 or 1');
  return { mandatory: mandatory === 1, rest: bytes.subarray(1) };
}

function join(mandatory: boolean, rest: Uint8Array): Uint8Array {
  return Uint8Array.of(mandatory ? 1 : 0, ...rest);
}

export const slpDirectoryAgents: OptionCodec<SlpDirectoryAgents> = {
  decode(bytes) {
    const { mandatory, rest } = split(bytes);
    return { mandatory, addresses: ipv4List.decode(rest) };
  },
  encode: ({ mandatory, addresses }) => join(mandatory, ipv4List.encode(addresses)),
};

export const slpServiceScope: OptionCodec<SlpServiceScope> = {
  decode(bytes) {
    const { mandatory, rest } = split(bytes);
    const list = text.decode(rest);
    return { mandatory, scopes: list === '' ? [] : list.split(',').map((scope) => scope.trim()) };
  },
  encode: ({ mandatory, scopes }) => join(mandatory, text.encode(scopes.join(','))),
};
