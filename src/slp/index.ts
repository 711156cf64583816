/**
 * SLPv2 (RFC 2608, RFC 3111 for IPv6) and the templates that RFC 4018 gives iSCSI: messages, predicates, the state machines of user,
 * service and directory agents. No sockets.
 */
export * from './advertisement.ts';
export * from './agent.ts';
export * from './attribute.ts';
export * from './body.ts';
export * from './configuration.ts';
export * from './directory-agent.ts';
export * from './endpoint.ts';
export * from './exchange.ts';
export * from './header.ts';
export * from './iscsi-query.ts';
export * from './iscsi-sms.ts';
export * from './iscsi-target.ts';
export * from './message.ts';
export * from './message-stream.ts';
export * from './multicast-exchange.ts';
export * from './multicast-group.ts';
export * from './predicate.ts';
export * from './predicate-match.ts';
export * from './protocol.ts';
export * from './refusal.ts';
export * from './registrar.ts';
export * from './registry.ts';
export * from './service-type.ts';
export * from './text.ts';
export * from './unicast-exchange.ts';
