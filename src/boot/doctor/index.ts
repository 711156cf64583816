/** What is wrong with what machines that boot on a network would get. */
export * from './clients.ts';
export * from './examination.ts';
export * from './finding.ts';
export * from './observation.ts';
export * from './outlook.ts';
export { readRootPath } from './root-path-reading.ts';
