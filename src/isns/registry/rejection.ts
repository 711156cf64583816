/** A request that is refused as a whole (RFC 4171 §5.4). */

import type { Attribute } from '../attribute.ts';
import { Status, type StatusCode } from '../status.ts';

/** Never leaves the room: the server turns it into a response. */
export class Rejection extends Error {
  readonly status: StatusCode;
  /** What was wrong, where the response may say so. */
  readonly attributes: readonly Attribute[];

  constructor(status: StatusCode, message: string, attributes: readonly Attribute[] = []) {
    super(message);
    this.status = status;
    this.attributes = attributes;
  }
}

export function invalidRegistration(message: string, attributes: readonly Attribute[] = []): Rejection {
  return new Rejection(Status.invalidRegistration, message, attributes);
}
