/** Debian's packages, installed into a folder by mmdebstrap from the archive that this machine's apt uses. */
import { runCommand } from '../command.ts';
import { excludedPaths, filesFolder, packages, suite } from './recipe.ts';

/** The folder inside the tree where grub-mkimage leaves the loaders for `boot-loader.ts`. */
export const loadersFolder = 'boot/grub/loaders';

const biosModules = [
  'biosdisk',
  'part_gpt',
  'ext2',
  'search',
  'search_label',
  'normal',
  'linux',
  'serial',
  'terminal',
  'echo',
  'configfile',
];
const efiModules = [
  'part_gpt',
  'ext2',
  'search',
  'search_label',
  'normal',
  'linux',
  'serial',
  'terminal',
  'echo',
  'configfile',
];

export interface RootTreeOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (what: string) => void;
}

/** Makes a complete Debian in `folder`, which must not exist. Takes about a minute; needs root. */
export async function makeRootTree(folder: string, options: RootTreeOptions = {}): Promise<void> {
  const args = [
    '--variant=minbase',
    '--format=directory',
    `--include=${packages.join(',')}`,
    ...(await aptOptions()).map((option) => `--aptopt=${option}`),
    '--aptopt=APT::Install-Recommends "false"',
    ...excludedPaths.map((path) => `--dpkgopt=path-exclude=${path}`),
    // Before the kernel is installed, so that the initramfs is built once and with this configuration.
    `--essential-hook=sync-in "${filesFolder}" /`,
    `--essential-hook=${ownedByRoot()}`,
    '--customize-hook=chroot "$1" systemctl enable diskless-proof.service iscsid.service',
    // A scrub of LVM snapshots that this image has none of: multi-user would wait for it.
    '--customize-hook=chroot "$1" systemctl disable e2scrub_reap.service',
    '--customize-hook=chroot "$1" systemctl set-default multi-user.target',
    '--customize-hook=chroot "$1" passwd --delete root',
    `--customize-hook=mkdir -p "$1/${loadersFolder}"`,
    `--customize-hook=chroot "$1" grub-mkimage -O i386-pc -o /${loadersFolder}/core.img -p /boot/grub -c /boot/grub/early.cfg ${biosModules.join(' ')}`,
    `--customize-hook=chroot "$1" grub-mkimage -O x86_64-efi -o /${loadersFolder}/bootx64.efi -p /boot/grub -c /boot/grub/early.cfg ${efiModules.join(' ')}`,
    `--customize-hook=cp "$1/usr/lib/grub/i386-pc/boot.img" "$1/${loadersFolder}/"`,
    suite,
    folder,
    ...(await archives()),
  ];
  await runCommand('mmdebstrap', args, {
    signal: options.signal,
    env: { LC_ALL: 'C.UTF-8', TMPDIR: '/tmp' },
    onLine: (line) => {
      const step = /^I: (?!running --)(.*?)(\.\.\.)?$/.exec(line)?.[1];
      if (step !== undefined) options.onProgress?.(step);
    },
  });
}

/** Files of a clone belong to whoever cloned it and carry that person's umask; in the image they are the system's. */
function ownedByRoot(): string {
  return `cd "${filesFolder}" && find . -mindepth 1 -exec chown root:root "$1/{}" \\; -exec chmod u=rwX,go=rX "$1/{}" \\;`;
}

/** The archives of this suite that apt knows here, as lines of a sources.list; none leaves the choice to mmdebstrap. */
async function archives(): Promise<string[]> {
  const format = '$(ORIGIN) $(CODENAME) $(SITE) $(REPO_URI) $(RELEASE) $(COMPONENT)';
  const targets = await runCommand('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const lines = targets
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([origin, codename]) => origin === 'Debian' && codename?.startsWith(suite))
    .map(([, , , uri, release, component]) => `deb ${uri} ${release} ${component}`);
  return [...new Set(lines)];
}

/** How this machine's apt reaches its archive (proxies, clocks that a frozen mirror needs ignored): mmdebstrap reads none of it by itself. */
async function aptOptions(): Promise<string[]> {
  const dump = await runCommand('apt-config', ['dump', 'Acquire']);
  const wanted =
    /^Acquire::(https?::Proxy|https?::Proxy::.+|Check-Valid-Until|Check-Date|https::(Verify-Peer|Verify-Host|CaInfo)) "[^"]+";$/i;
  return dump
    .split('\n')
    .filter((line) => wanted.test(line))
    .map((line) => line.replace(/;$/, ''));
}
