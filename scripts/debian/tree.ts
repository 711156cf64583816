/** Debian's packages, installed into a folder by mmdebstrap from the archive that this machine's apt uses. */
import { runCommand } from '../command.ts';

export const suite = 'bookworm';

export interface TreeRecipe {
  /** Installed from Debian's archive as they are. Nothing in them is patched. */
  readonly packages: readonly string[];
  /** Patterns of paths in packages that are not unpacked. */
  readonly excludedPaths: readonly string[];
  /** A folder of configuration that is there before the packages are installed. */
  readonly filesFolder: string;
  /** Shell lines that finish the tree when every package is configured; `$1` in them is the tree. */
  readonly finish: readonly string[];
}

export interface BuildOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told what is being done, at least every few seconds in a fresh build. */
  readonly onProgress?: (what: string) => void;
}

/** Documentation that a machine without a person at it does not need; it is a third of the files. */
export const documentationPaths = [
  '/usr/share/doc/*',
  '/usr/share/man/*',
  '/usr/share/info/*',
  '/usr/share/locale/*',
] as const;

/** Makes a complete Debian in `folder`, which must not exist. Takes about a minute; needs root. */
export async function makeTree(folder: string, recipe: TreeRecipe, options: BuildOptions = {}): Promise<void> {
  const { packages, excludedPaths, filesFolder, finish } = recipe;
  const args = [
    '--variant=minbase',
    '--format=directory',
    `--include=${packages.join(',')}`,
    ...(await aptOptions()).map((option) => `--aptopt=${option}`),
    '--aptopt=APT::Install-Recommends "false"',
    ...excludedPaths.map((path) => `--dpkgopt=path-exclude=${path}`),
    // Before the kernel is installed, so that the initramfs is built once and with this configuration.
    `--essential-hook=sync-in "${filesFolder}" /`,
    `--essential-hook=${ownedByRoot(filesFolder)}`,
    ...finish.map((line) => `--customize-hook=${line}`),
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

/** Files of a clone belong to whoever cloned it and carry that person's umask; in the tree they are the system's. */
function ownedByRoot(filesFolder: string): string {
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
