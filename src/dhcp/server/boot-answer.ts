/**
 * What a machine is told about booting, and where each kind of client looks for it in the message.
 *
 * | client     | looks at                                                                                                   |
 * |------------|------------------------------------------------------------------------------------------------------------|
 * | PXE ROM    | `siaddr` and `file`; 60 `PXEClient` and 43.6 bit 3, or it goes on to search for a boot server                |
 * | UEFI HTTP  | 60 `HTTPClient` and a URL as boot file                                                                      |
 * | iPXE       | 17, 203 and 175; a boot file that is not empty is run instead of booting from the disk, if that fails        |
 * | UEFI iSCSI | 17, already in the offer                                                                                    |
 * | iSCSI ROM  | 60 as it sent it, and 43 in its own form, already in the offer; 17                                          |
 * | any other  | 17 if it asks                                                                                               |
 *
 * From a proxyDHCP server iPXE takes nothing, not even a Root Path, unless the answer names a boot file and where to fetch it
 * (`dhcp_has_pxeopts` in its dhcp.c): the owner of a proxy gives it a script.
 */

import { IPV4_ANY, type Ipv4Address } from '../../bytes/index.ts';
import type { BootClient } from '../boot-client.ts';
import { IpxeOption, IsanOption, Option, PxeOption, vendorOptions } from '../option.ts';
import { text } from '../option-codec.ts';
import { OptionList, type OptionType } from '../option-list.ts';

/** CHAP for the login that the firmware makes; iPXE alone takes it from DHCP. */
export interface ChapCredentials {
  readonly username: string;
  readonly password: string;
  /** What the target must prove, if it must. */
  readonly reverse?: { readonly username: string; readonly password: string };
}

/** The place of a disk, part by part. */
export interface BootTarget {
  readonly address: Ipv4Address;
  readonly port: number;
  /** 16 hexadecimal digits. */
  readonly lun: string;
  readonly targetName: string;
}

export interface BootAnswer {
  /** Where to fetch the boot file by TFTP. */
  readonly nextServer?: Ipv4Address;
  /** A path for TFTP, or a URL for iPXE and UEFI HTTP boot. */
  readonly bootFile?: string;
  /** RFC 4173 §5: `iscsi:server:protocol:port:LUN:targetname`. */
  readonly rootPath?: string;
  /** What the Root Path names, for clients that take it in another form. */
  readonly target?: BootTarget;
  readonly initiatorName?: string;
  readonly chap?: ChapCredentials;
  /** The machine's name, given when it asks for one. */
  readonly hostName?: string | undefined;
  /** Anything else, given as it is. */
  readonly options?: OptionList;
}

/** Fixed fields and options of a boot answer. */
export interface BootFields {
  readonly siaddr: Ipv4Address;
  readonly file: string;
  /** Given whether the client asks or not. */
  readonly forced: OptionList;
  /** Given when the client's parameter request list asks. */
  readonly onRequest: OptionList;
}

const longestFileField = 127;

export function bootFields(client: BootClient, answer: BootAnswer, mode: 'full' | 'proxy'): BootFields {
  const fields = {
    siaddr: answer.nextServer ?? IPV4_ANY,
    file: fileField(answer.bootFile),
    forced: new OptionList(answer.options),
    onRequest: new OptionList(),
  };
  giveBootFile(client, answer, fields);
  giveDisk(client, answer, fields);
  if (answer.hostName !== undefined) offer(Option.hostName, answer.hostName, client, fields);
  if (client.kind === 'ipxe') giveIpxeOptions(answer, fields, mode);
  else if (client.kind === 'iscsi-rom') giveIscsiRom(client, answer, fields);
  else giveVendorClass(client, answer, fields);
  // A proxyDHCP offer is told apart from others by its vendor class alone; iPXE knows no other one.
  if (mode === 'proxy' && client.kind !== 'http') fields.forced.set(Option.vendorClass, 'PXEClient');
  return fields;
}

function fileField(bootFile: string | undefined): string {
  if (bootFile === undefined) return '';
  return text.encode(bootFile).length <= longestFileField ? bootFile : '';
}

function giveBootFile(client: BootClient, { bootFile, nextServer }: BootAnswer, fields: BootFields): void {
  if (bootFile !== undefined) {
    // The field is too short for a long URL; a client that boots by HTTP reads the option in any case.
    const needsOption = fields.file === '' || client.kind === 'http';
    if (needsOption) fields.forced.set(Option.bootFileName, bootFile);
    else offer(Option.bootFileName, bootFile, client, fields);
  }
  if (nextServer !== undefined) {
    offer(Option.tftpServerName, nextServer, client, fields);
    offer(Option.tftpServerAddresses, [nextServer], client, fields);
  }
}

/** Most clients ask for little of what there is, and what they do not ask for is not worth writing. */
function offer<T>(option: OptionType<T>, value: T, { requestedOptions }: BootClient, fields: BootFields): void {
  if (requestedOptions.includes(option.code)) fields.onRequest.set(option, value);
}

function giveDisk(client: BootClient, { rootPath, initiatorName }: BootAnswer, fields: BootFields): void {
  const hooksDisks = client.kind === 'ipxe' || client.kind === 'uefi-iscsi' || client.kind === 'iscsi-rom';
  if (rootPath !== undefined) {
    if (hooksDisks) fields.forced.set(Option.rootPath, rootPath);
    else offer(Option.rootPath, rootPath, client, fields);
  }
  if (initiatorName !== undefined) {
    if (client.kind === 'ipxe') fields.forced.set(Option.initiatorName, initiatorName);
    else offer(Option.initiatorName, initiatorName, client, fields);
  }
}

function giveIpxeOptions({ chap }: BootAnswer, fields: BootFields, mode: 'full' | 'proxy'): void {
  const options = new OptionList();
  // Saves the two seconds for which iPXE waits for a proxyDHCP offer. In a proxy's own offer it would forbid to look at it.
  if (mode === 'full') options.set(IpxeOption.noPxedhcp, 1);
  if (chap !== undefined) {
    options.set(IpxeOption.username, chap.username).set(IpxeOption.password, chap.password);
    if (chap.reverse !== undefined) {
      options.set(IpxeOption.reverseUsername, chap.reverse.username);
      options.set(IpxeOption.reversePassword, chap.reverse.password);
    }
  }
  if (options.size > 0) fields.forced.set(Option.ipxe, options);
}

/** A card ignores option 43 without its own vendor class beside it. */
function giveIscsiRom({ iscsiRom, vendorClass }: BootClient, answer: BootAnswer, fields: BootFields): void {
  const { rootPath, initiatorName, target } = answer;
  if (rootPath === undefined || target === undefined || vendorClass === undefined) return;
  fields.forced.set(Option.vendorClass, vendorClass);
  if (iscsiRom === 'text') {
    fields.forced.setRaw(Option.vendorSpecific.code, text.encode(emulexText(target, answer)));
    return;
  }
  const options = new OptionList().set(IsanOption.firstTarget, rootPath);
  if (initiatorName !== undefined) options.set(IsanOption.initiatorName, initiatorName);
  fields.forced.set(vendorOptions, options);
}

/**
 * Target, port, LUN, target name, initiator name, header digest, data digest, authentication: each in quotes, and nothing where the
 * card's own setting holds. The secrets of CHAP the card has itself.
 */
function emulexText({ address, port, lun, targetName }: BootTarget, { initiatorName, chap }: BootAnswer): string {
  const oneWayOrMutual = chap?.reverse === undefined ? 'E' : 'M';
  const authentication = chap === undefined ? '' : oneWayOrMutual;
  const values = [address, `${port}`, lun, targetName, initiatorName ?? '', '', '', authentication];
  return `iscsi:${values.map((value) => (value === '' ? '' : `"${value}"`)).join(':')}`;
}

const useBootFileOfThisOffer = 1 << 3;

function giveVendorClass(client: BootClient, { bootFile }: BootAnswer, fields: BootFields): void {
  if (bootFile === undefined) return;
  if (client.isHttp) fields.forced.set(Option.vendorClass, 'HTTPClient');
  if (!client.isPxe) return;
  fields.forced.set(Option.vendorClass, 'PXEClient');
  const pxe = new OptionList().set(PxeOption.discoveryControl, useBootFileOfThisOffer);
  fields.forced.set(vendorOptions, pxe);
}
