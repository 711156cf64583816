import type { Rule } from '../finding.ts';

export const notBootable: Rule = ({ disks }) =>
  disks.flatMap(({ text, disk }) =>
    disk.kind !== 'good' || disk.value.bootableBy.length > 0
      ? []
      : [
          {
            code: 'DOCTOR_NOT_BOOTABLE',
            level: 'warning' as const,
            rootPath: text,
            what: `the disk of ${text} has nothing on it that a firmware would start`,
            why: 'A BIOS needs boot code in the first block, UEFI an EFI system partition.',
            todo: 'Put a system on it, or load kernel and initramfs from elsewhere.',
          },
        ],
  );
