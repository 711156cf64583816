/** Devices and the layers that stack on them: files, memory, an image's cache, copy-on-write disks, injected faults. */
export * from './cache.ts';
export * from './device.ts';
export * from './fault-device.ts';
export * from './file-device.ts';
export * from './memory-device.ts';
export * from './nbd-device.ts';
export * from './nbd-server.ts';
export * from './overlay.ts';
export type { OverlayPaths } from './overlay-files.ts';
