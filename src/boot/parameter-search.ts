/** A search for parameters in what servers said: each has its places, the one that counts most first. */

import { ProtocolError } from '../bytes/index.ts';
import type { StageTrace } from './trace.ts';

export interface Found<T> {
  readonly value: T;
  /** Such as `option 17 (root path) of the ACK of 192.0.2.1`. */
  readonly origin: string;
}

/** A message with what people call it. */
export interface NamedMessage<Message> {
  readonly name: string;
  readonly message: Message;
}

/** A place in a message. */
export interface Place<Message, T> {
  readonly name: string;
  /** Undefined when it is not there. Raises ProtocolError when it is there and malformed. */
  readonly read: (message: Message) => T | undefined;
}

/** A place that says something that cannot be used. */
export interface UnusablePlace<Parameter> {
  readonly parameter: Parameter;
  /** As in `Found`. */
  readonly origin: string;
  readonly error: ProtocolError;
}

export class ParameterSearch<Message, Parameter> {
  readonly #messages: readonly NamedMessage<Message>[];
  readonly #unusable: UnusablePlace<Parameter>[] = [];

  /** What an earlier message says counts more. */
  constructor(messages: readonly NamedMessage<Message>[]) {
    this.#messages = messages;
  }

  /** What was passed over, whether another place has the parameter or not. */
  get unusable(): readonly UnusablePlace<Parameter>[] {
    return this.#unusable;
  }

  /** What counts most of all that can be used. */
  find<T>(parameter: Parameter, places: readonly Place<Message, T>[]): Found<T> | undefined {
    const found = places.flatMap(({ name, read }) =>
      this.#messages.flatMap((each): Found<T>[] => {
        const origin = `${name} of the ${each.name}`;
        try {
          const value = read(each.message);
          return value === undefined ? [] : [{ value, origin }];
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          this.#unusable.push({ parameter, origin, error });
          return [];
        }
      }),
    );
    return found[0];
  }
}

export function tellUnusable(unusable: readonly UnusablePlace<unknown>[], trace: StageTrace): void {
  for (const { origin, error } of unusable) {
    trace.step(`${origin} is passed over, as it cannot be used: ${error.message} (${error.code})`);
  }
}

/** Raises what is wrong with the first place of a parameter that is missed. */
export function refuseMissed<Parameter>(
  unusable: readonly UnusablePlace<Parameter>[],
  isMissed: (parameter: Parameter) => boolean,
): void {
  const first = unusable.find(({ parameter }) => isMissed(parameter));
  if (first !== undefined) throw first.error;
}

export function nameOfOption({ code, name }: { readonly code: number; readonly name: string }): string {
  return `option ${code} (${name})`;
}
