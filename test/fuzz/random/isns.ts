/** iSNS attributes that go together more often than chance would have it. */

import {
  type Attribute,
  addressAttribute,
  longAttribute,
  numberAttribute,
  textAttribute,
  zeroLength,
} from '../../../src/isns/attribute.ts';
import { kindOf, Tag } from '../../../src/isns/tag.ts';
import type { Random } from '../../support/random.ts';
import { anyU32, randomBytes } from './bytes.ts';

const tags = Object.values(Tag).filter((tag) => tag !== Tag.delimiter);
const names = [
  'iqn.2001-04.com.example:init',
  'iqn.2001-04.com.example:disk',
  'iqn.2001-04.com.example:other',
] as const;

/** Some attributes; of one tag when that is given. */
export function randomIsnsAttributes(random: Random, only?: number): Attribute[] {
  const attributes: Attribute[] = [];
  for (let count = only === undefined ? random.below(6) : 1; count > 0; count--) {
    const tag = only ?? tags[random.below(tags.length)] ?? Tag.iscsiName;
    attributes.push(randomAttribute(random, tag));
    // Portals are two attributes.
    const isAddress =
      tag === Tag.portalIpAddress || tag === Tag.pgPortalIpAddress || tag === Tag.ddMemberPortalIpAddress;
    if (isAddress && !random.oneIn(8)) attributes.push(randomAttribute(random, tag + 1));
    if (tag === Tag.iscsiName && only === undefined && !random.oneIn(4)) {
      attributes.push(numberAttribute(Tag.iscsiNodeType, random.below(8)));
    }
  }
  return attributes;
}

function randomAttribute(random: Random, tag: number): Attribute {
  if (random.oneIn(6)) return zeroLength(tag);
  if (random.oneIn(12)) return { tag, value: randomBytes(random, 4 * random.below(8)) };
  switch (kindOf(tag)?.format) {
    case 'u64':
      return longAttribute(tag, BigInt(anyU32(random)));
    case 'ip':
      return addressAttribute(tag, random.pick(['192.0.2.1', '192.0.2.2', '2001:db8::1']));
    case 'text':
    case 'name':
      return textAttribute(tag, random.pick(names));
    default:
      return numberAttribute(tag, random.oneIn(3) ? anyU32(random) : random.below(5));
  }
}
