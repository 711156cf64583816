/**
 * Finds out what an image file is, and converts what is not raw.
 *
 * `images/NAME-IDENTITY.raw` is a converted image; a changed source makes a new one and leaves the old to the
 * disks made over it. Raw images are used where they are. Nothing ever opens a source for writing.
 */

import type { Device } from '../block/device.ts';
import { FileDevice } from '../block/file-device.ts';
import type { FileStatus, FileSystem } from '../os/file.ts';
import type { RunProcess } from '../os/process.ts';
import { IDENTITY_DIGITS } from './disk-name.ts';
import { type Content, HEAD_LENGTH, recognise, TAIL_LENGTH } from './image-content.ts';
import { changed, checkStatus, checkWholeBlocks, imageError, notADisk } from './image-error.ts';
import { identify } from './image-identity.ts';
import { baseName, ImageMemory, keyOf } from './image-memory.ts';
import type { ImageProgress, OpenImageOptions } from './pool.ts';

/** A raw image that is ready to be opened. */
export interface FoundImage {
  readonly name: string;
  readonly path: string;
  readonly format: string;
  readonly identity: string;
  /** The raw file: `path` itself, or what it was converted to. */
  readonly rawPath: string;
  readonly blockSize: 512 | 4096;
}

/** A conversion reports its progress all the time; one that is silent for so long hangs. */
const CONVERTER_SILENCE = 5 * 60_000;

export class ImageStore {
  readonly #fileSystem: FileSystem;
  readonly #run: RunProcess;
  readonly #directory: string;
  readonly #memory: ImageMemory;
  /** Makes sure that nobody else writes the directory; called before anything is written. */
  readonly #claim: () => Promise<void>;

  constructor(fileSystem: FileSystem, run: RunProcess, directory: string, claim: () => Promise<void>) {
    this.#fileSystem = fileSystem;
    this.#run = run;
    this.#directory = directory;
    this.#memory = new ImageMemory(fileSystem, directory);
    this.#claim = claim;
  }

  /** Raises what Pool.openImage promises. */
  async find(path: string, options: OpenImageOptions): Promise<FoundImage> {
    try {
      return await this.#find(path, options);
    } catch (error) {
      throw imageError(error, path, this.#directory);
    }
  }

  async #find(path: string, options: OpenImageOptions): Promise<FoundImage> {
    const status = this.#fileSystem.status(path);
    checkStatus(status, path);
    const source = this.#fileSystem.realPath(path);
    const content = this.#recognise(source, status.size);
    if (content.kind === 'raw') {
      const blockSize = content.blockSize === 4096 && status.size % 4096 === 0 ? 4096 : 512;
      checkWholeBlocks(path, status.size);
      const identity = this.#memory.recall(source, status) ?? (await this.#identifySource(source, status, options));
      return { name: baseName(path), path: source, format: 'raw', identity, rawPath: source, blockSize };
    }
    if (content.kind === 'virtual') return this.#findConverted(source, status, content.format, options);
    throw notADisk(path, content);
  }

  #recognise(path: string, size: number): Content {
    const file = this.#fileSystem.open(path, 'read');
    try {
      const head = new Uint8Array(Math.min(HEAD_LENGTH, size));
      const tail = new Uint8Array(Math.min(TAIL_LENGTH, size));
      file.readSync(head, 0);
      file.readSync(tail, size - tail.length);
      return recognise(head, tail);
    } finally {
      void file.close();
    }
  }

  async #identifySource(path: string, status: FileStatus, options: OpenImageOptions): Promise<string> {
    const identity = await this.#identify(path, status.size, options);
    const after = this.#fileSystem.status(path);
    if (after?.size !== status.size || after.modified !== status.modified) throw changed(path);
    await this.#remember(path, status, identity);
    return identity;
  }

  async #identify(path: string, size: number, options: OpenImageOptions): Promise<string> {
    const file = this.#fileSystem.open(path, 'read');
    const device: Device = new FileDevice(file, path, size, { readOnly: true });
    try {
      return await identify(device, {
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        progress: (fraction) => options.progress?.({ step: 'identify', fraction }),
      });
    } finally {
      await device.close();
    }
  }

  async #findConverted(
    source: string,
    status: FileStatus,
    format: string,
    options: OpenImageOptions,
  ): Promise<FoundImage> {
    const known = this.#memory.recall(source, status);
    const knownPath = known === undefined ? undefined : this.#convertedPath(source, known);
    const ready = knownPath !== undefined && this.#fileSystem.status(knownPath) !== undefined;
    const identity = ready && known !== undefined ? known : await this.#convert(source, status, format, options);
    const rawPath = this.#convertedPath(source, identity);
    const size = this.#fileSystem.status(rawPath)?.size ?? 0;
    const content = this.#recognise(rawPath, size);
    if (content.kind !== 'raw') throw notADisk(source, content);
    const blockSize = content.blockSize === 4096 && size % 4096 === 0 ? 4096 : 512;
    return { name: baseName(source), path: source, format, identity, rawPath, blockSize };
  }

  /** Gives the identity of the converted image, which is in its place then. */
  async #convert(source: string, status: FileStatus, format: string, options: OpenImageOptions): Promise<string> {
    await this.#prepareDirectory();
    const temporary = `${this.#directory}/${baseName(source)}-${keyOf(source)}.new`;
    try {
      await this.#run('qemu-img', ['convert', '-p', '-f', format, '-O', 'raw', source, temporary], {
        silence: CONVERTER_SILENCE,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
        output: (text) => reportConversion(text, options.progress),
      });
      const converted = this.#fileSystem.open(temporary, 'write');
      await converted.sync().finally(() => converted.close());
      const identity = await this.#identify(temporary, this.#fileSystem.status(temporary)?.size ?? 0, options);
      const after = this.#fileSystem.status(source);
      if (after?.size !== status.size || after.modified !== status.modified) throw changed(source);
      await this.#fileSystem.rename(temporary, this.#convertedPath(source, identity));
      await this.#remember(source, status, identity);
      return identity;
    } catch (error) {
      await this.#fileSystem.remove(temporary);
      throw error;
    }
  }

  #convertedPath(source: string, identity: string): string {
    return `${this.#directory}/${baseName(source)}-${identity.slice(0, IDENTITY_DIGITS)}.raw`;
  }

  async #remember(path: string, status: FileStatus, identity: string): Promise<void> {
    await this.#prepareDirectory();
    await this.#memory.remember(path, status, identity);
  }

  async #prepareDirectory(): Promise<void> {
    await this.#claim();
    await this.#fileSystem.makeDirectory(this.#directory);
  }
}

function reportConversion(text: string, progress: OpenImageOptions['progress']): void {
  const percent = [...text.matchAll(/\(([\d.]+)\/100%\)/g)].at(-1)?.[1];
  if (percent !== undefined) progress?.({ step: 'convert', fraction: Number(percent) / 100 } satisfies ImageProgress);
}
