/** Runs worlds one after the other, each by its own seed, until there have been enough inputs or enough time has gone. */

/** Something that takes random inputs and checks itself. */
export interface World {
  readonly violations: readonly string[];
  readonly lastInput: string;
  open(): Promise<void>;
  input(): Promise<void>;
  close(): Promise<void>;
}

export interface Finding {
  readonly seed: number;
  /** Which input of its world, from 0. */
  readonly input: number;
  readonly lastInput: string;
  readonly violations: readonly string[];
}

/** Inputs that one world takes. */
export const WORLD_INPUTS = 250;

/** Plays one seed; gives what it found, or undefined. The same seed does the same again. */
export async function playSeed(makeWorld: (seed: number) => World, seed: number): Promise<Finding | undefined> {
  const escaped: string[] = [];
  const note = (error: unknown): void => {
    escaped.push(`not caught: ${error instanceof Error ? error.stack : String(error)}`);
  };
  process.on('uncaughtException', note);
  process.on('unhandledRejection', note);
  const world = makeWorld(seed);
  let input = 0;
  const broken = (): boolean => world.violations.length + escaped.length > 0;
  try {
    await world.open();
    for (; input < WORLD_INPUTS && !broken(); input++) await world.input();
    if (!broken()) await world.close();
  } catch (error) {
    note(error);
  } finally {
    process.off('uncaughtException', note);
    process.off('unhandledRejection', note);
  }
  if (!broken()) return undefined;
  return { seed, input, lastInput: world.lastInput, violations: [...world.violations, ...escaped] };
}

export interface CampaignLimits {
  readonly firstSeed: number;
  readonly inputs: number;
  /** Milliseconds. */
  readonly time: number;
  /** Findings after which there is no sense in going on. Default 1. */
  readonly findings?: number;
  readonly onProgress?: (inputs: number) => void;
}

export interface CampaignResult {
  readonly inputs: number;
  readonly milliseconds: number;
  readonly findings: readonly Finding[];
}

export async function runCampaign(makeWorld: (seed: number) => World, limits: CampaignLimits): Promise<CampaignResult> {
  const started = performance.now();
  const elapsed = (): number => performance.now() - started;
  const findings: Finding[] = [];
  let inputs = 0;
  for (let seed = limits.firstSeed; inputs < limits.inputs && elapsed() < limits.time; seed++) {
    const finding = await playSeed(makeWorld, seed);
    inputs += finding?.input ?? WORLD_INPUTS;
    if (finding !== undefined) findings.push(finding);
    if (findings.length >= (limits.findings ?? 1)) break;
    limits.onProgress?.(inputs);
  }
  return { inputs, milliseconds: elapsed(), findings };
}

export function describeFinding(kind: string, { seed, input, lastInput, violations }: Finding): string {
  return [
    `${kind}, seed ${seed}, input ${input}: ${lastInput}`,
    ...violations.slice(0, 5).map((violation) => `  ${violation}`),
    `  again: node scripts/fuzz.ts --only ${kind} --seed ${seed}`,
  ].join('\n');
}
