/** The discovery service stage (RFC 4173 §6) in the form that every target answers: SendTargets, asked of a known server. */

import { DisklessError } from '../bytes/index.ts';
import type { Initiator } from '../initiator/initiator.ts';
import { formatPortal, type Portal } from '../initiator/target-address.ts';
import type { Facts, StageTrace } from './trace.ts';

/** One way to a target. */
export interface Candidate {
  readonly portal: Portal;
  readonly targetName: string;
}

/** Every target with every address of it, in the server's order. Raises BOOT_TARGET_NOT_FOUND, and what the initiator raises. */
export async function runDiscoveryStage(
  initiator: Initiator,
  portal: Portal,
  signal: AbortSignal,
  trace: StageTrace,
): Promise<Candidate[]> {
  trace.step(`SendTargets to ${formatPortal(portal)}`);
  const targets = await initiator.discover(portal, { signal });
  for (const { name, addresses } of targets) trace.step(`${name} at ${addresses.map(formatPortal).join(', ')}`);
  if (targets.length > 0) {
    return targets.flatMap(({ name, addresses }) =>
      addresses.map((address) => ({ portal: address, targetName: name })),
    );
  }
  throw new DisklessError('BOOT_TARGET_NOT_FOUND', `${formatPortal(portal)} offers this initiator no target`, {
    hint: 'Allow the initiator name to use a target, or give another one with --initiator.',
  });
}

export function describeCandidates(candidates: readonly Candidate[]): { text: string; facts: Facts } {
  const names = [...new Set(candidates.map(({ targetName }) => targetName))];
  const others = names.length > 1 ? ` and ${names.length - 1} more` : '';
  return {
    text: `${names[0]}${others}`,
    facts: { targets: candidates.map(({ portal, targetName }) => ({ targetName, address: formatPortal(portal) })) },
  };
}
