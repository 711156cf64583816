/**
 * iSCSI names of a request in their prepared form. Clients are to prepare them (RFC 4171 §5.6.2, §5.6.4), but not all do, and the
 * database knows prepared ones only: a node that writes its name with capitals is the same node wherever in a request it does.
 */

import { type Attribute, textAttribute, textOf } from '../attribute.ts';
import type { RequestSections } from '../message.ts';
import { kindOf } from '../tag.ts';

/** `parseName` prepares a name. What is none is left as it is, for whoever needs a name there to refuse. */
export function withPreparedNames(
  { source, key, operating }: RequestSections,
  parseName: (text: string) => string,
): RequestSections {
  const prepare = (attribute: Attribute): Attribute => prepared(attribute, parseName);
  return {
    source: source === undefined ? undefined : prepare(source),
    key: key.map(prepare),
    operating: operating.map(prepare),
  };
}

function prepared(attribute: Attribute, parseName: (text: string) => string): Attribute {
  if (attribute.value.length === 0 || kindOf(attribute.tag)?.format !== 'name') return attribute;
  try {
    const written = textOf(attribute);
    const name = parseName(written);
    return name === written ? attribute : textAttribute(attribute.tag, name);
  } catch {
    return attribute;
  }
}
