/** What the copy manager can do at most: told in OPERATING PARAMETERS and the Third-party Copy VPD page, and kept. */
export const CopyLimit = {
  targetDescriptors: 16,
  segmentDescriptors: 32,
  /** Bytes of both descriptor lists together, without the header. */
  descriptorListLength: 16 * 32 + 32 * 32,
  /** Bytes that one segment may copy. */
  segmentLength: 64 << 20,
  /** Copies that one nexus may have under way, or finished with their status kept. */
  copies: 16,
} as const;
