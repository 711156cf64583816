/**
 * How the value of a DHCP option is written: one codec per shape that RFC 2132 and its successors use. Decoding raises
 * ProtocolError with the code DHCP_OPTION_INVALID and nothing else.
 */

import {
  type Ipv4Address,
  ipv4FromBytes,
  ipv4FromNumber,
  ipv4ToBytes,
  numberCodecs,
  type OptionCodec,
  ProtocolError,
  readU32,
} from '../bytes/index.ts';

export type { OptionCodec };

export function invalid(what: string): ProtocolError {
  return new ProtocolError('DHCP_OPTION_INVALID', what);
}

const { expectLength, expectItems, ...numbers } = numberCodecs(invalid);
export const { u8Value, u16Value, u32Value, u16List } = numbers;

export const opaque: OptionCodec<Uint8Array> = {
  decode: (bytes) => bytes,
  encode: (value) => value,
};

export const u8List: OptionCodec<readonly number[]> = {
  decode(bytes) {
    expectItems(bytes, 1);
    return Array.from(bytes);
  },
  encode: (value) => Uint8Array.from(value),
};

export const ipv4Value: OptionCodec<Ipv4Address> = {
  decode(bytes) {
    expectLength(bytes, 4);
    return ipv4FromBytes(bytes);
  },
  encode: ipv4ToBytes,
};

export const ipv4List: OptionCodec<readonly Ipv4Address[]> = {
  decode: (bytes) => Array.from({ length: expectItems(bytes, 4) }, (_, index) => ipv4FromBytes(bytes, index * 4)),
  encode(value) {
    const bytes = new Uint8Array(value.length * 4);
    for (const [index, address] of value.entries()) bytes.set(ipv4ToBytes(address), index * 4);
    return bytes;
  },
};

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf8Encoder = new TextEncoder();

/**
 * Text. Senders should not end it with NUL, receivers must accept that some do (RFC 2132 §2). NVT ASCII in RFC 2132, UTF-8 where a
 * later RFC says so (RFC 4173 §5 for Root Path), which is the same for ASCII.
 */
export const text: OptionCodec<string> = {
  decode(bytes) {
    let length = bytes.length;
    while (length > 0 && bytes[length - 1] === 0) length--;
    try {
      return utf8.decode(bytes.subarray(0, length));
    } catch {
      throw invalid('the text is not UTF-8');
    }
  },
  encode: (value) => utf8Encoder.encode(value),
};

/** RFC 4578 §2.2: the client's network device interface. */
export interface NetworkInterfaceIdentifier {
  /** 1 is UNDI. */
  readonly type: number;
  readonly major: number;
  readonly minor: number;
}

export const networkInterfaceIdentifier: OptionCodec<NetworkInterfaceIdentifier> = {
  decode(bytes) {
    expectLength(bytes, 3);
    return { type: bytes[0] as number, major: bytes[1] as number, minor: bytes[2] as number };
  },
  encode: ({ type, major, minor }) => Uint8Array.of(type, major, minor),
};

/**
 * RFC 4578 §2.3: a machine's UUID, as text in the form that SMBIOS and `/sys/class/dmi/id/product_uuid` show: the first three
 * fields travel little-endian.
 */
export const machineIdentifier: OptionCodec<string> = {
  decode(bytes) {
    if (bytes.length !== 17 || bytes[0] !== 0) throw invalid('not type 0 and 16 bytes of UUID');
    const hex = [4, 3, 2, 1, 6, 5, 8, 7, 9, 10, 11, 12, 13, 14, 15, 16]
      .map((at) => (bytes[at] as number).toString(16).padStart(2, '0'))
      .join('');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  },
  encode(value) {
    const bytes = new Uint8Array(17);
    const pairs = value.replaceAll('-', '').match(/[0-9a-f]{2}/gi) ?? [];
    if (pairs.length !== 16) throw new RangeError(`"${value}" is not a UUID`);
    [4, 3, 2, 1, 6, 5, 8, 7, 9, 10, 11, 12, 13, 14, 15, 16].forEach((at, index) => {
      bytes[at] = Number.parseInt(pairs[index] as string, 16);
    });
    return bytes;
  },
};

/**
 * RFC 3004: a list of (length, data). iPXE and gPXE send the bare text instead, so what does not divide into items exactly is one
 * raw item.
 */
export const userClass: OptionCodec<readonly Uint8Array[]> = {
  decode(bytes) {
    if (bytes.length === 0) throw invalid('an empty user class');
    const items: Uint8Array[] = [];
    let at = 0;
    while (at < bytes.length) {
      const length = bytes[at] as number;
      if (length === 0 || at + 1 + length > bytes.length) return [bytes];
      items.push(bytes.subarray(at + 1, at + 1 + length));
      at += 1 + length;
    }
    return items;
  },
  encode(value) {
    const odd = value.find(({ length }) => length === 0 || length > 255);
    if (odd !== undefined) throw invalid(`a user class of ${odd.length} bytes`);
    return Uint8Array.from(value.flatMap((item) => [item.length, ...item]));
  },
};

/** One destination of RFC 3442. */
export interface ClasslessRoute {
  readonly destination: Ipv4Address;
  readonly prefix: number;
  readonly router: Ipv4Address;
}

/** RFC 3442: only the significant octets of the destination are sent. */
export const classlessRoutes: OptionCodec<readonly ClasslessRoute[]> = {
  decode(bytes) {
    const routes: ClasslessRoute[] = [];
    let at = 0;
    while (at < bytes.length) {
      const prefix = bytes[at] as number;
      const octets = Math.ceil(prefix / 8);
      if (prefix > 32 || at + 5 + octets > bytes.length) throw invalid('a classless route is cut or has a bad prefix');
      const destination = new Uint8Array(4);
      destination.set(bytes.subarray(at + 1, at + 1 + octets));
      routes.push({
        destination: ipv4FromBytes(destination),
        prefix,
        router: ipv4FromNumber(readU32(bytes, at + 1 + octets)),
      });
      at += 5 + octets;
    }
    if (routes.length === 0) throw invalid('no route');
    return routes;
  },
  encode: (value) =>
    Uint8Array.from(
      value.flatMap(({ destination, prefix, router }) => [
        prefix,
        ...ipv4ToBytes(destination).subarray(0, Math.ceil(prefix / 8)),
        ...ipv4ToBytes(router),
      ]),
    ),
};
