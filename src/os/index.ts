/** The platform: network, files, processes, clock. Each is an interface with its real implementation. */
export { pollBusily } from './busy-polling.ts';
export * from './clock.ts';
export * from './file.ts';
export * from './foreground-process.ts';
export { type HttpAnswer, type HttpClient, nodeHttpClient } from './http-client.ts';
export { inlineFurther } from './inlining.ts';
export * from './local-sockets.ts';
export * from './network.ts';
export { nodeFileSystem } from './node-file-system.ts';
export { nodeLocalSockets } from './node-local-sockets.ts';
export { nodeNetwork } from './node-network.ts';
export { keepObjectLayouts } from './object-layouts.ts';
export { type RunProcess, runProcess } from './process.ts';
export { collectShortLivedMemory } from './short-lived-memory.ts';
export { makeTemporaryDirectory, type TemporaryDirectory } from './temporary-directory.ts';
