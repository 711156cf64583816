/**
 * What goes before a program to give it surroundings of its own, so that programs which take the same well-known ports, name the same
 * namespaces or leave the same files in /run do not meet. All of it is gone with the last process in it.
 */
import { spawnSync } from 'node:child_process';

/**
 * A network card whose cable leads nowhere, and an empty /run, which is also where `ip netns` keeps its names. Without addresses beside
 * those of the loopback interface a machine is one without a network for many programs: `getaddrinfo` (AI_ADDRCONFIG) would not even
 * read "127.0.0.1". These are of RFC 5737 and RFC 3849.
 */
const prepared = `
set -e
mount -t tmpfs tmpfs /run
ip link set lo up
ip link add card0 type veth peer name nowhere0
ip link set card0 up
ip link set nowhere0 up
ip address add 203.0.113.1/24 dev card0
[ ! -e /proc/sys/net/ipv6 ] || ip address add 2001:db8:cb00:7101::1/64 dev card0 nodad
exec "$0" "$@"
`;
const command = ['unshare', '--net', '--mount', 'sh', '-c', prepared] as const;

/** Undefined where we may not have that: without root, and in most containers. */
export function ownSurroundings(): readonly string[] | undefined {
  const [program, ...args] = command;
  return spawnSync(program, [...args, 'true'], { stdio: 'ignore' }).status === 0 ? command : undefined;
}
