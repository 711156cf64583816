/** The C library of this process, for what Node has no function for. */

import { createRequire } from 'node:module';

type Koffi = typeof import('koffi');

export interface ProcessLibrary {
  readonly koffi: Koffi;
  readonly libc: ReturnType<Koffi['load']>;
}

/**
 * What `make` makes of the library's functions; undefined where they cannot be called: on another system than Linux, where koffi has
 * no binary, or when one of them does not exist.
 */
export function fromProcessLibrary<T>(make: (library: ProcessLibrary) => T): T | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const koffi: Koffi = createRequire(import.meta.url)('koffi');
    // No name: the symbols of this process, which has its C library loaded whatever its file is called (glibc, musl).
    return make({ koffi, libc: koffi.load(null) });
  } catch {
    return undefined;
  }
}
