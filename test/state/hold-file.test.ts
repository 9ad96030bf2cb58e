import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Hold } from '../../src/core/model.ts';
import type { Wall } from '../../src/core/units.ts';
import { armHold, liftHold, readHold, writeHold } from '../../src/state/hold-file.ts';
import { openStateFolder } from '../../src/state/state-folder.ts';
import { scratch } from '../support/scratch.ts';

const hold: Hold = { cause: 'kill-condition', why: 'cash < $20', at: Date.UTC(2026, 0, 2) as Wall };
const ok = { ok: true };
const now = new Date('2026-01-02T03:04:05.678Z');

function place() {
  const opened = openStateFolder(join(scratch(), 'state'), 'n');
  onTestFinished(() => opened.close());
  return opened;
}

test('without a file nothing holds', () => {
  expect(readHold(place())).toBeNull();
});

for (const armed of [true, false]) {
  test(`a hold is there until it is lifted, ${armed ? 'armed before' : 'unarmed'}`, () => {
    const at = place();
    if (armed) expect(armHold(at)).toEqual(ok);
    expect(writeHold(at, hold, { cash: 12.5, currency: 'USD', loss: null })).toEqual(ok);
    expect(readHold(at)).toEqual(hold);
    expect(JSON.parse(readFileSync(at.at('hold.json'), 'utf8'))).toEqual({
      version: 1,
      cause: 'kill-condition',
      why: 'cash < $20',
      at: '2026-01-02T00:00:00.000Z',
      values: { cash: 12.5, currency: 'USD', loss: null },
    });
    expect(existsSync(at.at('armed.json'))).toBe(false);
    expect(statSync(at.at('hold.json')).mode & 0o777).toBe(0o600);
    expect(liftHold(at, now)).toEqual(ok);
    expect(readHold(at)).toBeNull();
    // The room is kept for the next one.
    expect(statSync(at.at('armed.json')).size).toBe(4096);
    expect(liftHold(at, now)).toEqual(ok);
  });
}

test('a kill right after the rename holds, only without the details', () => {
  const at = place();
  armHold(at);
  renameSync(at.at('armed.json'), at.at('hold.json'));
  expect(readHold(at)).toMatchObject({ cause: 'kill-condition', why: expect.stringMatching(/details/) });
  expect(writeHold(at, hold)).toEqual(ok);
  expect(readHold(at)).toEqual(hold);
});

test('a reason and numbers beyond all measure are cut, not lost', () => {
  const at = place();
  const values = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`metric-${index}`, index]));
  expect(writeHold(at, { ...hold, why: 'é"\n'.repeat(5000) }, values)).toEqual(ok);
  expect(statSync(at.at('hold.json')).size).toBe(4096);
  expect(readHold(at)).toMatchObject({ cause: 'kill-condition', why: expect.stringMatching(/^é"\né/) });
});

describe('whatever lies there holds', () => {
  const kinds: [string, (path: string) => void][] = [
    ['empty', path => writeFileSync(path, '')],
    ['garbled', path => writeFileSync(path, '{"cause": "kill-con')],
    ['binary', path => writeFileSync(path, Buffer.alloc(4096, 0))],
    ['another shape', path => writeFileSync(path, '{"cause": "whim", "why": 1}')],
    ['enormous', path => writeFileSync(path, 'x'.repeat(1_000_000))],
    ['a folder', path => mkdirSync(path)],
    ['a folder with something in it', path => mkdirSync(`${path}/deep`, { recursive: true })],
  ];
  for (const [what, make] of kinds) {
    test(`${what}, until it is lifted`, () => {
      const at = place();
      make(at.at('hold.json'));
      expect(readHold(at)).toMatchObject({ cause: 'unreadable', why: expect.stringMatching(/^hold\.json is there/) });
      expect(readHold(at)?.at).toBeGreaterThan(Date.UTC(2020));
      expect(liftHold(at, now)).toEqual(ok);
      expect(readHold(at)).toBeNull();
    });

    test(`${what}: a new hold holds`, () => {
      const at = place();
      make(at.at('hold.json'));
      expect(writeHold(at, hold)).toEqual(ok);
      expect(readHold(at)).not.toBeNull();
    });
  }

  test('closed by its mode', () => {
    const at = place();
    writeHold(at, hold);
    chmodSync(at.at('hold.json'), 0o000);
    expect(readHold(at)).not.toBeNull();
    expect(liftHold(at, now)).toEqual(ok);
    expect(readHold(at)).toBeNull();
  });
});

test('a folder that was removed is made again: the hold holds', () => {
  const at = place();
  rmSync(at.path, { recursive: true });
  for (const written of [armHold(at), writeHold(at, hold)]) {
    expect(written).toEqual({ ok: true });
  }
});
