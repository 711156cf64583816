/** dhclient for IPv6: its flags, and a hook that notes what it learns, says so, and changes nothing on this machine. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** `folder` gets its files. `-d` keeps it in our hands: it would go to the background and stay there. */
export function dhclient6Flags(folder: string): readonly string[] {
  const conf = join(folder, 'conf');
  const wanted = 'dhcp6.bootfile-url, dhcp6.name-servers, dhcp6.domain-search';
  writeFileSync(conf, `option dhcp6.bootfile-url code 59 = string;\nrequest ${wanted};\n`);
  const files = ['-lf', join(folder, 'leases'), '-cf', conf, '-sf', notingHook(folder)];
  return ['-6', '-d', '-v', '--no-pid', ...files];
}

/** The path of a hook for DHCP clients, which says `noted` and the reason. */
export function notingHook(folder: string): string {
  const path = join(folder, 'hook');
  writeFileSync(path, `#!/bin/sh\nenv >> ${folder}/environment\necho "noted $reason"\n`, { mode: 0o755 });
  return path;
}

/** Everything that the hook was told, as lines of `name=value`. */
export function noted(folder: string): string {
  return readFileSync(join(folder, 'environment'), 'utf8');
}
