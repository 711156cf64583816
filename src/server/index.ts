/** The boot server: DHCP, TFTP, HTTP and an iSCSI target over one image, wired together. */
export { BootServer } from './boot-server.ts';
export * from './events.ts';
export * from './options.ts';
export type { Platform } from './parts.ts';
