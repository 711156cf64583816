/** A shell's way of being a database, on Debian: blocks that it says are written are durable, and can be compared with what the disk has. */
import type { DebianSystem } from './debian-system.ts';

/** Starts a loop that writes a random 4 KiB block, makes it durable, and only then prints its digest. */
export async function startWriting(machine: DebianSystem): Promise<void> {
  const makeBlock = 'dd if=/dev/urandom of=/run/block bs=4096 count=1 status=none';
  const writeBlock = 'dd if=/run/block of=/root/blocks bs=4096 seek=$n conv=notrunc,fsync status=none';
  const report = 'echo "WROTE $n $(sha256sum < /run/block | cut -c1-64)."';
  const loop = `n=0; while [ ! -e /run/stop ]; do ${makeBlock}; ${writeBlock} && ${report}; n=$((n+1)); done`;
  await machine.run(`( ${loop} ) &`);
}

export async function stopWriting(machine: DebianSystem): Promise<void> {
  await machine.run('touch /run/stop; wait', 120_000);
}

/** The digests of the blocks that the machine says are durable, once there are `count`. */
export async function written({ console }: DebianSystem, count: number): Promise<string[]> {
  if (count > 0) await console.waitFor(new RegExp(`WROTE ${count - 1} [0-9a-f]{64}\\.`), 180_000);
  return [...console.text.matchAll(/WROTE \d+ ([0-9a-f]{64})\./g)].map((match) => match[1] ?? '');
}

/** The digests of the blocks as the disk has them: direct reads do not ask the page cache. */
export async function readBack(machine: DebianSystem): Promise<string[]> {
  const read = 'dd if=/root/blocks bs=4096 iflag=direct status=none';
  const digests = await machine.run(`${read} | split --bytes=4096 --filter='sha256sum | cut -c1-64'`, 120_000);
  return digests.split('\n');
}
