/** The iSCSI initiator: discovery, sessions, and remote logical units as Devices. */
export * from './discovery.ts';
export * from './initiator.ts';
export * from './lasting-session.ts';
export * from './logical-unit.ts';
export * from './remote-device.ts';
export * from './scsi-request.ts';
export * from './session.ts';
export * from './target-address.ts';
export type { ManagementRequest, ManagementResult } from './task-management.ts';
export * from './timeouts.ts';
export * from './unit-identity.ts';
