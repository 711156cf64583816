/** Hosts, leases and boots: what a boot server remembers of its fleet. */
export * from './boot.ts';
export * from './host.ts';
export * from './ipv6-lease.ts';
export * from './isns-records.ts';
export * from './lease.ts';
export * from './served-networks.ts';
export { SqliteFleetStore } from './sqlite/store.ts';
export * from './store.ts';
export * from './target-name.ts';
