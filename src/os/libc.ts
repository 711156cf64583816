/**
 * The C library, for the few system calls that Node has no function for. Everything here is `undefined` where it cannot be
 * loaded (no koffi binary for the platform), and callers then do without.
 */

import type { KoffiFunction, LibraryHandle } from 'koffi';

interface Loaded {
  readonly library: LibraryHandle;
  readonly errno: () => number;
  readonly address: (bytes: Uint8Array) => bigint;
}

async function load(): Promise<Loaded | undefined> {
  try {
    const { default: koffi } = await import('koffi');
    // No name: the symbols of this process, which already has its C library, whatever its file is called.
    return {
      library: koffi.load(null),
      errno: () => koffi.errno(),
      address: (bytes) => koffi.address(bytes),
    };
  } catch {
    return undefined;
  }
}

const loaded = await load();

/** A C function by its prototype, or undefined where it does not exist. */
export function libcFunction(prototype: string): KoffiFunction | undefined {
  try {
    return loaded?.library.func(prototype);
  } catch {
    return undefined;
  }
}

/** `errno` of the call just made. */
export function lastErrno(): number {
  return loaded?.errno() ?? 0;
}

/** Where the bytes lie in memory: valid as long as the caller holds them. */
export function addressOf(bytes: Uint8Array): bigint {
  return loaded?.address(bytes) ?? 0n;
}
