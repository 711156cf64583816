/**
 * What a command goes through here is many small functions, each of which does one thing. V8 makes one piece of machine code of a
 * function and those that it calls, up to 920 bytes of bytecode: that is far less than what a READ needs, and each call that is left
 * costs some nanoseconds.
 */

import { setFlagsFromString } from 'node:v8';

/** Bytes of bytecode. With half as many again a READ was hardly any quicker. */
const LIMIT = 3000;

/** For a program that runs long, as it starts: it holds for the whole process, and for what is compiled from then on. */
export function inlineFurther(): void {
  setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${LIMIT}`);
}
