/**
 * Memory that is read here and there for a long time. A processor that finds nothing of a page has to look up first where it is; of
 * some hundred MiB in pages of 4 KiB that look-up itself mostly waits for main memory, in a virtual machine twice. Huge pages are
 * few enough to be known.
 */

import type { KoffiFunc } from 'koffi';
import { fromProcessLibrary, type ProcessLibrary } from './process-library.ts';

/** Of x86, and of ARM with pages of 4 KiB. */
const HUGE_PAGE = 2 << 20;
const MADV_HUGEPAGE = 14;

/** `start` is where the wanted bytes begin: at a page, where it could be had. Before and behind them is room that nobody touches. */
export interface PagedMemory {
  readonly memory: ArrayBuffer;
  readonly start: number;
}

interface MemoryCalls {
  addressOf(memory: ArrayBuffer): bigint;
  adviseHugePages(address: bigint, size: number): void;
}

let calls: MemoryCalls | 'none' | undefined;

/** Zeros. In huge pages where the system has them and the C library can be called; its memory is taken as it is first written to. */
export function pagedMemory(size: number): PagedMemory {
  // Loaded when first needed: most programs that use the libraries never do.
  calls ??= fromProcessLibrary(memoryCalls) ?? 'none';
  if (calls === 'none' || size < HUGE_PAGE) return { memory: new ArrayBuffer(size), start: 0 };
  const memory = new ArrayBuffer(size + HUGE_PAGE);
  const address = calls.addressOf(memory);
  const start = Number(-address & BigInt(HUGE_PAGE - 1));
  calls.adviseHugePages(address + BigInt(start), size);
  return { memory, start };
}

function memoryCalls({ koffi, libc }: ProcessLibrary): MemoryCalls {
  const madvise: KoffiFunc<(address: bigint, size: number, advice: number) => number> = libc.func(
    'int madvise(uintptr_t address, size_t size, int advice)',
  );
  return {
    addressOf: (memory) => koffi.address(memory),
    // Its result is of no use: a kernel that knows no huge pages refuses (EINVAL) and leaves the memory as it was, in small ones.
    adviseHugePages: (address, size) => void madvise(address, size, MADV_HUGEPAGE),
  };
}
