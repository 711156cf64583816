/**
 * iSCSI names (RFC 7143 §4.2.7, RFC 3722): who an initiator or a target is, everywhere and for ever. A prepared name is compared byte
 * for byte.
 */

import { ProtocolError } from '../bytes/index.ts';
import { prepareIscsiName } from './stringprep.ts';

/** A name in its prepared form. */
export type IscsiName = string & { readonly kind: 'IscsiName' };

/** Bytes of UTF-8 (RFC 7143 §4.2.7.2). */
export const ISCSI_NAME_MAX_LENGTH = 223;

const encoder = new TextEncoder();

/**
 * Prepares and checks a name as a person or a peer wrote it: upper case becomes lower case, other scripts are normalised. Raises
 * ISCSI_NAME_PROHIBITED, ISCSI_NAME_UNASSIGNED, ISCSI_NAME_BIDIRECTIONAL, ISCSI_NAME_TYPE, ISCSI_NAME_FORMAT, ISCSI_NAME_LENGTH.
 */
export function parseIscsiName(text: string): IscsiName {
  const name = prepare(text);
  checkFormat(name);
  // A character takes three bytes at most, or four for two units of the text.
  const length = name.length * 3 <= ISCSI_NAME_MAX_LENGTH ? name.length : encoder.encode(name).length;
  if (length > ISCSI_NAME_MAX_LENGTH) {
    throw new ProtocolError('ISCSI_NAME_LENGTH', `the iSCSI name "${name}" has ${length} bytes`, {
      hint: `An iSCSI name has at most ${ISCSI_NAME_MAX_LENGTH} bytes.`,
    });
  }
  return name as IscsiName;
}

/** For names in plain ASCII, stringprep comes down to lower case and the letters that are left. */
function prepare(text: string): string {
  return /^[A-Za-z0-9.:-]*$/.test(text) ? text.toLowerCase() : prepareIscsiName(text);
}

function checkFormat(name: string): void {
  const type = name.slice(0, 4);
  if (type !== 'iqn.' && type !== 'eui.' && type !== 'naa.') {
    throw new ProtocolError('ISCSI_NAME_TYPE', `"${name}" is no iSCSI name: it starts with none of iqn. eui. naa.`, {
      hint: 'Write a name such as iqn.2001-04.com.example:disk1.',
    });
  }
  const [pattern, shape] = formats[type];
  if (pattern.test(name)) return;
  throw new ProtocolError('ISCSI_NAME_FORMAT', `"${name}" is not a well-formed ${type} name`, {
    hint: `The form is ${shape}.`,
  });
}

/** RFC 7143 §4.2.7.4 to §4.2.7.6. The domain's labels are only asked not to be empty: the standard does not check who owns it. */
const formats = {
  'iqn.': [/^iqn\.[0-9]{4}-(0[1-9]|1[0-2])(\.[^.:]+)+(:.*)?$/u, 'iqn.YYYY-MM.REVERSED.DOMAIN[:ANYTHING]'],
  'eui.': [/^eui\.[0-9a-f]{16}$/, 'eui. and 16 hexadecimal digits'],
  'naa.': [/^naa\.([0-9a-f]{16}|[0-9a-f]{32})$/, 'naa. and 16 or 32 hexadecimal digits'],
} as const;
