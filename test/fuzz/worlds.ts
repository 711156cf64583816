/** What can be fuzzed, by name. */

import type { World } from './campaign.ts';
import { CommandsWorld } from './commands/commands-world.ts';
import { InitiatorWorld } from './initiator-world.ts';
import { ParserWorld } from './parser-world.ts';
import { RecoveryWorld } from './recovery/recovery-world.ts';
import { TargetWorld } from './target/target-world.ts';

export const worlds = {
  target: (seed: number) => new TargetWorld(seed),
  commands: (seed: number) => new CommandsWorld(seed),
  recovery: (seed: number) => new RecoveryWorld(seed),
  initiator: (seed: number) => new InitiatorWorld(seed),
  parsers: (seed: number) => new ParserWorld(seed),
} satisfies Record<string, (seed: number) => World>;
