/** TFTP (RFC 1350) with the options of RFC 2347-2349 and 7440: packets, the server for reading, the reading client. No sockets. */
export type { TftpFile } from './block-source.ts';
export { normalizeFileName } from './file-name.ts';
export * from './packet.ts';
export * from './read-client.ts';
export * from './read-transfer.ts';
export * from './server.ts';
