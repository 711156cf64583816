/** RFC 4173's client: the plan, the stages, their trace, and the disk that a boot ends with. */

export * from './boot.ts';
export * from './boot-parameters.ts';
export * from './boot-request.ts';
export * from './boot-sector.ts';
export * from './boot-stage.ts';
export * from './candidate.ts';
export * from './copy.ts';
export * from './dhcp-stage.ts';
export * from './dhcp6-stage.ts';
export * from './discovery-service.ts';
export * from './discovery-stage.ts';
export * from './doctor/index.ts';
export * from './environment.ts';
export * from './file-system.ts';
export * from './hand-over-attach.ts';
export * from './hand-over-ibft.ts';
export * from './hand-over-nbd.ts';
export * from './partition-table.ts';
export * from './plan.ts';
export * from './planned-stages.ts';
export * from './software-source.ts';
export * from './software-stage.ts';
export * from './trace.ts';
export * from './usable-ipv6.ts';
