import type { Rule } from '../finding.ts';

/** Bytes of an address, in hexadecimal digits. */
const ADDRESS_DIGITS = 32;

export const bootFileParameters: Rule = ({ dhcp6 }) => {
  if (dhcp6?.plain.kind !== 'answer' || dhcp6.plain.rootPath?.reading.kind !== 'iscsi') return [];
  const { server, rootPath, bootFileParameters } = dhcp6.plain;
  const [first] = bootFileParameters;
  const isGood = bootFileParameters !== 'malformed' && (first === undefined || first.length === ADDRESS_DIGITS);
  if (isGood) return [];
  return [
    {
      code: 'DOCTOR_BOOT_FILE_PARAMETERS',
      level: 'error',
      rootPath: rootPath.text,
      what: `DHCPv6 of ${server} sends boot file parameters (option 60) beside the disk's URL`,
      why: "UEFI's iSCSI takes the first of them for the 16 bytes of the DHCPv6 server's address, and refuses an answer where it is none.",
      todo: 'Let the DHCPv6 server leave option 60 out for machines that boot from iSCSI.',
      clients: ['uefi-v6'],
    },
  ];
};
