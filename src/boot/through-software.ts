/** The software stage of a boot, gone through or not. It comes after DHCP, which gives the address that it needs, and may name the file. */

import { DisklessError } from '../bytes/index.ts';
import type { BootRequest } from './boot-request.ts';
import type { BootEnvironment } from './environment.ts';
import { decideSoftware } from './plan.ts';
import { hostOf } from './software-source.ts';
import { describeSoftware, runSoftwareStage } from './software-stage.ts';
import type { Learned } from './through-dhcp.ts';
import type { BootTrace } from './trace.ts';

/** Raises BOOT_SOFTWARE_UNKNOWN, BOOT_SOFTWARE_URL, and what `runSoftwareStage` raises. */
export async function throughSoftware(
  request: BootRequest,
  { bootFile, reach }: Learned,
  environment: BootEnvironment,
  trace: BootTrace,
): Promise<void> {
  const { software, softwareDigest: digest } = request;
  const { reason } = decideSoftware(request);
  if (software === undefined) return;
  const url = trace.decide('software', () => (software.kind === 'url' ? software.url : named(bootFile())));
  await trace.run(
    'software',
    `${reason}: fetching ${url}`,
    async (stage) => {
      await reach(hostOf(url), stage);
      return runSoftwareStage({ ...environment, url, digest, timeout: environment.softwareTimeout }, stage);
    },
    describeSoftware,
  );
}

function named(bootFile: URL | undefined): URL {
  if (bootFile !== undefined) return bootFile;
  throw new DisklessError('BOOT_SOFTWARE_UNKNOWN', 'DHCP names no boot file', {
    hint: 'Let the DHCP server name one (options 66 and 67), or give --software-stage URL.',
  });
}
