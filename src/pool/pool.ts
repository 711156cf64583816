/**
 * Where images and disks live. `LocalPool` (local.ts) keeps them in a directory; a cluster's storage engine can stand behind the
 * same interface.
 */

import type { Device } from '../block/device.ts';

/** A golden image: read-only, shared by every disk over it. */
export interface Image {
  /** The name of its file, without the directory. */
  readonly name: string;
  /** Where it was opened from. */
  readonly path: string;
  /** `raw` when it is used in place; otherwise what it was converted from, such as `qcow2`. */
  readonly format: string;
  /**
   * 64 hex digits that follow from its content alone (image-identity.ts): the same for a copy elsewhere, with or without holes, and
   * another after any change.
   */
  readonly identity: string;
  readonly size: number;
  /** 512 or 4096, as its partition table says. */
  readonly blockSize: number;
  readonly device: Device;
  /** Raises IMAGE_IN_USE while a disk over it is open. */
  close(): Promise<void>;
}

export interface ImageProgress {
  /** `convert` makes a raw image of another format, `identify` reads the whole content once. */
  readonly step: 'convert' | 'identify';
  /** 0 to 1. */
  readonly fraction: number;
}

export interface OpenImageOptions {
  readonly progress?: (progress: ImageProgress) => void;
  readonly signal?: AbortSignal;
}

/** Names one disk: a host has one over each image that it was ever given. */
export interface DiskName {
  /** What the fleet calls the machine: 1 to 200 bytes. */
  readonly host: string;
  readonly image: Image;
}

/** What can be kept beside a disk: small, replaced as a whole. */
export const diskNoteKinds = ['reservations', 'information'] as const;
export type DiskNoteKind = (typeof diskNoteKinds)[number];

export interface DiskNote {
  /** What was saved last; undefined when nothing ever was. */
  load(): Promise<Uint8Array | undefined>;
  /** Durable when it is done; where it fails, the old content is still there. Raises FILE_NO_SPACE and its kin. */
  save(content: Uint8Array): Promise<void>;
}

export interface OpenDiskOptions {
  /** Makes the disk where there is none. Default true. */
  readonly make?: boolean;
}

export interface DiskSummary {
  readonly host: string;
  /** The first digits of the image's identity. */
  readonly imageIdentity: string;
  readonly size: number;
  /** Bytes that the disk takes beside the image. */
  readonly allocated: number;
}

/** A file that an image was opened from. */
export interface ImageSource {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** It still has that content, as far as its size and time of change tell. */
  readonly isCurrent: boolean;
}

/** What is kept of an image: what is known of its sources, what it was converted to, and the disks over it. */
export interface ImageSummary {
  /** The first digits of its identity. */
  readonly identity: string;
  /** Files that had this content when they were last read. */
  readonly sources: readonly ImageSource[];
  /** The raw image that was made of a file of another format. */
  readonly converted: { readonly path: string; readonly size: number; readonly allocated: number } | undefined;
  readonly disks: readonly DiskSummary[];
}

export interface RemoveImageOptions {
  /** Also the disks over it, with all that was written to them. Default false. */
  readonly withDisks?: boolean;
}

export interface Pool extends AsyncDisposable {
  /**
   * Opens an image; the same content again gives the same one. Raises IMAGE_NOT_FOUND, IMAGE_FORBIDDEN, IMAGE_IS_DIRECTORY,
   * IMAGE_EMPTY, IMAGE_NOT_A_DISK, IMAGE_COMPRESSED, IMAGE_CHANGED, IMAGE_CONVERTER_MISSING, IMAGE_CONVERSION_FAILED,
   * IMAGE_ABORTED.
   */
  openImage(path: string, options?: OpenImageOptions): Promise<Image>;
  /**
   * The host's own disk over the image, made on first sight. Closing the device closes the disk. Raises DISK_IN_USE, DISK_NAME,
   * DISK_NOT_FOUND where none may be made, and what the layer below says of damaged files (OVERLAY_...).
   */
  openDisk(name: DiskName, options?: OpenDiskOptions): Promise<Device>;
  /** A note of a disk that is open. Nothing is made before it is saved; it goes away with the disk. */
  noteOf(disk: DiskName, kind: DiskNoteKind): DiskNote;
  /**
   * Removes a host's disks: the one over the image of that identity (its first digits are enough), or all of them. Raises DISK_IN_USE,
   * then with all of them still there. Gives how many there were. Another process may have the pool open.
   */
  removeDisks(host: string, imageIdentity?: string): Promise<number>;
  listDisks(): DiskSummary[];
  /** Every image that something is kept of. */
  listImages(): ImageSummary[];
  /**
   * Removes what is kept of an image, never the file that it was opened from. Raises IMAGE_UNKNOWN, IMAGE_IN_USE while there are
   * disks over it or somebody serves it, and DISK_IN_USE; then everything is still there. Another process may have the pool open.
   */
  removeImage(identity: string, options?: RemoveImageOptions): Promise<void>;
  /** Closes the images; disks are closed by who opened them, before. */
  close(): Promise<void>;
}
