/**
 * What a test needs from the machine it runs on: real peers, root, a kernel that has network namespaces.
 *
 *     test('dhclient takes our lease', async (t) => {
 *       if (!requires(t, 'dhclient', root, networkNamespaces)) return;
 *       ...
 *
 * On a laptop a missing thing skips the test and names what was missing; under `CI=true` it fails the test, because a test that
 * silently stops running protects nothing.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';

/** A thing other than a program on the search path. */
export interface Requirement {
  /** How the summary names it when it is missing. */
  readonly name: string;
  readonly present: () => boolean;
}

/** Daemons live in sbin, which an ordinary user's PATH leaves out on Debian. */
const systemFolders = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The full path of a program, or undefined when this machine does not have it. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...systemFolders].filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export const root: Requirement = { name: 'root', present: () => process.getuid?.() === 0 };

let namespacesWork: boolean | undefined;

/**
 * The kernel and our rights let us make network namespaces, and the programs are there that set them up. Tried for real once per
 * process: containers often forbid it.
 */
export const networkNamespaces: Requirement = {
  name: 'network namespaces, with ip and sysctl',
  present: () => {
    namespacesWork ??= missing('ip', 'sysctl').length === 0 && spawnSync('unshare', ['--net', 'true']).status === 0;
    return namespacesWork;
  },
};

/** An ordinary user may make namespaces: administrators forbid it, and so does a kernel to whoever is in a chroot. */
export const userNamespaces: Requirement = {
  name: 'user namespaces',
  present: () => spawnSync('unshare', ['--user', '--map-root-user', '--net', 'true']).status === 0,
};

/** A file that a package brings, such as a boot loader. */
export function file(path: string): Requirement {
  return { name: path, present: () => existsSync(path) };
}

/** The names of those requirements that this machine does not meet. */
export function missing(...requirements: readonly (string | Requirement)[]): string[] {
  return requirements
    .filter((wanted) => (typeof wanted === 'string' ? findProgram(wanted) === undefined : !wanted.present()))
    .map((wanted) => (typeof wanted === 'string' ? wanted : wanted.name));
}

/**
 * True when the test can run. Otherwise skips it with the missing names, or fails it under `CI=true`.
 *
 * node:test goes on running a test function after `t.skip()`, hence the boolean: `if (!requires(t, ...)) return;`
 */
export function requires(t: TestContext, ...requirements: readonly (string | Requirement)[]): boolean {
  const absent = missing(...requirements);
  if (absent.length === 0) return true;
  const reason = `missing: ${absent.join(', ')}`;
  if (process.env.CI === 'true') throw new Error(`${reason} (CI=true allows no skipped peer; see scripts/peers.ts)`);
  t.skip(reason);
  return false;
}
