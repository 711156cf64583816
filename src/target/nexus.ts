/**
 * An I_T nexus: one initiator port and this target's port (RFC 7143 §4.4.1). A session is one; logical units keep reservations and
 * unit attentions by nexus.
 */
export interface Nexus {
  readonly initiatorName: string;
  /** The initiator's part of the port name: six bytes as twelve hex digits. */
  readonly isid: string;
}
