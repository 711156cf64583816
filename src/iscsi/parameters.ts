/** The operational parameters of a session and of a connection, as both sides use them once login is over (RFC 7143 §13). */

/** What a target promises about the order and the end of tasks: each value includes those before it (RFC 7143 §13.23). */
export const TASK_REPORTING = ['RFC3720', 'ResponseFence', 'FastAbort'] as const;
export type TaskReporting = (typeof TASK_REPORTING)[number];

export interface Parameters {
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
  readonly maxConnections: number;
  readonly initialR2T: boolean;
  readonly immediateData: boolean;
  /** Bytes of a data segment that the other side takes: the bound of what is sent to it. */
  readonly maxSendDataSegmentLength: number;
  /** Bytes of a data segment that this side declared to take. */
  readonly maxRecvDataSegmentLength: number;
  readonly maxBurstLength: number;
  readonly firstBurstLength: number;
  /** Seconds to wait before reconnecting, and to keep tasks after a connection failed. */
  readonly defaultTime2Wait: number;
  readonly defaultTime2Retain: number;
  readonly maxOutstandingR2T: number;
  readonly dataPDUInOrder: boolean;
  readonly dataSequenceInOrder: boolean;
  readonly errorRecoveryLevel: number;
  readonly taskReporting: TaskReporting;
  /** 2: what RFC 7144 adds may be used. */
  readonly iSCSIProtocolLevel: number;
}

/** What holds when a key is never negotiated (the defaults of RFC 7143 §13). */
export const defaultParameters: Parameters = {
  headerDigest: false,
  dataDigest: false,
  maxConnections: 1,
  initialR2T: true,
  immediateData: true,
  maxSendDataSegmentLength: 8192,
  maxRecvDataSegmentLength: 8192,
  maxBurstLength: 262_144,
  firstBurstLength: 65_536,
  defaultTime2Wait: 2,
  defaultTime2Retain: 20,
  maxOutstandingR2T: 1,
  dataPDUInOrder: true,
  dataSequenceInOrder: true,
  errorRecoveryLevel: 0,
  taskReporting: 'RFC3720',
  iSCSIProtocolLevel: 1,
};

/** What one side can do and would like best: its offers, and the bounds of its answers. */
export interface Wishes {
  /** In order of preference. A side that lists no `None` insists on the digest. */
  readonly headerDigest: readonly ('None' | 'CRC32C')[];
  readonly dataDigest: readonly ('None' | 'CRC32C')[];
  readonly maxConnections: number;
  /** False: this side can do without the first R2T. */
  readonly initialR2T: boolean;
  readonly immediateData: boolean;
  readonly maxRecvDataSegmentLength: number;
  readonly maxBurstLength: number;
  readonly firstBurstLength: number;
  readonly defaultTime2Wait: number;
  readonly defaultTime2Retain: number;
  readonly maxOutstandingR2T: number;
  readonly dataPDUInOrder: boolean;
  readonly dataSequenceInOrder: boolean;
  readonly errorRecoveryLevel: number;
  /** The best that this side does; it does what is less as well. */
  readonly taskReporting: TaskReporting;
  readonly iSCSIProtocolLevel: number;
}

export const defaultWishes: Wishes = {
  headerDigest: ['None', 'CRC32C'],
  dataDigest: ['None', 'CRC32C'],
  maxConnections: 1,
  initialR2T: false,
  immediateData: true,
  maxRecvDataSegmentLength: 262_144,
  maxBurstLength: 1_048_576,
  firstBurstLength: 262_144,
  defaultTime2Wait: 2,
  defaultTime2Retain: 0,
  maxOutstandingR2T: 1,
  dataPDUInOrder: true,
  dataSequenceInOrder: true,
  errorRecoveryLevel: 0,
  taskReporting: 'RFC3720',
  iSCSIProtocolLevel: 1,
};
