/**
 * Command numbering and flow control of a session (RFC 7143 §4.2.2.1): which CmdSN comes next, and whether the target takes another
 * command now.
 */

import { serialAdd, serialLess, serialLessOrEqual } from '../bytes/index.ts';

export class CommandWindow {
  #cmdSN: number;
  #expCmdSN: number;
  #maxCmdSN: number;

  /** The numbers with which the login left off. */
  constructor(cmdSN: number, expCmdSN: number, maxCmdSN: number) {
    this.#cmdSN = cmdSN;
    this.#expCmdSN = expCmdSN;
    this.#maxCmdSN = maxCmdSN;
  }

  /** The number of the next command, which an immediate command carries without using it up. */
  get cmdSN(): number {
    return this.#cmdSN;
  }

  /** Whether a command that is not immediate may be sent. */
  get open(): boolean {
    return serialLessOrEqual(this.#cmdSN, this.#maxCmdSN);
  }

  /** The number for a command that is not immediate. */
  take(): number {
    const cmdSN = this.#cmdSN;
    this.#cmdSN = serialAdd(cmdSN, 1);
    return cmdSN;
  }

  /** Takes what a PDU of the target says. Older values, which may arrive late, change nothing. */
  update(expCmdSN: number, maxCmdSN: number): void {
    // "If the PDU MaxCmdSN is less than the PDU ExpCmdSN-1, they are both ignored."
    if (serialLess(maxCmdSN, serialAdd(expCmdSN, -1))) return;
    if (serialLess(this.#maxCmdSN, maxCmdSN)) this.#maxCmdSN = maxCmdSN;
    if (serialLess(this.#expCmdSN, expCmdSN)) this.#expCmdSN = expCmdSN;
  }
}
