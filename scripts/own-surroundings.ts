/**
 * What goes before a program to give it surroundings of its own, so that programs which take the same well-known ports, name the same
 * namespaces or leave the same files in /run do not meet. All of it is gone with the last process in it.
 */
import { spawnSync } from 'node:child_process';

/**
 * A network with nothing but a loopback interface, and an empty /run, which is also where `ip netns` keeps its names. The loopback
 * interface has an address beside its own of either kind (RFC 5737, RFC 3849): for `getaddrinfo` (AI_ADDRCONFIG) there is no IPv4 on a
 * machine without, and programs would not even read "127.0.0.1".
 */
const prepared = `
set -e
mount -t tmpfs tmpfs /run
ip link set lo up
ip address add 203.0.113.1/32 dev lo
[ ! -e /proc/sys/net/ipv6 ] || ip address add 2001:db8:cb00:7101::1/128 dev lo
exec "$0" "$@"
`;
const command = ['unshare', '--net', '--mount', 'sh', '-c', prepared] as const;

/** Undefined where we may not have that: without root, and in most containers. */
export function ownSurroundings(): readonly string[] | undefined {
  const [program, ...args] = command;
  return spawnSync(program, [...args, 'true'], { stdio: 'ignore' }).status === 0 ? command : undefined;
}
