/** Where images and disks live. */
export * from './local.ts';
export * from './pool.ts';
