/** The queries of a boot client (RFC 4018 §5.2, as RFC 4173 §6 uses them). */

import { ANYBODY } from './iscsi-target.ts';
import { escaped } from './text.ts';

/** Template text that was left over from a draft has this in boot-list for everybody. */
const ANYBODY_OF_DRAFT = 'iscsi';

const term = (tag: string, value: string): string => `(${tag}=${escaped(value)})`;

/** Query 1: where is this target? */
export function queryForTarget(targetName: string): string {
  return term('iscsi-name', targetName);
}

/** Query 4: which targets let in this initiator, or anybody? It is printed as a conjunction, and described as the disjunction that it is here. */
export function queryForInitiator(initiatorName: string): string {
  return `(|${term('auth-name', initiatorName)}${term('auth-name', ANYBODY)})`;
}

/** Query 7: from which targets may this initiator boot? Those that let it in, as a boot-list alone lets nobody in. */
export function queryForBootTargets(initiatorName: string): string {
  const listed = [initiatorName, ANYBODY, ANYBODY_OF_DRAFT].map((name) => term('boot-list', name)).join('');
  return `(&(|${listed})${queryForInitiator(initiatorName)})`;
}
