/** Binary layouts, serial-number arithmetic, addresses, patience and the typed errors that every other room builds on. */
export * from './asking-twice.ts';
export * from './byte-queue.ts';
export * from './crc32c.ts';
export * from './error.ts';
export * from './ip-network.ts';
export * from './ipv4.ts';
export * from './ipv6.ts';
export * from './layout.ts';
export * from './mac.ts';
export * from './option-codec.ts';
export * from './part.ts';
export * from './patience.ts';
export * from './pieces.ts';
export * from './printable.ts';
export * from './serial.ts';
export * from './size-text.ts';
