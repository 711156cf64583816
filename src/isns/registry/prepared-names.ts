/**
 * iSCSI names of a request in their prepared form. Clients are to prepare them (RFC 4171 §5.6.2, §5.6.4), but not all do, and the
 * database knows prepared ones only (§6.4.1): a node that writes its name with capitals is the same node wherever in a request it does.
 */

import { type Attribute, textAttribute, textOf } from '../attribute.ts';
import type { RequestSections } from '../message.ts';
import { FunctionId } from '../pdu.ts';
import { kindOf } from '../tag.ts';
import { invalidRegistration } from './rejection.ts';
import type { RegistrySettings } from './settings.ts';

type ParseName = RegistrySettings['parseName'];

/** Whose operating attributes are stored. */
const registrations: ReadonlySet<number> = new Set([FunctionId.devAttrReg, FunctionId.ddReg]);

/** Raises Rejection for what is to be stored as a name and is none. */
export function withPreparedNames(
  functionId: number,
  { source, key, operating }: RequestSections,
  parseName: ParseName,
): RequestSections {
  const toFind = (attribute: Attribute): Attribute => preparedName(attribute, parseName);
  const toStore = (attribute: Attribute): Attribute => storableName(attribute, parseName);
  return { source, key: key.map(toFind), operating: operating.map(registrations.has(functionId) ? toStore : toFind) };
}

/** For a name that is looked for: what is none is left as it is, and nobody has it. */
export function preparedName(attribute: Attribute, parseName: ParseName): Attribute {
  return isName(attribute) ? (prepared(attribute, parseName) ?? attribute) : attribute;
}

function storableName(attribute: Attribute, parseName: ParseName): Attribute {
  if (!isName(attribute)) return attribute;
  const name = prepared(attribute, parseName);
  if (name === undefined) throw invalidRegistration('a name is no iSCSI name', [attribute]);
  return name;
}

function isName({ tag }: Attribute): boolean {
  return kindOf(tag)?.format === 'name';
}

function prepared(attribute: Attribute, parseName: ParseName): Attribute | undefined {
  try {
    const written = textOf(attribute);
    const name = parseName(written);
    return name === written ? attribute : textAttribute(attribute.tag, name);
  } catch {
    return undefined;
  }
}
