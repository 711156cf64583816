/**
 * The unit attention conditions of one unit (SAM-5). Each initiator port is told each condition once: resets first, which go before
 * everything else that a command could be told (SAM-5, status precedence), and then in the order in which they arose.
 */

export const Attention = {
  targetReset: 0x2902,
  unitReset: 0x2903,
  nexusLoss: 0x2907,
  modeParametersChanged: 0x2a01,
  logParametersChanged: 0x2a02,
  reservationsPreempted: 0x2a03,
  reservationsReleased: 0x2a04,
  registrationsPreempted: 0x2a05,
} as const;

export type Attention = (typeof Attention)[keyof typeof Attention];

function isReset(code: Attention): boolean {
  return code >>> 8 === 0x29;
}

export class AttentionsModel {
  readonly #pending = new Map<number, Attention[]>();

  tell(port: number, code: Attention): void {
    const pending = this.#pending.get(port) ?? [];
    if (!pending.includes(code)) this.#pending.set(port, [...pending, code]);
  }

  hasReset(port: number): boolean {
    return this.#pending.get(port)?.some(isReset) === true;
  }

  /** The next one that the port is told, which it is thereby. */
  take(port: number): Attention | undefined {
    const pending = this.#pending.get(port) ?? [];
    const next = pending.find(isReset) ?? pending[0];
    this.#pending.set(
      port,
      pending.filter((code) => code !== next),
    );
    return next;
  }

  forget(port: number): void {
    this.#pending.delete(port);
  }
}
