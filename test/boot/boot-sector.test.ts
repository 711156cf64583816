import assert from 'node:assert/strict';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { partitionTypes, writePartitionTable } from '../../scripts/disk-image/gpt.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { describeDisk } from '../../src/boot/boot-sector.ts';
import { recognizeFileSystem } from '../../src/boot/file-system.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const sectors = 2048;

/** A disk with a table that the image builder wrote: other code than what reads it here. */
async function gptDisk(t: TestContext): Promise<Uint8Array> {
  const path = join(temporaryDirectory(t), 'disk');
  const file = await open(path, 'w+');
  await file.truncate(sectors * 512);
  const partitions = [
    { type: partitionTypes.efiSystem, name: 'EFI system', start: 64, length: 256 },
    { type: partitionTypes.linuxFileSystem, name: 'Würzel', start: 320, length: 512 },
  ];
  await writePartitionTable(file, sectors, partitions, 'seed');
  await file.close();
  return new Uint8Array(await readFile(path));
}

function put(disk: Uint8Array, at: number, text: string): void {
  disk.set(Buffer.from(text, 'latin1'), at);
}

test('a GPT disk: partitions, what is in them, and how it boots', async (t) => {
  const disk = await gptDisk(t);
  put(disk, 384, 'GRUB \0Geom\0Hard Disk\0Read\0 Error');
  put(disk, 64 * 512 + 54, 'FAT16   ');
  put(disk, 64 * 512 + 43, 'ESP        ');
  put(disk, 320 * 512 + 1080, '\x53\xef');
  put(disk, 320 * 512 + 1024 + 96, '\x40');
  put(disk, 320 * 512 + 1144, 'root\0');
  const found = await describeDisk(new MemoryDevice(disk));
  assert.equal(found.bootSignature, true);
  assert.equal(found.bootCode, 'GRUB');
  assert.deepEqual(found.table, { kind: 'gpt', problems: [] });
  assert.deepEqual(found.bootableBy, ['BIOS', 'UEFI']);
  assert.deepEqual(
    found.partitions.map(({ number, offset, length, typeName, name, fileSystem }) => ({
      number,
      offset,
      length,
      typeName,
      name,
      fileSystem,
    })),
    [
      {
        number: 1,
        offset: 64 * 512,
        length: 256 * 512,
        typeName: 'EFI System',
        name: 'EFI system',
        fileSystem: { kind: 'FAT16', label: 'ESP' },
      },
      {
        number: 2,
        offset: 320 * 512,
        length: 512 * 512,
        typeName: 'Linux file system',
        name: 'Würzel',
        fileSystem: { kind: 'ext4', label: 'root' },
      },
    ],
  );
});

test('a primary GPT with a wrong checksum: the backup is used, and said so', async (t) => {
  for (const [at, wrong] of [
    [512 + 72, 'the checksum of its header is wrong'],
    [1024 + 60, 'the checksum of its entries is wrong'],
    [512, 'no "EFI PART" signature'],
  ] as const) {
    const disk = await gptDisk(t);
    disk[at] = (disk[at] ?? 0) ^ 1;
    const found = await describeDisk(new MemoryDevice(disk));
    assert.deepEqual(found.table?.problems, [`the primary GPT is broken: ${wrong}`]);
    assert.equal(found.partitions.length, 2);
  }
});

test('both tables broken: no partitions, both problems', async (t) => {
  const disk = await gptDisk(t);
  for (const sector of [1, sectors - 1]) disk[sector * 512 + 20] = 1;
  disk[512 + 16] = (disk[512 + 16] ?? 0) ^ 1;
  disk[(sectors - 1) * 512 + 16] = (disk[(sectors - 1) * 512 + 16] ?? 0) ^ 1;
  const found = await describeDisk(new MemoryDevice(disk));
  assert.equal(found.table?.problems.length, 2);
  assert.deepEqual(found.partitions, []);
  assert.deepEqual(found.bootableBy, []);
});

test('what the device gave is not changed by looking at it', async (t) => {
  const disk = await gptDisk(t);
  const device = new MemoryDevice(disk);
  const kept = Buffer.from(disk);
  // A device that hands out its own memory, as a Buffer, as the network does.
  device.read = (offset, length) => [kept.subarray(offset, offset + length)];
  await describeDisk(device);
  assert.ok(kept.equals(disk));
});

test('an MBR disk: four entries, the active one, one beyond the end', async () => {
  const disk = new Uint8Array(1 << 20);
  put(disk, 0, '\x33\xc0Invalid partition table\0Error loading operating system\0');
  put(disk, 446, '\x80\0\0\0\x07\0\0\0\x08\0\0\0\x10\0\0\0');
  put(disk, 462, '\0\0\0\0\x83\0\0\0\x20\0\0\0\xff\xff\xff\0');
  put(disk, 510, '\x55\xaa');
  put(disk, 8 * 512 + 3, 'NTFS    ');
  const found = await describeDisk(new MemoryDevice(disk));
  assert.equal(found.bootCode, 'Windows');
  assert.equal(found.table?.kind, 'mbr');
  assert.deepEqual(found.table?.problems, ['partition 2 reaches beyond the end of the disk']);
  const [first, second] = found.partitions;
  assert.deepEqual(
    [first?.offset, first?.length, first?.bootable, first?.fileSystem?.kind],
    [4096, 8192, true, 'NTFS'],
  );
  assert.deepEqual([second?.typeName, second?.bootable, second?.fileSystem], ['Linux', false, undefined]);
  assert.deepEqual(found.bootableBy, ['BIOS']);
});

test('a file system on the whole disk is not taken for a partition table', async () => {
  const disk = new Uint8Array(1 << 20);
  put(disk, 0, '\xeb\x58\x90mkfs.fat');
  put(disk, 82, 'FAT32   ');
  put(disk, 71, 'NO NAME    ');
  disk.fill(0x41, 446, 510);
  put(disk, 510, '\x55\xaa');
  const found = await describeDisk(new MemoryDevice(disk));
  assert.equal(found.table, undefined);
  assert.deepEqual(found.fileSystem, { kind: 'FAT32', label: '' });
  assert.equal(found.bootCode, 'unknown');
});

test('an empty disk, however small, has nothing on it', async () => {
  for (const size of [512, 4096, 1 << 20]) {
    const found = await describeDisk(new MemoryDevice(size));
    assert.deepEqual(found, {
      bootSignature: false,
      bootCode: undefined,
      table: undefined,
      partitions: [],
      fileSystem: undefined,
      bootableBy: [],
    });
  }
});

test('marks of file systems', () => {
  for (const [kind, at, magic] of [
    ['XFS', 0, 'XFSB'],
    ['exFAT', 3, 'EXFAT   '],
    ['btrfs', 65_600, '_BHRfS_M'],
    ['ISO 9660', 32_769, 'CD001'],
    ['swap', 4086, 'SWAPSPACE2'],
    ['LVM', 512, 'LABELONE'],
    ['LUKS', 0, 'LUKS\xba\xbe'],
    ['ext2', 1080, '\x53\xef'],
  ] as const) {
    const start = new Uint8Array(68 * 1024);
    put(start, at, magic);
    assert.equal(recognizeFileSystem(start)?.kind, kind);
    assert.equal(recognizeFileSystem(start.subarray(0, at + magic.length - 1)), undefined, 'cut off');
  }
});

test('a GPT without entries is one without partitions', async (t) => {
  const disk = await gptDisk(t);
  const { crc32 } = await import('node:zlib');
  const header = new DataView(disk.buffer, disk.byteOffset + 512, 92);
  header.setUint32(80, 0, true);
  header.setUint32(16, 0, true);
  header.setUint32(16, crc32(disk.subarray(512, 604)), true);
  const { table, partitions } = await describeDisk(new MemoryDevice(disk));
  assert.deepEqual(table, { kind: 'gpt', problems: ['it has no entries'] });
  assert.deepEqual(partitions, []);
});

test('whatever a GPT header says, describing the disk ends, and reads nothing beyond the disk', async (t) => {
  const disk = await gptDisk(t);
  const { crc32 } = await import('node:zlib');
  const changes = fc.array(fc.tuple(fc.integer({ min: 8, max: 91 }), fc.integer({ min: 0, max: 255 })), {
    maxLength: 6,
  });
  await fc.assert(
    fc.asyncProperty(changes, fc.boolean(), async (bytes, repair) => {
      const changed = Uint8Array.from(disk);
      for (const [at, value] of bytes) changed[512 + at] = value;
      if (repair) {
        const header = Buffer.from(changed.subarray(512, 604));
        header.fill(0, 16, 20);
        new DataView(changed.buffer).setUint32(512 + 16, crc32(header), true);
      }
      const device = new MemoryDevice(changed);
      const read = device.read.bind(device);
      device.read = (offset, length) => {
        assert.ok(offset >= 0 && length > 0 && offset + length <= changed.length, `${length} at ${offset}`);
        assert.ok(offset % 512 === 0 && length % 512 === 0, `${length} at ${offset}`);
        return read(offset, length);
      };
      await describeDisk(device);
    }),
    { numRuns: 150 },
  );
});
