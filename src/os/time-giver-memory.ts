/** What the loop and the thread that gives files their time share: an array of numbers of 32 bits, and their places in it. */

/** Files that are given their time at once. */
export const MOST_FILES = 256;

/** Whose turn it is. */
export const STATE = 0;
/** What came of the last call. */
export const RESULT = 1;
/** How many descriptors there are from FILES on. */
export const COUNT = 2;
export const FILES = 3;

export const State = { idle: 0, asked: 1, starting: 2, ended: 3 } as const;
export const Result = { given: 0, refused: 1 } as const;
