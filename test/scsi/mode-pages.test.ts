import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  CachingPage,
  ControlExtensionPage,
  ControlPage,
  ModePageCode,
  ReadWriteErrorRecoveryPage,
  VerifyErrorRecoveryPage,
} from '../../src/scsi/mode/page-layouts.ts';
import { applyModePages, defaultModeState, encodeModePages, PageControl } from '../../src/scsi/mode/pages.ts';

const cached = { writeCache: true };

function pages(code: number, subpage = 0, control: number = PageControl.current, source = cached): string | undefined {
  const bytes = encodeModePages(code, subpage, control, defaultModeState, source);
  return bytes && Buffer.from(bytes).toString('hex');
}

function page(code: number, subpage = 0): Uint8Array {
  return Buffer.from(pages(code, subpage) ?? '', 'hex');
}

describe('MODE SENSE', () => {
  const zeros = (bytes: number): string => '00'.repeat(bytes);
  const errors = `010a c0 ${zeros(9)}`;
  const verify = `070a ${zeros(10)}`;
  const caching = `0812 04 ${zeros(17)}`;
  const control = `0a0a 00 10 ${zeros(8)}`;
  const extension = `4a01001c 07 ${zeros(27)}`;
  const exceptions = `1c0a ${zeros(10)}`;
  const joined = (...parts: string[]): string => parts.join('').replaceAll(' ', '');

  test('one page, and all of them in ascending order', () => {
    assert.equal(pages(ModePageCode.caching), joined(caching));
    assert.equal(pages(ModePageCode.all), joined(errors, verify, caching, control, exceptions));
  });

  test('subpages only for who asks for them', () => {
    assert.equal(pages(ModePageCode.control), joined(control));
    assert.equal(pages(ModePageCode.control, 0x01), joined(extension));
    assert.equal(pages(ModePageCode.control, 0xff), joined(control, extension));
    assert.equal(pages(ModePageCode.all, 0xff), joined(errors, verify, caching, control, extension, exceptions));
    assert.equal(pages(ModePageCode.caching, 0xff), joined(caching));
  });

  test('no page where there is none', () => {
    for (const [code, subpage] of [
      [0x2a, 0],
      [0x2a, 0xff],
      [ModePageCode.control, 0x02],
      [ModePageCode.caching, 0x01],
      [ModePageCode.all, 0x01],
    ] as const) {
      assert.equal(pages(code, subpage), undefined, `${code}/${subpage}`);
    }
  });

  test('what can change is ones; the cache only where there is one', () => {
    const mask = (source: typeof cached): string | undefined =>
      pages(ModePageCode.all, 0xff, PageControl.changeable, source);
    const rest = `0a0a 04 00 08 ${zeros(7)} 4a01001c ${zeros(28)} 1c0a ${zeros(10)}`;
    assert.equal(mask(cached), joined(`010a ${zeros(10)}`, verify, caching, rest));
    assert.equal(mask({ writeCache: false }), joined(`010a ${zeros(10)}`, verify, `0812 ${zeros(18)}`, rest));
  });

  test('current values follow the state, defaults do not', () => {
    const state = { descriptorSense: true, softwareWriteProtect: true, writeThrough: true };
    const both = [PageControl.current, PageControl.default].map((control) =>
      Buffer.from(encodeModePages(ModePageCode.all, 0, control, state, cached) ?? []).toString('hex'),
    );
    assert.deepEqual(both, [
      joined(errors, verify, `0812 ${zeros(18)}`, `0a0a 04 10 08 ${zeros(7)}`, exceptions),
      joined(errors, verify, caching, control, exceptions),
    ]);
  });
});

describe('MODE SELECT', () => {
  test('changes what can change, page by page', () => {
    const control = page(ModePageCode.control);
    ControlPage.write(control, 0, { descriptorSense: true, softwareWriteProtect: true });
    assert.deepEqual(applyModePages(control, defaultModeState, cached), {
      state: { descriptorSense: true, softwareWriteProtect: true, writeThrough: false },
    });
    const caching = page(ModePageCode.caching);
    CachingPage.write(caching, 0, { writeCacheEnable: false });
    assert.deepEqual(applyModePages(Buffer.concat([control, caching]), defaultModeState, cached), {
      state: { descriptorSense: true, softwareWriteProtect: true, writeThrough: true },
    });
  });

  test('takes every page as MODE SENSE gives it', () => {
    const all = encodeModePages(ModePageCode.all, 0xff, PageControl.current, defaultModeState, cached) ?? [];
    assert.deepEqual(applyModePages(Uint8Array.from(all), defaultModeState, cached), { state: defaultModeState });
  });

  test('names the byte that asks for what cannot change', () => {
    const refused = (list: Uint8Array, source = cached): unknown => applyModePages(list, defaultModeState, source);
    const control = page(ModePageCode.control);
    ControlPage.write(control, 0, { queueErrorManagement: 2 });
    assert.deepEqual(refused(control), { invalid: 3 });
    const errors = page(ModePageCode.readWriteErrorRecovery);
    ReadWriteErrorRecoveryPage.write(errors, 0, { recoveryTimeLimit: 1 });
    assert.deepEqual(refused(Buffer.concat([page(ModePageCode.caching), errors])), { invalid: 20 + 11 });
    const verify = page(ModePageCode.verifyErrorRecovery);
    VerifyErrorRecoveryPage.write(verify, 0, { verifyRetryCount: 1 });
    assert.deepEqual(refused(verify), { invalid: 3 });
    const extension = page(ModePageCode.control, 0x01);
    ControlExtensionPage.write(extension, 0, { pageLength: 0x1d });
    assert.deepEqual(refused(extension), { invalid: 3 });
    assert.deepEqual(refused(page(ModePageCode.caching), { writeCache: false }), { invalid: 2 }, 'there is no cache');
  });

  test('knows no other pages', () => {
    for (const header of ['3e00', '4a02', '4a00', '4801', '3f0a']) {
      assert.deepEqual(applyModePages(Buffer.from(header, 'hex'), defaultModeState, cached), { invalid: 0 }, header);
    }
  });

  test('refuses a page that is cut', () => {
    for (const code of [ModePageCode.control, ModePageCode.caching]) {
      const whole = page(code);
      for (let length = 1; length < whole.length; length++) {
        assert.deepEqual(applyModePages(whole.subarray(0, length), defaultModeState, cached), { truncated: true });
      }
    }
  });

  test('takes or refuses whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (list) => void applyModePages(list, defaultModeState, cached)),
    );
  });
});
