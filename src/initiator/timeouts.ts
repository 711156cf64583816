/** How long an initiator waits for what, in milliseconds. Nothing waits for ever. */

export interface Timeouts {
  /** For the TCP connection to one address. */
  readonly connect: number;
  /** From the connection to the full feature phase. */
  readonly login: number;
  /** For a SCSI command, from the moment it is sent. */
  readonly command: number;
  /** For the answer to a logout, a text request or a task management request. */
  readonly exchange: number;
  /** Silence of the target after which it is asked whether it is still there. */
  readonly keepaliveInterval: number;
  /** For the answer to that question; then the connection is given up. */
  readonly keepaliveTimeout: number;
  /** For a new session, where one is kept up; then commands fail until there is one. */
  readonly renewal: number;
}

/** open-iscsi's habits: 15 s for a login, 30 s for a command, a ping after 5 s of silence and 5 s for its answer, 120 s for a lost disk. */
export const defaultTimeouts: Timeouts = {
  connect: 10_000,
  login: 15_000,
  command: 30_000,
  exchange: 10_000,
  keepaliveInterval: 5_000,
  keepaliveTimeout: 5_000,
  renewal: 120_000,
};
