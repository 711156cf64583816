/** What DHCPv6 says of the disk: asked without taking an address, as UEFI's iSCSI does (RFC 8415 §18.2.6), and who gives addresses. */

import { DisklessError } from '../../bytes/index.ts';
import { formatDuid } from '../../dhcp6/duid.ts';
import type { Dhcp6Message } from '../../dhcp6/message.ts';
import { Option } from '../../dhcp6/option.ts';
import type { MachineNetwork } from '../../os/machine-network.ts';
import { detectDhcp6Servers } from '../dhcp6-detection.ts';
import { askDhcp6, configureIpv6, type Dhcp6StageOptions, heardIn, runDhcp6Stage } from '../dhcp6-stage.ts';
import { timesOfDhcp6, underLease } from '../leased-address.ts';
import { errorRecord, type StageTrace } from '../trace.ts';
import { usableIpv6 } from '../usable-ipv6.ts';
import type { SeenDhcp6, SeenDhcp6Answer } from './observation.ts';
import { readRootPath } from './root-path-reading.ts';

type Question = Omit<Dhcp6StageOptions, 'mode'>;

/** What iPXE says of itself in option 15. */
const asIpxe = { userClasses: ['iPXE'] } as const;

/** Rejects with what is no answer of the network: NETWORK_..., and the reason of the signal. */
export async function seeDhcp6(question: Question, trace: StageTrace): Promise<SeenDhcp6> {
  const plain = await seeAnswer(question, trace);
  // Who answers nobody does not answer iPXE either.
  const ipxe = plain.kind === 'none' ? plain : await seeAnswer({ ...question, client: asIpxe }, trace);
  return { plain, ipxe, servers: plain.kind === 'none' ? [] : await seeServers(question) };
}

async function seeAnswer(question: Question, trace: StageTrace): Promise<SeenDhcp6Answer> {
  try {
    const { held, answer } = await askDhcp6({ ...question, mode: 'stateless' }, trace);
    await held[Symbol.asyncDispose]();
    const { serverIdentifier, reply } = heardIn(answer);
    const url = reply.options.raw(Option.bootFileUrl.code);
    const rootPath = url === undefined ? undefined : readRootPath(url);
    return {
      kind: 'answer',
      server: formatDuid(serverIdentifier),
      bootFileUrl: rootPath?.text,
      rootPath,
      bootFileParameters: bootFileParametersIn(reply),
      nameServers: reply.options.find(Option.domainNameServers) ?? [],
    };
  } catch (error) {
    return { kind: 'none', error: errorRecord(answerIn(error, question)) };
  }
}

function bootFileParametersIn({ options }: Dhcp6Message): readonly string[] | 'malformed' {
  if (!options.has(Option.bootFileParameters)) return [];
  const items = options.find(Option.bootFileParameters);
  return items?.map((item) => Buffer.from(item).toString('hex')) ?? 'malformed';
}

/** The identifiers of all servers that would give this machine an address. */
async function seeServers({ interface: chosen, timeout, ...question }: Question): Promise<string[]> {
  const servers = new Set<string>();
  await detectDhcp6Servers({
    ...question,
    ...{ interface: chosen.name, mac: chosen.mac, window: timeout / 2 },
    socket: { reuseAddress: true },
    onServer: (server) => servers.add(server),
  });
  question.signal.throwIfAborted();
  return [...servers];
}

/**
 * Where the interface has no address that reaches further than the link, gives it those that a boot would get, for as long as the
 * examination lasts. Rejects as `seeDhcp6` does, and with MACHINE_NETWORK_FAILED.
 */
export async function takeIpv6Addresses(
  question: Question,
  machine: MachineNetwork,
  cleanup: AsyncDisposableStack,
  trace: StageTrace,
): Promise<void> {
  const own = question.network.interfaces().find(({ name }) => name === question.interface.name);
  if (own !== undefined && usableIpv6(own).some(({ scope }) => scope !== 'link-local')) return;
  // What is wrong with the Root Path has been seen: another one may be tried with the address.
  const asked = { ...question, mode: 'stateful', known: ['rootPath'] } as const;
  try {
    const result = await runDhcp6Stage(asked, trace);
    cleanup.use(result.held);
    const { clock } = question;
    const leased = underLease(machine, { held: result.held, timesOf: timesOfDhcp6, clock, trace });
    await configureIpv6(asked, result, leased, cleanup, trace);
  } catch (error) {
    const { message, code } = answerIn(error, question);
    trace.step(`${message} (${code})`);
  }
}

/** Raises the error when the network has not given it. */
function answerIn(error: unknown, { signal }: Pick<Question, 'signal'>): DisklessError {
  const isAnswer = error instanceof DisklessError && /^(DHCP6_|ROOT_PATH_|BOOT_IPV6_)/.test(error.code);
  if (signal.aborted || !isAnswer) throw error;
  return error;
}
