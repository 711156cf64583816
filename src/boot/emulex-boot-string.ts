/**
 * The form in which Emulex's ROMs take their boot target from DHCP: option 43 is one text, each field in quotation marks, and a field
 * that is left out keeps its colon:
 *
 *     iscsi:"<target address>":"<port>":"<LUN>":"<target name>":"<initiator name>":"<header digest>":"<data digest>":"<authentication>"
 */

import { ProtocolError, uriHost } from '../bytes/index.ts';
import { type IscsiName, parseIscsiName } from '../iscsi/name.ts';
import { parsePort, type RootPath } from '../iscsi/root-path.ts';
import { parseServerName } from '../iscsi/server-name.ts';

/** The fields that say who and where; empty where they are left out. Each is as it came. */
export interface EmulexBootString {
  readonly address: string;
  readonly port: string;
  readonly lun: string;
  readonly targetName: string;
  readonly initiatorName: string;
}

const prefix = /^iscsi:(?=[":])/i;
const mostFields = 8;
const lunLength = 8;

/** Undefined for anything else. Raises EMULEX_BOOT_STRING. */
export function parseEmulexBootString(value: Uint8Array): EmulexBootString | undefined {
  const text = new TextDecoder().decode(value).replace(/\0+$/, '');
  // A Root Path has no quotation marks; whoever leaves all four fields before the name blank in this form has written a Root Path.
  if (!prefix.test(text) || !text.includes('"')) return undefined;
  const fields = fieldsOf(text.replace(prefix, ''));
  const [address = '', port = '', lun = '', targetName = '', initiatorName = ''] = fields;
  return { address, port, lun, targetName, initiatorName };
}

/** Raises EMULEX_BOOT_STRING where no target is named, and for its fields ROOT_PATH_SERVER, ROOT_PATH_PORT, ISCSI_NAME_... */
export function emulexRootPath({ address, port, lun, targetName }: EmulexBootString): RootPath {
  if (targetName === '') throw invalid('it names no target');
  return {
    ...(address === '' ? {} : { server: parseServerName(uriHost(address)) }),
    ...(port === '' ? {} : { port: parsePort(port) }),
    ...(lun === '' ? {} : { lun: lunOf(lun) }),
    targetName: parseIscsiName(targetName),
  };
}

/** Raises ISCSI_NAME_... */
export function emulexInitiatorName({ initiatorName }: EmulexBootString): IscsiName | undefined {
  return initiatorName === '' ? undefined : parseIscsiName(initiatorName);
}

function fieldsOf(text: string): string[] {
  const fields: string[] = [];
  let rest = text;
  for (;;) {
    const match = /^(?:"([^"]*)")?(:|$)/.exec(rest);
    if (match === null) throw invalid(`what follows field ${fields.length} is not in quotation marks`);
    fields.push(match[1] ?? '');
    if (fields.length > mostFields) throw invalid(`it has more than ${mostFields} fields`);
    if (match[2] === '') return fields;
    rest = rest.slice(match[0].length);
  }
}

/** Sixteen digits: all eight bytes of the LUN. */
function lunOf(digits: string): Uint8Array {
  if (/^[0-9a-f]{16}$/i.test(digits)) return Uint8Array.from(Buffer.from(digits, 'hex'));
  throw invalid(`the LUN "${digits}" is not ${2 * lunLength} hexadecimal digits`);
}

function invalid(reason: string): ProtocolError {
  return new ProtocolError('EMULEX_BOOT_STRING', `the boot string in option 43 cannot be read: ${reason}`, {
    hint: 'The form is iscsi:"address":"port":"LUN":"target":"initiator":"":"":""; a field that is left out keeps its colon.',
  });
}
