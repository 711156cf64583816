/** iSNS (RFC 4171), as far as iSCSI needs it: messages, the client's side of a connection, and a server's registry, without sockets. */
export * from './attribute.ts';
export * from './bitmap.ts';
export * from './client.ts';
export * from './client-notice.ts';
export * from './message.ts';
export * from './message-reader.ts';
export * from './pdu.ts';
export type { Change } from './registry/database.ts';
export { decodeRecord, type RegistryRecord } from './registry/record.ts';
export { type AdministrativeRequest, Registry } from './registry/registry.ts';
export { defaultRegistrySettings, type RegistrySettings } from './registry/settings.ts';
export * from './status.ts';
export * from './tag.ts';
export * from './target-query.ts';
