/** What the eleven messages of SLPv2 say (RFC 2608 §8, §10). Lists are kept item by item as they are written, escapes included. */

import type { AuthenticationBlock, UrlEntry } from './url-entry.ts';

export interface ServiceRequest {
  readonly kind: 'SrvRqst';
  readonly previousResponders: readonly string[];
  readonly serviceType: string;
  readonly scopes: readonly string[];
  readonly predicate: string;
  readonly spi: string;
}

export interface ServiceReply {
  readonly kind: 'SrvRply';
  readonly errorCode: number;
  readonly urls: readonly UrlEntry[];
}

export interface ServiceRegistration {
  readonly kind: 'SrvReg';
  readonly url: UrlEntry;
  readonly serviceType: string;
  readonly scopes: readonly string[];
  /** An attribute list. */
  readonly attributes: string;
  readonly authenticationBlocks: readonly AuthenticationBlock[];
}

export interface ServiceDeregistration {
  readonly kind: 'SrvDeReg';
  readonly scopes: readonly string[];
  readonly url: UrlEntry;
  /** Tags whose attributes go; empty: the whole service does. */
  readonly tags: readonly string[];
}

export interface ServiceAcknowledgement {
  readonly kind: 'SrvAck';
  readonly errorCode: number;
}

export interface AttributeRequest {
  readonly kind: 'AttrRqst';
  readonly previousResponders: readonly string[];
  /** A URL, or a service type. */
  readonly url: string;
  readonly scopes: readonly string[];
  /** With asterisks (§9.4); empty: all. */
  readonly tags: readonly string[];
  readonly spi: string;
}

export interface AttributeReply {
  readonly kind: 'AttrRply';
  readonly errorCode: number;
  readonly attributes: string;
  readonly authenticationBlocks: readonly AuthenticationBlock[];
}

export interface DirectoryAgentAdvertisement {
  readonly kind: 'DAAdvert';
  readonly errorCode: number;
  /** Seconds since 1970 at which it last lost its registrations; 0: it is going down. */
  readonly bootTimestamp: number;
  readonly url: string;
  readonly scopes: readonly string[];
  readonly attributes: string;
  readonly spis: readonly string[];
  readonly authenticationBlocks: readonly AuthenticationBlock[];
}

export interface ServiceTypeRequest {
  readonly kind: 'SrvTypeRqst';
  readonly previousResponders: readonly string[];
  /** Empty: IANA's types; undefined: those of all authorities. */
  readonly namingAuthority: string | undefined;
  readonly scopes: readonly string[];
}

export interface ServiceTypeReply {
  readonly kind: 'SrvTypeRply';
  readonly errorCode: number;
  readonly serviceTypes: readonly string[];
}

export interface ServiceAgentAdvertisement {
  readonly kind: 'SAAdvert';
  readonly url: string;
  readonly scopes: readonly string[];
  readonly attributes: string;
  readonly authenticationBlocks: readonly AuthenticationBlock[];
}

export type SlpBody =
  | ServiceRequest
  | ServiceReply
  | ServiceRegistration
  | ServiceDeregistration
  | ServiceAcknowledgement
  | AttributeRequest
  | AttributeReply
  | DirectoryAgentAdvertisement
  | ServiceTypeRequest
  | ServiceTypeReply
  | ServiceAgentAdvertisement;
