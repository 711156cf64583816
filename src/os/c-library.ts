/** The functions of the C library that are called from here, for what Node gives no way to do. */

import { createRequire } from 'node:module';
import type { KoffiFunc } from 'koffi';
import { DisklessError } from '../bytes/index.ts';

/** Memory that the C library may be given pointers into: it stays where it is as long as the process lives. */
export interface CallMemory {
  readonly address: bigint;
  readonly bytes: ArrayBuffer;
}

export interface SocketCalls {
  socket: KoffiFunc<(family: number, type: number, protocol: number) => number>;
  setsockopt: KoffiFunc<(fd: number, level: number, name: number, value: Uint8Array, length: number) => number>;
  bind: KoffiFunc<(fd: number, address: Uint8Array, length: number) => number>;
  sendto: KoffiFunc<
    (fd: number, data: Uint8Array, length: number, flags: number, to: Uint8Array, toLength: number) => number
  >;
  ioctl: KoffiFunc<(fd: number, request: number, argument: Uint8Array) => number>;
  recvmmsg: KoffiFunc<(fd: number, headers: Uint8Array, count: number, flags: number, timeout: null) => number>;
  sendmmsg: KoffiFunc<(fd: number, headers: Uint8Array, count: number, flags: number) => number>;
  close: KoffiFunc<(fd: number) => number>;
  /** 0 when there is no such interface. */
  interfaceNumber: KoffiFunc<(name: string) => number>;
  /** Tells when there is something to read, as long as there is; until it is closed. */
  whenReadable(fd: number, tell: () => void): { close(): void };
  allocate(size: number): CallMemory;
  errno(): number;
  errorNames: Record<string, number>;
}

let loaded: SocketCalls | undefined;

/** Loaded when first needed: most programs that use the libraries never do. Raises OS_CALLS_UNAVAILABLE. */
export function calls(): SocketCalls {
  if (loaded !== undefined) return loaded;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const libc = koffi.load('libc.so.6');
    loaded = {
      socket: libc.func('int socket(int family, int type, int protocol)'),
      setsockopt: libc.func('int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)'),
      bind: libc.func('int bind(int fd, const uint8_t *address, uint32_t length)'),
      sendto: libc.func(
        'intptr_t sendto(int fd, const uint8_t *data, size_t length, int flags, const uint8_t *to, uint32_t toLength)',
      ),
      ioctl: libc.func('int ioctl(int fd, unsigned long request, _Inout_ uint8_t *argument)'),
      recvmmsg: libc.func(
        'int recvmmsg(int fd, _Inout_ uint8_t *headers, unsigned int count, int flags, void *timeout)',
      ),
      sendmmsg: libc.func('int sendmmsg(int fd, _Inout_ uint8_t *headers, unsigned int count, int flags)'),
      allocate(size) {
        const memory = koffi.alloc('uint8_t', size);
        return { address: koffi.address(memory), bytes: koffi.view(memory, size) };
      },
      close: libc.func('int close(int fd)'),
      interfaceNumber: libc.func('unsigned int if_nametoindex(const char *name)'),
      whenReadable: (fd, tell) => koffi.node.poll(fd, { readable: true }, tell),
      errno: () => koffi.errno(),
      errorNames: koffi.os.errno,
    };
    return loaded;
  } catch (cause) {
    throw new DisklessError('OS_CALLS_UNAVAILABLE', 'the C library cannot be called from this process', {
      cause,
      hint: 'Binding to one interface needs Linux with glibc and the koffi package.',
    });
  }
}

/** Of the call that failed last. */
export function errorName(c: SocketCalls): string {
  const errno = c.errno();
  return Object.keys(c.errorNames).find((key) => c.errorNames[key] === errno) ?? `errno ${errno}`;
}
