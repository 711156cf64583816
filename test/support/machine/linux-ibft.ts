/** A boot firmware table as Linux shows it under /sys/firmware/ibft, and as it has to. */

import { ipv4Mask, ipv6ToBytes, isIpv4 } from '../../../src/bytes/index.ts';
import type { IbftTable, IpAddress } from '../../../src/ibft/index.ts';

/** `target0/port` to `3260`, and so on. */
export type ShownTable = Readonly<Record<string, string>>;

/** Prints every value of the table on a line of its own, after its name. */
export const showTable =
  'cd /sys/firmware/ibft && for each in */*; do [ -f $each ] && echo "$each=$(cat $each)"; done; cd - > /dev/null';

export function parseShownTable(output: string): ShownTable {
  const lines = output.split('\n').filter((line) => line.includes('='));
  return Object.fromEntries(lines.map((line) => line.split(/=(.*)/s, 2)));
}

/** What drivers/firmware/iscsi_ibft.c makes of it: what is not there has no file. */
export function linuxShows(table: IbftTable): ShownTable {
  const shown = new Map<string, string>();
  const show = (folder: string, values: Readonly<Record<string, string | number | undefined>>) => {
    for (const [name, value] of Object.entries(values)) {
      if (value !== undefined && value !== '') shown.set(`${folder}/${name}`, String(value));
    }
  };
  const flags = (block: { readonly valid: boolean; readonly bootSelected: boolean }, more = 0) =>
    Number(block.valid) + 2 * Number(block.bootSelected) + more;
  const { initiator, nics, targets, oemId, oemTableId } = table;
  show('acpi_header', { signature: 'iBFT', oem_id: oemId.padEnd(6), oem_table_id: oemTableId.padEnd(8) });
  if (initiator !== undefined) {
    show('initiator', {
      index: 0,
      flags: flags(initiator),
      'initiator-name': initiator.name,
      'isns-server': shownAddress(initiator.isnsServer),
      'slp-server': shownAddress(initiator.slpServer),
      'pri-radius-server': shownAddress(initiator.primaryRadiusServer),
      'sec-radius-server': shownAddress(initiator.secondaryRadiusServer),
    });
  }
  for (const nic of nics) {
    show(`ethernet${nic.index}`, {
      index: nic.index,
      flags: flags(nic, 4 * Number(nic.global)),
      'ip-addr': shownAddress(nic.address),
      'prefix-len': nic.prefix,
      // Shown of IPv6 addresses too, where it means nothing.
      ...(nic.prefix <= 32 ? { 'subnet-mask': ipv4Mask(nic.prefix) } : {}),
      origin: nic.origin,
      gateway: shownAddress(nic.gateway),
      'primary-dns': shownAddress(nic.primaryDns),
      'secondary-dns': shownAddress(nic.secondaryDns),
      dhcp: shownAddress(nic.dhcpServer),
      vlan: nic.vlan,
      mac: nic.mac,
      hostname: nic.hostName,
    });
  }
  for (const target of targets) {
    const { chap, reverseChap } = target;
    show(`target${target.index}`, {
      index: target.index,
      flags: flags(target, 4 * Number(target.radiusChap) + 8 * Number(target.radiusReverseChap)),
      'ip-addr': shownAddress(target.address),
      port: target.port,
      lun: Array.from(target.lun, (byte) => byte.toString(16)).join(''),
      'chap-type': [chap, reverseChap].filter((each) => each !== undefined).length,
      'nic-assoc': target.nicIndex,
      'target-name': target.name,
      'chap-name': chap?.name,
      'chap-secret': chap && Buffer.from(chap.secret).toString(),
      'rev-chap-name': reverseChap?.name,
      'rev-chap-name-secret': reverseChap && Buffer.from(reverseChap.secret).toString(),
    });
  }
  return Object.fromEntries(shown);
}

/** IPv6 in full: every digit of every group. */
function shownAddress(address: IpAddress | undefined): string | undefined {
  if (address === undefined || isIpv4(address)) return address;
  return (Buffer.from(ipv6ToBytes(address)).toString('hex').match(/.{4}/g) ?? []).join(':');
}
