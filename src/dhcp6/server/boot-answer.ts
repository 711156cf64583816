/**
 * What a machine is told about booting, and where each kind of client looks for it in the message.
 *
 * | client      | looks at                                                                                            |
 * |-------------|-----------------------------------------------------------------------------------------------------|
 * | UEFI PXE    | 59: a URL of TFTP                                                                                   |
 * | UEFI HTTP   | 59: a URL of HTTP, and 16 `HTTPClient`                                                              |
 * | UEFI iSCSI  | 59: `iscsi:...` (RFC 5970 §5), and 60, whose first parameter must be the server's address in 16 bytes |
 * | iPXE        | 59: a URL of something that it can run                                                              |
 * | iSCSI ROMs  | 16 with their own class, and in 17: 201 the Root Path, 203 the initiator's name                     |
 * | any other   | 59 if it asks                                                                                       |
 */

import { type Ipv6Address, ipv6ToBytes } from '../../bytes/index.ts';
import type { BootClient } from '../boot-client.ts';
import { Option } from '../option.ts';
import { OptionList } from '../option-list.ts';

export interface BootAnswer {
  /** Option 59: what to boot. */
  readonly bootFileUrl?: string;
  /** Who the machine is to be as an iSCSI initiator. */
  readonly initiatorName?: string;
  /** Anything else, given as it is. */
  readonly options?: OptionList;
}

export interface BootOptions {
  /** Given whether the client asks or not. */
  readonly forced: OptionList;
  /** Given when the client asks. */
  readonly onRequest: OptionList;
}

export function bootOptions(client: BootClient, answer: BootAnswer, server: Ipv6Address): BootOptions {
  const forced = new OptionList(answer.options ?? []);
  const onRequest = new OptionList();
  const { bootFileUrl } = answer;
  if (bootFileUrl === undefined) return { forced, onRequest };
  switch (client.kind) {
    case 'other':
      onRequest.set(Option.bootFileUrl, bootFileUrl);
      break;
    case 'iscsi-rom':
      giveRomOptions(client, bootFileUrl, answer.initiatorName, forced);
      break;
    default:
      forced.set(Option.bootFileUrl, bootFileUrl);
  }
  if (client.kind === 'uefi-iscsi') forced.set(Option.bootFileParameters, [ipv6ToBytes(server)]);
  if (client.kind === 'http') giveVendorClass(client, 'HTTPClient', forced);
  return { forced, onRequest };
}

/** Sub-options of iSCSI ROMs in option 17; the same numbers as in option 43 of DHCPv4. */
const RomOption = { rootPath: 201, initiatorName: 203 } as const;

function giveRomOptions(client: BootClient, rootPath: string, name: string | undefined, forced: OptionList): void {
  const { enterprise, text } = client.vendorClass ?? { enterprise: 0, text: '' };
  const encoder = new TextEncoder();
  const options = new OptionList().appendRaw(RomOption.rootPath, encoder.encode(rootPath));
  if (name !== undefined) options.appendRaw(RomOption.initiatorName, encoder.encode(name));
  giveVendorClass(client, text, forced);
  forced.set(Option.vendorOptions, { enterprise, options });
}

function giveVendorClass({ vendorClass }: BootClient, text: string, forced: OptionList): void {
  const enterprise = vendorClass?.enterprise ?? 0;
  forced.set(Option.vendorClass, { enterprise, items: [new TextEncoder().encode(text)] });
}
