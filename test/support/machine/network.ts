/**
 * A network of its own for a boot server and its machines: a network namespace with a bridge, and a tap on it for each machine.
 * Nothing outside can reach it, and no DHCP server of the real network can answer in it.
 */
import { existsSync } from 'node:fs';
import { runCommand } from '../../../scripts/command.ts';

export interface MachineNetwork extends AsyncDisposable {
  readonly namespace: string;
  /** The bridge, which is the interface to serve on. */
  readonly bridge: string;
  /** The bridge's own address, without its prefix length. */
  readonly address: string;
  /** Makes a tap that a machine's network card plugs into; gives its name. */
  plugIn(): Promise<string>;
  /**
   * Makes a cable to another namespace, whose end there has this hardware address, as a machine's own card would: who boots there
   * stands in for a machine that is still off. It is gone with the handle.
   */
  standIn(mac: string): Promise<StandIn>;
  /** Ends the established connections of a server's port as if both ends had been told so by the other; gives how many there were. */
  cutConnections(port: number): Promise<number>;
  /** Program and arguments that run `command` inside; it is killed when this process dies without ending it. */
  inside(command: string, ...args: readonly string[]): [string, string[]];
}

export interface StandIn extends AsyncDisposable {
  readonly namespace: string;
  /** Down, and without an address. */
  readonly interface: string;
  /** As the network's own. */
  inside(command: string, ...args: readonly string[]): [string, string[]];
}

export interface NetworkOptions {
  /** What the network is for; with this process's id it names the namespace. */
  readonly purpose: string;
  /** Address of the bridge with prefix length. */
  readonly address?: string;
}

/**
 * A bridge has the lowest hardware address of its ports. A port that stays keeps it the same when others come and go: whoever knew
 * another one would talk to nobody until its neighbour table had run out.
 */
const lowestMac = '02:00:00:00:00:01';

/** Makes the namespace and its bridge. Needs root. Disposal deletes it with everything plugged in. */
export async function makeNetwork({ purpose, address = '192.168.77.1/24' }: NetworkOptions): Promise<MachineNetwork> {
  await removeOrphans(purpose);
  const name = namespaceName(purpose, process.pid);
  const bridge = 'br0';
  let taps = 0;
  let standIns = 0;
  const inside = insideOf(name);
  const ip = (...args: string[]) => runCommand('ip', ['-netns', name, ...args]);
  const dispose = () => runCommand('ip', ['netns', 'delete', name]).then(() => undefined);
  await runCommand('ip', ['netns', 'add', name]);
  try {
    await ip('link', 'set', 'lo', 'up');
    await ip('link', 'add', bridge, 'type', 'bridge');
    await ip('link', 'add', 'anchor', 'address', lowestMac, 'type', 'veth', 'peer', 'name', 'anchor-end');
    await ip('link', 'set', 'anchor-end', 'up');
    await ip('link', 'set', 'anchor', 'master', bridge, 'up');
    await ip('address', 'add', address, 'dev', bridge);
    await ip('link', 'set', bridge, 'up');
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    namespace: name,
    bridge,
    address: address.replace(/\/.*$/, ''),
    async plugIn() {
      const tap = `tap${taps++}`;
      await ip('tuntap', 'add', tap, 'mode', 'tap');
      await ip('link', 'set', tap, 'master', bridge, 'up');
      return tap;
    },
    async standIn(mac) {
      const number = standIns++;
      const port = `port${number}`;
      const place = namespaceName(`${purpose}-stand-in${number}`, process.pid);
      await runCommand('ip', ['netns', 'add', place]);
      const remove = () => runCommand('ip', ['netns', 'delete', place]).then(() => undefined);
      try {
        await runCommand('ip', ['-netns', place, 'link', 'set', 'lo', 'up']);
        const end = ['peer', 'name', 'eth0', 'address', mac, 'netns', place];
        await ip('link', 'add', port, 'type', 'veth', ...end);
        await ip('link', 'set', port, 'master', bridge, 'up');
      } catch (error) {
        await remove();
        throw error;
      }
      return { namespace: place, interface: 'eth0', inside: insideOf(place), [Symbol.asyncDispose]: remove };
    },
    async cutConnections(port) {
      const which = ['state', 'established', `( sport = :${port} )`];
      const cut = await runCommand(...inside('ss', '--no-header', '--tcp', '--kill', ...which));
      return cut.split('\n').filter((line) => line !== '').length;
    },
    inside,
    [Symbol.asyncDispose]: dispose,
  };
}

/** Program and arguments that run a command in a network namespace, and end it with this process. */
export function insideOf(namespace: string): MachineNetwork['inside'] {
  return (command, ...args) => ['ip', ['netns', 'exec', namespace, 'setpriv', '--pdeathsig', 'KILL', command, ...args]];
}

function namespaceName(purpose: string, pid: number): string {
  return `diskless-${purpose}-${pid}`;
}

/** A run that was killed leaves its namespace behind: whoever comes next with the same purpose removes it. */
async function removeOrphans(purpose: string): Promise<void> {
  const list = await runCommand('ip', ['netns', 'list']);
  const ours = new RegExp(`^diskless-${purpose}(?:-stand-in\\d+)?-(\\d+)$`);
  for (const name of list.split('\n').map((line) => line.split(' ')[0] ?? '')) {
    const [, pid] = ours.exec(name) ?? [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await runCommand('ip', ['netns', 'delete', name]);
  }
}
