/** A share of the long run (scripts/fuzz.ts): other seeds every time, and a finding says which. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeFinding, runCampaign } from './campaign.ts';
import { worlds } from './worlds.ts';

/** Milliseconds. */
const shares = { target: 4_000, commands: 3_000, recovery: 3_000, initiator: 2_000, parsers: 1_000 } as const;

for (const kind of ['target', 'commands', 'recovery', 'initiator', 'parsers'] as const) {
  test(`${kind}: whatever comes in, nothing breaks, nothing leaks and nobody else notices`, async (context) => {
    const firstSeed = Math.floor(Math.random() * 2 ** 31);
    const limits = { firstSeed, inputs: Number.POSITIVE_INFINITY, time: shares[kind] };
    const { inputs, findings } = await runCampaign(worlds[kind], limits);
    context.diagnostic(`${inputs} inputs from seed ${firstSeed}`);
    assert.deepEqual(
      findings.map((finding) => describeFinding(kind, finding)),
      [],
    );
    assert.ok(inputs > 0);
  });
}
