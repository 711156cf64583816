/** The iSCSI Boot Firmware Table: what a boot client leaves behind for the system that it starts. */
export * from './decode.ts';
export * from './encode.ts';
export * from './table.ts';
