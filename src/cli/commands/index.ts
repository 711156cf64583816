/**
 * The commands, in the order in which help lists them. What a command does, and the flags that it has, are read when it is the one that
 * is asked for: a boot client in an initramfs does not wait for the boot server's sources.
 */

import type { Command } from 'commander';

export interface CommandEntry {
  readonly description: string;
  /** Gives what adds flags, arguments and the action to the command. */
  load(): Promise<(command: Command) => void>;
}

export const commands: Readonly<Record<string, CommandEntry>> = {
  serve: {
    description: 'boot the machines of a network from one image, each with a disk of its own',
    load: async () => (await import('./serve.ts')).registerServe,
  },
  boot: {
    description: 'boot this machine as far as its disk, stage by stage, from any server of the network',
    load: async () => (await import('./boot.ts')).registerBoot,
  },
  doctor: {
    description: 'say what a machine booting here would get, for each kind of client, and what is wrong with it',
    load: async () => (await import('./doctor.ts')).registerDoctor,
  },
  target: {
    description: 'serve files as an iSCSI target to everybody who asks, or to those who are named',
    load: async () => (await import('./target.ts')).registerTarget,
  },
  host: {
    description: 'the machines that a boot server knows, and their disks',
    load: async () => (await import('./host/index.ts')).registerHost,
  },
  image: {
    description: 'what a boot server keeps of its images, former ones as well',
    load: async () => (await import('./image/index.ts')).registerImage,
  },
  iscsi: {
    description: 'look at iSCSI targets and their disks, as an initiator',
    load: async () => (await import('./iscsi/index.ts')).registerIscsi,
  },
  'root-path': {
    description: 'read and write Root Paths (RFC 4173 §5), as DHCP carries them',
    load: async () => (await import('./root-path.ts')).registerRootPath,
  },
  ipsec: {
    description: 'IPsec for boots, which the operating system does',
    load: async () => (await import('./ipsec.ts')).registerIpsec,
  },
};
