/**
 * V8 counts the fields of a class while its first seven objects are made, to know how much room an object needs. When a collection finds
 * none of the first six alive, it has forgotten their fields, and settles with the seventh that there are hardly any: what has no room
 * is added as if by name, and an object that gains many properties by name becomes a dictionary, as do all later ones of its class:
 * connections and sessions, in a server whose first ones have all ended. (Where tasks were dictionaries, a READ took twice as long.)
 *
 * So gaining properties by name makes no dictionary. No object here has so many that it should be one.
 */

import { setFlagsFromString } from 'node:v8';

/** For a program that runs long, as it starts: it holds for the whole process. */
export function keepObjectLayouts(): void {
  setFlagsFromString('--fast-properties-soft-limit=128');
}
