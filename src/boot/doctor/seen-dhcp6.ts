/** What DHCPv6 says of the disk: asked without taking an address, as UEFI's iSCSI does (RFC 8415 §18.2.6). */

import { DisklessError } from '../../bytes/index.ts';
import { type Dhcp6StageOptions, runDhcp6Stage } from '../dhcp6-stage.ts';
import { errorRecord, type StageTrace } from '../trace.ts';
import type { SeenDhcp6 } from './observation.ts';
import { readRootPath } from './root-path-reading.ts';

/** Rejects with what is no answer of the network: NETWORK_..., and the reason of the signal. */
export async function seeDhcp6(options: Omit<Dhcp6StageOptions, 'mode'>, trace: StageTrace): Promise<SeenDhcp6> {
  try {
    const { server, bootFileUrl, held } = await runDhcp6Stage({ ...options, mode: 'stateless' }, trace);
    await held[Symbol.asyncDispose]();
    const rootPath = bootFileUrl === undefined ? undefined : readRootPath(new TextEncoder().encode(bootFileUrl));
    return { kind: 'answer', server, rootPath };
  } catch (error) {
    const isAnswer = error instanceof DisklessError && /^(DHCP6_|ROOT_PATH_|BOOT_IPV6_)/.test(error.code);
    if (options.signal.aborted || !isAnswer) throw error;
    return { kind: 'none', error: errorRecord(error) };
  }
}
