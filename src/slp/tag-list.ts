/** Tag lists (RFC 2608 §9.4): which attributes are meant, by tags in which an asterisk stands for anything. */

import { ProtocolError } from '../bytes/index.ts';
import { type Attribute, type AttributeTable, withoutEscapes } from './attribute.ts';
import { folded } from './text.ts';

/** The attributes whose tags an item of the list fits; an empty list means all. Raises SLP_ATTRIBUTES_INVALID, SLP_STRING_INVALID. */
export function taggedBy(attributes: AttributeTable, tags: readonly string[]): Attribute[] {
  const patterns = tags.map(tagPattern);
  return [...attributes].flatMap(([key, attribute]) => {
    return patterns.length === 0 || patterns.some((fits) => fits(key)) ? [attribute] : [];
  });
}

function tagPattern(written: string): (key: string) => boolean {
  const item = folded(withoutEscapes(written));
  if (item === '') throw new ProtocolError('SLP_ATTRIBUTES_INVALID', 'a tag list has an empty item');
  const [first = '', ...rest] = item.split('*');
  const last = rest.pop();
  if (last === undefined) return (key) => key === item;
  return (key) => {
    if (!key.startsWith(first) || !key.endsWith(last) || key.length < first.length + last.length) return false;
    let at = first.length;
    return rest.every((part) => {
      const found = key.indexOf(part, at);
      at = found + part.length;
      return found >= 0 && at <= key.length - last.length;
    });
  };
}
