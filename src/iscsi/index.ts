/** iSCSI without I/O: PDUs and their stream, text keys and their negotiation, both ends of the login, CHAP, names, the Root Path. */
export * from './additional-header.ts';
export * from './chap.ts';
export * from './initiator-login.ts';
export * from './keys.ts';
export * from './login-request.ts';
export * from './login-status.ts';
export * from './name.ts';
export * from './negotiation.ts';
export * from './opcode.ts';
export * from './parameters.ts';
export * from './pdu.ts';
export * from './pdu-reader.ts';
export * from './pdu-writer.ts';
export * from './root-path.ts';
export * from './target-login.ts';
export * from './text.ts';
