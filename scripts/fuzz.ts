/**
 * The long run of the fuzzers:
 *
 *     npm run fuzz [-- --inputs 1000000] [--only target|commands|recovery|initiator|parsers] [--from SEED] [--seed N] [--findings N]
 *
 * The seeds go up from `--from`. `--seed` plays one world again, the one that a finding names. Ends with 1 when something was found.
 */

import { parseArgs } from 'node:util';
import { describeFinding, playSeed, runCampaign } from '../test/fuzz/campaign.ts';
import { memoryInUse } from '../test/fuzz/memory-in-use.ts';
import { worlds } from '../test/fuzz/worlds.ts';

/** What a long run may add to the memory of the process once garbage is gone: caches warm up, nothing more. */
const GROWTH_BOUND = 64 << 20;

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '1000000' },
    only: { type: 'string' },
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    findings: { type: 'string', default: '10' },
  },
});

async function main(): Promise<number> {
  let failed = 0;
  for (const [kind, makeWorld] of Object.entries(worlds)) {
    if (values.only !== undefined && values.only !== kind) continue;
    if (values.seed !== undefined) {
      const finding = await playSeed(makeWorld, Number(values.seed));
      console.log(
        finding === undefined ? `${kind}, seed ${values.seed}: nothing found` : describeFinding(kind, finding),
      );
      failed += finding === undefined ? 0 : 1;
      continue;
    }
    const firstSeed = Number(values.from);
    await runCampaign(makeWorld, { firstSeed, inputs: 20_000, time: Number.POSITIVE_INFINITY });
    const before = memoryInUse();
    let reported = 0;
    const { inputs, milliseconds, findings } = await runCampaign(makeWorld, {
      firstSeed,
      inputs: Number(values.inputs),
      time: Number.POSITIVE_INFINITY,
      findings: Number(values.findings),
      onProgress: (done) => {
        if (done - reported < 100_000) return;
        reported = done;
        console.log(`${kind}: ${done} inputs, ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB resident`);
      },
    });
    const growth = memoryInUse() - before;
    for (const finding of findings) console.log(describeFinding(kind, finding));
    const rate = Math.round((inputs / milliseconds) * 1000);
    console.log(
      `${kind}: ${inputs} inputs in ${(milliseconds / 1000).toFixed(1)} s, ${rate} a second, ${findings.length} findings, ` +
        `memory in use ${growth < 0 ? 'fell' : 'grew'} by ${(Math.abs(growth) / 2 ** 20).toFixed(1)} MiB`,
    );
    if (growth > GROWTH_BOUND) console.log(`${kind}: more than ${GROWTH_BOUND / 2 ** 20} MiB is a leak`);
    failed += findings.length + (growth > GROWTH_BOUND ? 1 : 0);
  }
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main();
