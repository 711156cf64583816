/** How QEMU is started over a disk that an NBD socket serves. */

export interface MachineDisk {
  /** Bytes. */
  readonly blockSize: number;
  /** Bytes. */
  readonly physicalBlockSize: number;
  readonly readOnly: boolean;
}

/** QEMU's own 128 MiB start no system of today. */
const MEMORY = '1G';

/**
 * `given` are the user's. They count more than ours where QEMU takes the last of several; of accelerators it takes the first one that
 * works, so that ours are left out where the user names any.
 */
export function machineArguments(disk: MachineDisk, socket: string, given: readonly string[]): string[] {
  const { blockSize, physicalBlockSize, readOnly } = disk;
  const drive = {
    driver: 'nbd',
    'node-name': 'diskless',
    'server.type': 'unix',
    'server.path': socket,
    'read-only': readOnly ? 'on' : 'off',
    discard: 'unmap',
  };
  const device = {
    drive: 'diskless',
    // 0 is taken by the kernel of `-kernel`.
    bootindex: '1',
    logical_block_size: String(blockSize),
    physical_block_size: String(physicalBlockSize),
  };
  const namesAccelerator = given.some((each) => /^--?(accel|enable-kvm)$|\baccel=/.test(each));
  return [
    ...['-m', MEMORY],
    ...(namesAccelerator ? [] : ['-accel', 'kvm', '-accel', 'tcg']),
    ...given,
    ...['-blockdev', options(drive)],
    ...['-device', `virtio-blk-pci,${options(device)}`],
  ];
}

/** A comma inside a value is doubled. */
function options(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value.replaceAll(',', ',,')}`)
    .join(',');
}
