/** The Domain Search option (RFC 3397): domain names in RFC 1035 form, compression pointers allowed. */

import { invalid, type OptionCodec } from './option-codec.ts';

const longestName = 255;
const ascii = new TextEncoder();

interface NameRead {
  readonly name: string;
  /** First byte after the name where it stands. */
  readonly next: number;
}

function readName(bytes: Uint8Array, start: number): NameRead {
  const labels: string[] = [];
  let at = start;
  let next = -1;
  let length = 0;
  for (;;) {
    const head = bytes[at];
    if (head === undefined) throw invalid('a domain name is cut');
    if (head === 0) return { name: labels.join('.'), next: next < 0 ? at + 1 : next };
    if (head >= 0xc0) {
      const target = ((head & 0x3f) << 8) | (bytes[at + 1] ?? 0);
      // Only backwards: a pointer that can lead to itself would never end.
      if (at + 1 >= bytes.length || target >= at) throw invalid('a compression pointer does not point backwards');
      if (next < 0) next = at + 2;
      at = target;
      continue;
    }
    if (head > 63 || at + 1 + head > bytes.length) throw invalid('a domain label is cut');
    length += head + 1;
    if (length > longestName) throw invalid('a domain name is longer than 255 bytes');
    labels.push(String.fromCharCode(...bytes.subarray(at + 1, at + 1 + head)));
    at += 1 + head;
  }
}

export const domainSearch: OptionCodec<readonly string[]> = {
  decode(bytes) {
    const names: string[] = [];
    let at = 0;
    while (at < bytes.length) {
      const { name, next } = readName(bytes, at);
      names.push(name);
      at = next;
    }
    if (names.length === 0) throw invalid('no domain name');
    return names;
  },
  encode: (names) => Uint8Array.from(names.flatMap((name) => [...writeName(name)])),
};

/** Uncompressed: every client reads that. */
function writeName(name: string): number[] {
  const labels = name.split('.').filter((label) => label !== '');
  return [
    ...labels.flatMap((label) => {
      const bytes = ascii.encode(label);
      if (bytes.length > 63) throw new RangeError(`the label "${label}" is longer than 63 bytes`);
      return [bytes.length, ...bytes];
    }),
    0,
  ];
}
