/** SCSI as data and rules: command descriptor blocks, sense, LUNs, INQUIRY and mode pages. */
export * from './additional-sense.ts';
export * from './capacity.ts';
export * from './cdb.ts';
export * from './command-table.ts';
export * from './designator.ts';
export * from './inquiry.ts';
export * from './lba-status.ts';
export * from './lun.ts';
export * from './mode-page.ts';
export * from './report-luns.ts';
export * from './sense.ts';
export * from './status.ts';
export * from './supported-operation-codes.ts';
export * from './unmap.ts';
export * from './vital-product-data.ts';
