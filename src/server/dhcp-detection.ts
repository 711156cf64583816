/** `--dhcp auto`: looks whether another DHCP server gives addresses on an interface, and chooses the mode by it. */

import { DhcpPort } from '../dhcp/datagram.ts';
import { type DetectedServer, ServerDetection } from '../dhcp/detect.ts';
import { type Clock, pause } from '../os/clock.ts';
import type { Network } from '../os/network.ts';
import type { InterfacePlan } from './interface-plan.ts';

export interface ChosenMode {
  readonly mode: 'full' | 'proxy';
  readonly reason: string;
}

/** dnsmasq pings an address for three seconds before it offers it; a server that must not be overlooked gets more, in milliseconds. */
const WINDOW = 5000;

/** Takes five seconds when nobody answers, and ends with the first answer. `signal` ends it early. */
export async function chooseDhcpMode(
  plan: Pick<InterfacePlan, 'name' | 'mac'>,
  network: Network,
  clock: Clock,
  signal: AbortSignal,
): Promise<ChosenMode> {
  const servers = await detectServers(plan, network, clock, signal);
  const other = servers.find(({ kind }) => kind === 'address');
  if (other === undefined) return { mode: 'full', reason: 'no other DHCP server answers' };
  return { mode: 'proxy', reason: `${other.serverIdentifier} gives addresses already` };
}

async function detectServers(
  plan: Pick<InterfacePlan, 'name' | 'mac'>,
  network: Network,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly DetectedServer[]> {
  const detection = new ServerDetection({ hardwareAddress: plan.mac, window: WINDOW }, Math.random);
  const found = new AbortController();
  await using socket = await network.openUdp({ interface: plan.name, port: DhcpPort.client, broadcast: true });
  socket.start({
    message(data, from) {
      detection.receive(data, from);
      if (detection.servers.some(({ kind }) => kind === 'address')) found.abort();
    },
    // A network that cannot be reached now has no server that answers.
    error: () => {},
  });
  for (const { data, to } of detection.start(clock.monotonic())) socket.send(data, to);
  while (detection.deadline !== undefined && !found.signal.aborted) {
    await pause(clock, detection.deadline - clock.monotonic(), AbortSignal.any([signal, found.signal]));
    signal.throwIfAborted();
    for (const { data, to } of detection.poll(clock.monotonic())) socket.send(data, to);
  }
  return detection.servers;
}
