/** What DHCPv6 says of the disk: asked without taking an address, as UEFI's iSCSI does (RFC 8415 §18.2.6). */

import { DisklessError } from '../../bytes/index.ts';
import type { MachineNetwork } from '../../os/machine-network.ts';
import { configureIpv6, type Dhcp6StageOptions, runDhcp6Stage } from '../dhcp6-stage.ts';
import { errorRecord, type StageTrace } from '../trace.ts';
import { usableIpv6 } from '../usable-ipv6.ts';
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
    return { kind: 'none', error: errorRecord(answerIn(error, options)) };
  }
}

/**
 * Where the interface has no address that reaches further than the link, gives it those that a boot would get, for as long as the
 * examination lasts. Rejects as `seeDhcp6` does, and with MACHINE_NETWORK_FAILED.
 */
export async function takeIpv6Addresses(
  options: Omit<Dhcp6StageOptions, 'mode'>,
  machine: MachineNetwork,
  cleanup: AsyncDisposableStack,
  trace: StageTrace,
): Promise<void> {
  const own = options.network.interfaces().find(({ name }) => name === options.interface.name);
  if (own !== undefined && usableIpv6(own).some(({ scope }) => scope !== 'link-local')) return;
  const asked = { ...options, mode: 'stateful' } as const;
  try {
    const result = await runDhcp6Stage(asked, trace);
    cleanup.use(result.held);
    await configureIpv6(asked, result, machine, cleanup, trace);
  } catch (error) {
    const { message, code } = answerIn(error, options);
    trace.step(`${message} (${code})`);
  }
}

/** Raises the error when the network has not given it. */
function answerIn(error: unknown, { signal }: Pick<Dhcp6StageOptions, 'signal'>): DisklessError {
  const isAnswer = error instanceof DisklessError && /^(DHCP6_|ROOT_PATH_|BOOT_IPV6_)/.test(error.code);
  if (signal.aborted || !isAnswer) throw error;
  return error;
}
