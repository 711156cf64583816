/**
 * libiscsi's conformance tool against `diskless target`. A test that the tool leaves out counts as "passed" for it, so what it
 * says it skipped is looked for, and every test that must really pass is named here.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requires } from '../support/requires.ts';
import { TargetProgram } from '../support/target-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** Tests by suite, all of which run and pass. */
const passing: Readonly<Record<string, readonly string[]>> = {
  GetLBAStatus: ['Simple', 'BeyondEol'],
  Inquiry: ['Standard', 'AllocLength', 'EVPD', 'BlockLimits', 'MandatoryVPDSBC', 'SupportedVPD', 'VersionDescriptors'],
  Mandatory: ['MandatorySBC'],
  ModeSense6: ['AllPages', 'Control', 'Control-D_SENSE', 'Control-SWP', 'Residuals'],
  Prefetch10: ['Simple', 'BeyondEol', 'ZeroBlocks', 'Flags'],
  Prefetch16: ['Simple', 'BeyondEol', 'ZeroBlocks', 'Flags'],
  Read6: ['Simple', 'BeyondEol'],
  Read10: ['Simple', 'BeyondEol', 'ZeroBlocks', 'ReadProtect', 'DpoFua', 'Async'],
  Read12: ['Simple', 'BeyondEol', 'ZeroBlocks', 'ReadProtect', 'DpoFua'],
  Read16: ['Simple', 'BeyondEol', 'ZeroBlocks', 'ReadProtect', 'DpoFua'],
  ReadCapacity10: ['Simple'],
  ReadCapacity16: ['Simple', 'Alloclen', 'PI', 'Support'],
  ReadDefectData10: ['Simple'],
  ReadDefectData12: ['Simple'],
  ReportSupportedOpcodes: ['Simple', 'OneCommand', 'RCTD', 'SERVACTV'],
  Reserve6: ['Simple', '2Initiators', 'Logout', 'ITNexusLoss', 'TargetColdReset', 'TargetWarmReset', 'LUNReset'],
  TestUnitReady: ['Simple'],
  Unmap: ['Simple', 'VPD', 'ZeroBlocks'],
  Verify10: ['Simple', 'BeyondEol', 'ZeroBlocks', 'VerifyProtect', 'Flags', 'Dpo', 'Mismatch', 'MismatchNoCmp'],
  Verify12: ['Simple', 'BeyondEol', 'ZeroBlocks', 'VerifyProtect', 'Flags', 'Dpo', 'Mismatch', 'MismatchNoCmp'],
  Verify16: ['Simple', 'BeyondEol', 'ZeroBlocks', 'VerifyProtect', 'Flags', 'Dpo', 'Mismatch', 'MismatchNoCmp'],
  Write10: ['Simple', 'BeyondEol', 'ZeroBlocks', 'WriteProtect', 'DpoFua', 'Async'],
  Write12: ['Simple', 'BeyondEol', 'ZeroBlocks', 'WriteProtect', 'DpoFua'],
  Write16: ['Simple', 'BeyondEol', 'ZeroBlocks', 'WriteProtect', 'DpoFua'],
  WriteSame10: [
    'Simple',
    'BeyondEol',
    'ZeroBlocks',
    'WriteProtect',
    'Unmap',
    'UnmapUnaligned',
    'UnmapUntilEnd',
    'UnmapVPD',
    'Check',
    'InvalidDataOutSize',
  ],
  WriteSame16: [
    'Simple',
    'BeyondEol',
    'ZeroBlocks',
    'WriteProtect',
    'Unmap',
    'UnmapUnaligned',
    'UnmapUntilEnd',
    'UnmapVPD',
    'Check',
    'InvalidDataOutSize',
  ],
  WriteVerify10: ['Simple', 'BeyondEol', 'ZeroBlocks', 'WriteProtect', 'Flags', 'Dpo'],
  WriteVerify12: ['Simple', 'BeyondEol', 'ZeroBlocks', 'WriteProtect', 'Flags', 'Dpo'],
  WriteVerify16: ['Simple', 'BeyondEol', 'ZeroBlocks', 'WriteProtect', 'Flags', 'Dpo'],
  iSCSIcmdsn: ['iSCSICmdSnTooHigh', 'iSCSICmdSnTooLow'],
  iSCSIdatasn: ['iSCSIDataSnInvalid'],
  iSCSIResiduals: [
    'Read10Invalid',
    'Read10Residuals',
    'Read12Residuals',
    'Read16Residuals',
    'Write10Residuals',
    'Write12Residuals',
    'Write16Residuals',
    'WriteVerify10Residuals',
    'WriteVerify12Residuals',
    'WriteVerify16Residuals',
  ],
};

/** `passed`, `FAILED`, or `skipped` by name. */
async function conformance(suite: string, url: string): Promise<ReadonlyMap<string, string>> {
  const tool = spawn('iscsi-test-cu', ['-d', '-V', '-t', `ALL.${suite}`, url], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  for (const stream of [tool.stdout, tool.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
  await once(tool, 'close');
  return verdicts(Buffer.concat(output).toString());
}

/** What the tool printed between the names of its tests. */
function verdicts(output: string): ReadonlyMap<string, string> {
  const [, ...sections] = output.split(/^ {2}Test: /m);
  return new Map(
    sections.map((section) => {
      const [name = ''] = section.split(' ', 1);
      // Before and after each suite the tool reads the keys of persistent reservations, and says so in the same way.
      const own = section.replaceAll(/Send PRIN\/READ_KEYS\n +\[SKIPPED\][^\n]*\n/g, '');
      const verdict = /^FAILED/m.test(own) ? 'FAILED' : own.includes('[SKIPPED]') ? 'skipped' : 'passed';
      return [name, verdict];
    }),
  );
}

test('libiscsi’s conformance suites', async (t) => {
  if (!requires(t, 'iscsi-test-cu')) return;
  const image = join(temporaryDirectory(t), 'scratch.img');
  writeFileSync(image, '');
  truncateSync(image, 64 << 20);
  await using target = await TargetProgram.start(image);
  for (const [suite, names] of Object.entries(passing)) {
    await t.test(suite, async () => {
      const found = await conformance(suite, target.url);
      for (const name of names) assert.equal(found.get(name), 'passed', name);
    });
  }
});
