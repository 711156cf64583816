/** The iSCSI target: portals that serve Devices as logical units. */
export * from './access.ts';
export type { AuthenticationLimits } from './authentication-failures.ts';
export * from './directory.ts';
export * from './event.ts';
export type { KeepaliveOptions } from './keepalive.ts';
export type { LogicalUnit } from './logical-unit.ts';
export * from './portal.ts';
export * from './portal-group.ts';
export type { Session } from './session.ts';
export * from './target.ts';
