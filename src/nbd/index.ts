/** NBD: the handshakes, requests and replies of both ends. No sockets. */
export * from './client-handshake.ts';
export * from './dialogue.ts';
export * from './option-data.ts';
export * from './outstanding.ts';
export * from './protocol.ts';
export * from './reply.ts';
export * from './reply-reader.ts';
export * from './request.ts';
export * from './server-handshake.ts';
export * from './uri.ts';
