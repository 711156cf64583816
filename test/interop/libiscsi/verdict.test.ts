/** The judge of `iscsi-test-cu`'s output: what it printed on runs of Debian's 1.19.0 against tgtd and against this target. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readVerdict, type Verdict } from './verdict.ts';

const preamble = `    Send MODESENSE6 (Expecting SUCCESS) 
    [OK] MODESENSE6 returned SUCCESS NO SENSE(0x00) (null)(0x0000)



     CUnit - A unit testing framework for C - Version 2.1-3
     http://cunit.sourceforge.net/


`;

const summary = `

Run Summary:    Type  Total    Ran Passed Failed Inactive
              suites      1      1    n/a      0        0
               tests      1      1      1      0        0
`;

const run = (suite: string, body: string): string => `${preamble}Suite: ${suite}\n  Test: ${body}${summary}`;

test('a test that did its work passes', () => {
  const output = run(
    'TestUnitReady',
    `Simple ...
    Test that Testunitready succeeds in the default state
    Send TESTUNITREADY (Expecting SUCCESS)
    [OK] TESTUNITREADY returned SUCCESS.
passed    Send PRIN/READ_KEYS
    [FAILED] PRIN command: failed with sense. SENSE KEY:UNIT_ATTENTION(6) ASCQ:BUS_RESET(0x2900)`,
  );
  assert.deepEqual(readVerdict('TestUnitReady.Simple', output), { kind: 'pass' });
});

test('a skip that the program announces is a skip, on the line of the test or on a later one', () => {
  const early = run('PreventAllow', 'Simple ...    [SKIPPED] Logical unit is not removable. Skipping test.\npassed');
  assert.deepEqual(readVerdict('PreventAllow.Simple', early), {
    kind: 'skip',
    reason: 'Logical unit is not removable. Skipping test.',
    silent: false,
  });
  const late = run(
    'ExtendedCopy',
    'Simple ...\n    Send EXTENDED COPY (Expecting SUCCESS)\n    [SKIPPED] EXTENDEDCOPY is not implemented.\npassed',
  );
  assert.equal(readVerdict('ExtendedCopy.Simple', late).kind, 'skip');
});

test('a test that passed without a word did not run', () => {
  const verdict = readVerdict('Read6.BeyondEol', run('Read6', 'BeyondEol ...passed'));
  assert.deepEqual(verdict, { kind: 'skip', reason: 'it returned without having tried anything', silent: true });
});

test('a test that returns early with words, but without "[SKIPPED]", did not run', () => {
  const start = `Control-SWP ...
    Test of MODESENSE6 CONTROL SWP flag
    Set SWP to enable write protect
    Read CONTROL page
`;
  assert.equal(readVerdict('ModeSense6.Control-SWP', run('ModeSense6', `${start}passed`)).kind, 'skip');
  assert.equal(
    readVerdict('ModeSense6.Control-SWP', run('ModeSense6', `${start}    Turn SWP ON\npassed`)).kind,
    'pass',
  );
});

test('a failure says what was wrong and which assertion found it', () => {
  const output = run(
    'GetLBAStatus',
    `BeyondEol ...
    Test GETLBASTATUS at LBA 2^63
    [FAILED] GET_LBA_STATUS successful but should have failed with ILLEGAL_REQUEST(0x05)/LBA_OUT_OF_RANGE(0x2100)
FAILED
    1. test_get_lba_status_beyond_eol.c:38  - CU_ASSERT_EQUAL(_r,0)    Send PRIN/READ_KEYS`,
  );
  assert.deepEqual(readVerdict('GetLBAStatus.BeyondEol', output), {
    kind: 'fail',
    reason:
      'GET_LBA_STATUS successful but should have failed with ILLEGAL_REQUEST(0x05)/LBA_OUT_OF_RANGE(0x2100); ' +
      'test_get_lba_status_beyond_eol.c:38 - CU_ASSERT_EQUAL(_r,0)',
  });
});

test('a test that met another unit than it was meant to meet failed, whatever it found there', () => {
  const body = (flag: string): string => `Dpo ...
    Test VERIFY10 DPO flag
    DPOFUA flag is ${flag} DPO/FUA flags in CDBs
passed`;
  const [set, clear] = [body('set. Device should allow'), body('clear. Device should fail CDBs with')];
  const verdict = (output: string): Verdict =>
    readVerdict('Verify10.Dpo', run('Verify10', output), 'DPOFUA flag is clear');
  assert.deepEqual(verdict(clear), { kind: 'pass' });
  assert.deepEqual(verdict(set), {
    kind: 'fail',
    reason: 'it met another kind of unit: it does not say "DPOFUA flag is clear"',
  });
});

test('a complaint without an assertion is a failure where the test makes none', () => {
  const body = `Simple ...
    Test Persistent Reserve IN READ_KEYS works.
    [FAILED] DATA-IN returned less than 8 bytes
passed`;
  assert.equal(readVerdict('PrinReadKeys.Simple', run('PrinReadKeys', body)).kind, 'fail');
});

test('a program that never reached the test, or never came back from it, failed', () => {
  const refused = 'Login Failed. iscsi_service failed\n\nFailed to connect to SCSI device 0\n';
  assert.deepEqual(readVerdict('TestUnitReady.Simple', refused), {
    kind: 'fail',
    reason: 'the test did not start: Failed to connect to SCSI device 0',
  });
  const crashed = `${preamble}Suite: Read10\n  Test: Simple ...\n    Send READ10 (Expecting SUCCESS)\n`;
  assert.deepEqual(readVerdict('Read10.Simple', crashed), {
    kind: 'fail',
    reason: 'the test did not end: Send READ10 (Expecting SUCCESS)',
  });
});
