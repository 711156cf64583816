/** Lists of domain names as RFC 8415 §10 wants them: the labels of RFC 1035 §3.1, never compressed. */

import { invalid, type OptionCodec } from './option-codec.ts';

const LONGEST_LABEL = 63;
const LONGEST_NAME = 255;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export const domainNames: OptionCodec<readonly string[]> = {
  decode(bytes) {
    const names: string[] = [];
    let at = 0;
    while (at < bytes.length) {
      const { name, end } = readName(bytes, at);
      names.push(name);
      at = end;
    }
    if (names.length === 0) throw invalid('no domain name');
    return names;
  },
  encode: (value) => Uint8Array.from(value.flatMap(nameBytes)),
};

function readName(bytes: Uint8Array, start: number): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = start;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) throw invalid('a domain name is cut');
    at += 1;
    if (length === 0) return { name: labels.join('.'), end: at };
    if (length > LONGEST_LABEL) throw invalid('a domain name is compressed, or has a label of over 63 bytes');
    if (at + length > bytes.length || at + length - start > LONGEST_NAME)
      throw invalid('a domain name is cut or too long');
    labels.push(labelText(bytes.subarray(at, at + length)));
    at += length;
  }
}

function labelText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw invalid('a label is not UTF-8');
  }
}

/** A dot at the end, or none, is the same name. */
function nameBytes(name: string): number[] {
  const labels = name.split('.').filter((label) => label !== '');
  const bytes = labels.flatMap((label) => {
    const encoded = encoder.encode(label);
    if (encoded.length > LONGEST_LABEL) throw new RangeError(`"${label}" is too long for a label`);
    return [encoded.length, ...encoded];
  });
  if (bytes.length >= LONGEST_NAME) throw new RangeError(`"${name}" is too long for a domain name`);
  return [...bytes, 0];
}
