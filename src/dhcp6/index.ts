/** DHCPv6 (RFC 8415) with the boot options of RFC 5970: messages, a client and a server. No sockets. */
export * from './boot-client.ts';
export * from './client/client.ts';
export { bootParameter, type Dhcp6Information, type Dhcp6Lease, type LeasedAddress } from './client/lease.ts';
export { bootOptionRequest, type Dhcp6ClientOptions } from './client/options.ts';
export type { Dhcp6ClientAction } from './client/state.ts';
export * from './datagram.ts';
export * from './detect.ts';
export * from './duid.ts';
export * from './message.ts';
export * from './option.ts';
export type {
  IaAddress,
  IdentityAssociation,
  NetworkInterfaceIdentifier,
  OptionCodec,
  Status,
  VendorClass,
  VendorOptions,
} from './option-codec.ts';
export * from './option-list.ts';
export type { BootAnswer } from './server/boot-answer.ts';
export * from './server/event.ts';
export * from './server/lease.ts';
export * from './server/link.ts';
export type { ReplyPorts } from './server/reply.ts';
export * from './server/reservations.ts';
export * from './server/server.ts';
export * from './summary.ts';
