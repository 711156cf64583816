import { writeFileSync } from 'node:fs';

/** Writes an image with the signature of a boot sector, which is set in `content`: a pool takes nothing that has no sign of a disk. */
export function writeBootableImage(path: string, content: Buffer): void {
  content.writeUInt16BE(0x55aa, 510);
  writeFileSync(path, content);
}
