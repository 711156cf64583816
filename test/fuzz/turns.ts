/** Waiting in turns of the event loop: nothing here has anything to do with time. */

/** Turns in which everything is over that is to be over at all. */
export const PATIENCE = 2000;

/** Resolves after so many turns. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits until it is so; false when it does not come to be so in any number of turns that is right. */
export async function until(done: () => boolean, patience = PATIENCE): Promise<boolean> {
  for (let turn = 0; turn < patience; turn++) {
    if (done()) return true;
    await turns(1);
  }
  return done();
}
