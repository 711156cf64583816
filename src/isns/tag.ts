/** Attributes of iSNS objects, by their tags (RFC 4171 §6.1): as far as iSCSI needs them. */

export const Tag = {
  delimiter: 0,
  entityIdentifier: 1,
  entityProtocol: 2,
  managementIpAddress: 3,
  timestamp: 4,
  protocolVersionRange: 5,
  registrationPeriod: 6,
  entityIndex: 7,
  entityNextIndex: 8,
  entityIsakmpPhase1: 11,
  entityCertificate: 12,
  portalIpAddress: 16,
  portalPort: 17,
  portalSymbolicName: 18,
  esiInterval: 19,
  esiPort: 20,
  portalIndex: 22,
  scnPort: 23,
  portalNextIndex: 24,
  portalSecurityBitmap: 27,
  portalIsakmpPhase1: 28,
  portalIsakmpPhase2: 29,
  portalCertificate: 31,
  iscsiName: 32,
  iscsiNodeType: 33,
  iscsiAlias: 34,
  iscsiScnBitmap: 35,
  iscsiNodeIndex: 36,
  wwnnToken: 37,
  iscsiNodeNextIndex: 38,
  iscsiAuthMethod: 42,
  pgIscsiName: 48,
  pgPortalIpAddress: 49,
  pgPortalPort: 50,
  portalGroupTag: 51,
  pgIndex: 52,
  pgNextIndex: 53,
  serverVendorOui: 256,
  ddsId: 2049,
  ddsSymbolicName: 2050,
  ddsStatus: 2051,
  ddsNextId: 2052,
  ddId: 2065,
  ddSymbolicName: 2066,
  ddMemberIscsiIndex: 2067,
  ddMemberIscsiName: 2068,
  ddMemberPortalIndex: 2070,
  ddMemberPortalIpAddress: 2071,
  ddMemberPortalPort: 2072,
  ddFeatures: 2078,
  ddNextId: 2079,
} as const;

/** What an object is (RFC 4171 §3). */
export type ObjectType = 'entity' | 'portal' | 'node' | 'portalGroup' | 'domain' | 'domainSet';

/** How a value is written: numbers of 4 and 8 bytes, an IP address of 16, text with a NUL at its end, or anything. */
export type Format = 'u32' | 'u64' | 'ip' | 'text' | 'name' | 'bytes';

export interface AttributeKind {
  readonly object: ObjectType | 'server';
  readonly format: Format;
  /** Registered by nobody: the server makes it up (RFC 4171 §6.1, "Reg Key" is "--"). */
  readonly readOnly?: true;
}

/** Tags of the object's key, in their order (RFC 4171 §5.6.4). */
export const keyTags: Readonly<Record<ObjectType, readonly number[]>> = {
  entity: [Tag.entityIdentifier],
  portal: [Tag.portalIpAddress, Tag.portalPort],
  node: [Tag.iscsiName],
  portalGroup: [Tag.pgIscsiName, Tag.pgPortalIpAddress, Tag.pgPortalPort],
  domain: [Tag.ddId],
  domainSet: [Tag.ddsId],
};

/** The number that stands for an object where its key is too long. */
export const indexTags: Readonly<Record<ObjectType, number>> = {
  entity: Tag.entityIndex,
  portal: Tag.portalIndex,
  node: Tag.iscsiNodeIndex,
  portalGroup: Tag.pgIndex,
  domain: Tag.ddId,
  domainSet: Tag.ddsId,
};

/** Asks for a number that is free (RFC 4171 §6.2.8). */
export const nextIndexTags: Readonly<Record<ObjectType, number>> = {
  entity: Tag.entityNextIndex,
  portal: Tag.portalNextIndex,
  node: Tag.iscsiNodeNextIndex,
  portalGroup: Tag.pgNextIndex,
  domain: Tag.ddNextId,
  domainSet: Tag.ddsNextId,
};

/** Members of a discovery domain: each has some of these, and there are many. */
export const memberTags: ReadonlySet<number> = new Set([
  Tag.ddMemberIscsiIndex,
  Tag.ddMemberIscsiName,
  Tag.ddMemberPortalIndex,
  Tag.ddMemberPortalIpAddress,
  Tag.ddMemberPortalPort,
]);

const kinds: ReadonlyMap<number, AttributeKind> = new Map<number, AttributeKind>([
  [Tag.entityIdentifier, { object: 'entity', format: 'text' }],
  [Tag.entityProtocol, { object: 'entity', format: 'u32' }],
  [Tag.managementIpAddress, { object: 'entity', format: 'ip' }],
  [Tag.timestamp, { object: 'entity', format: 'u64', readOnly: true }],
  [Tag.protocolVersionRange, { object: 'entity', format: 'u32' }],
  [Tag.registrationPeriod, { object: 'entity', format: 'u32' }],
  [Tag.entityIndex, { object: 'entity', format: 'u32' }],
  [Tag.entityNextIndex, { object: 'entity', format: 'u32', readOnly: true }],
  [Tag.entityIsakmpPhase1, { object: 'entity', format: 'bytes' }],
  [Tag.entityCertificate, { object: 'entity', format: 'bytes' }],
  [Tag.portalIpAddress, { object: 'portal', format: 'ip' }],
  [Tag.portalPort, { object: 'portal', format: 'u32' }],
  [Tag.portalSymbolicName, { object: 'portal', format: 'text' }],
  [Tag.esiInterval, { object: 'portal', format: 'u32' }],
  [Tag.esiPort, { object: 'portal', format: 'u32' }],
  [Tag.portalIndex, { object: 'portal', format: 'u32' }],
  [Tag.scnPort, { object: 'portal', format: 'u32' }],
  [Tag.portalNextIndex, { object: 'portal', format: 'u32', readOnly: true }],
  [Tag.portalSecurityBitmap, { object: 'portal', format: 'u32' }],
  [Tag.portalIsakmpPhase1, { object: 'portal', format: 'bytes' }],
  [Tag.portalIsakmpPhase2, { object: 'portal', format: 'bytes' }],
  [Tag.portalCertificate, { object: 'portal', format: 'bytes' }],
  [Tag.iscsiName, { object: 'node', format: 'name' }],
  [Tag.iscsiNodeType, { object: 'node', format: 'u32' }],
  [Tag.iscsiAlias, { object: 'node', format: 'text' }],
  [Tag.iscsiScnBitmap, { object: 'node', format: 'u32' }],
  [Tag.iscsiNodeIndex, { object: 'node', format: 'u32' }],
  [Tag.wwnnToken, { object: 'node', format: 'u64' }],
  [Tag.iscsiNodeNextIndex, { object: 'node', format: 'u32', readOnly: true }],
  [Tag.iscsiAuthMethod, { object: 'node', format: 'text' }],
  [Tag.pgIscsiName, { object: 'portalGroup', format: 'name' }],
  [Tag.pgPortalIpAddress, { object: 'portalGroup', format: 'ip' }],
  [Tag.pgPortalPort, { object: 'portalGroup', format: 'u32' }],
  [Tag.portalGroupTag, { object: 'portalGroup', format: 'u32' }],
  [Tag.pgIndex, { object: 'portalGroup', format: 'u32' }],
  [Tag.pgNextIndex, { object: 'portalGroup', format: 'u32', readOnly: true }],
  [Tag.serverVendorOui, { object: 'server', format: 'u32', readOnly: true }],
  [Tag.ddsId, { object: 'domainSet', format: 'u32' }],
  [Tag.ddsSymbolicName, { object: 'domainSet', format: 'text' }],
  [Tag.ddsStatus, { object: 'domainSet', format: 'u32' }],
  [Tag.ddsNextId, { object: 'domainSet', format: 'u32', readOnly: true }],
  [Tag.ddId, { object: 'domain', format: 'u32' }],
  [Tag.ddSymbolicName, { object: 'domain', format: 'text' }],
  [Tag.ddMemberIscsiIndex, { object: 'domain', format: 'u32' }],
  [Tag.ddMemberIscsiName, { object: 'domain', format: 'name' }],
  [Tag.ddMemberPortalIndex, { object: 'domain', format: 'u32' }],
  [Tag.ddMemberPortalIpAddress, { object: 'domain', format: 'ip' }],
  [Tag.ddMemberPortalPort, { object: 'domain', format: 'u32' }],
  [Tag.ddFeatures, { object: 'domain', format: 'u32' }],
  [Tag.ddNextId, { object: 'domain', format: 'u32', readOnly: true }],
]);

/** First and last tag of what vendors may define (RFC 4171 §6.10): kept byte for byte. */
const vendorRanges = [
  [385, 512, 'entity'],
  [513, 640, 'portal'],
  [641, 768, 'node'],
  [1025, 1280, 'domainSet'],
  [1281, 1536, 'domain'],
] as const;

/** Undefined for tags that are nobody's, or Fibre Channel's. */
export function kindOf(tag: number): AttributeKind | undefined {
  const known = kinds.get(tag);
  if (known !== undefined) return known;
  const range = vendorRanges.find(([first, last]) => tag >= first && tag <= last);
  return range === undefined ? undefined : { object: range[2], format: 'bytes' };
}
