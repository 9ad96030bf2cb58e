import { describe, expect, test } from 'vitest';
import { checkProbe } from '../../src/probes/polled-probes.ts';
import type { ProbeWorld } from '../../src/probes/probe.ts';
import { processesWithEnvironment, scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { ask, runOf, spec, world } from './rig.ts';

function marked() {
  const folder = scratch();
  const mark = `AW_TEST_FOLDER=${folder}`;
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', AW_TEST_FOLDER: folder };
  const here: ProbeWorld = { ...world, cwd: folder, commandEnv: () => env };
  const check = (command: string, timeoutMs = 5000) =>
    checkProbe(spec({ kind: 'check', command, timeoutMs }), runOf(), here);
  return { check, left: () => processesWithEnvironment(mark) };
}

describe('--check', () => {
  test.each([
    ['true', true, 'exit 0'],
    ['echo all is well', true, 'exit 0: all is well'],
    ['echo out; echo cannot reach the broker >&2; exit 3', false, 'exit 3: cannot reach the broker'],
    ['kill -SEGV $$', false, 'SIGSEGV'],
    ['yes no | head -c 999999; exit 1', false, 'exit 1: no'],
    ["printf '\\033[31mred\\033[0m\\n'; exit 1", false, 'exit 1: red'],
    ['no-such-command', false, /^exit 127: .*not found$/],
  ])('%s', async (command, ok, detail) => {
    const words = typeof detail === 'string' ? detail : expect.stringMatching(detail);
    expect(await ask(marked().check(command))).toEqual({ kind: 'answer', ok, detail: words, value: null });
  });

  test('one that outlives its time is not well, and its last words are kept', async () => {
    const { check, left } = marked();
    expect(await ask(check('echo waiting for the lock; sleep 100', 5000))).toMatchObject({
      ok: false,
      detail: 'did not finish within 5s: waiting for the lock',
    });
    await until('nothing is left', () => left().length === 0);
  });

  test.each([
    ['in its group', 'sleep 100 & sleep 100'],
    ['out of its group', 'setsid sleep 100 & sleep 100'],
    ['orphans of an ended one', 'sleep 100 & setsid sleep 100 & exit 0'],
    ['with another environment', 'env -i sleep 100 & exit 0'],
    ['deaf to signals', 'trap "" TERM INT HUP; sleep 100 & sleep 100'],
  ])('20 rounds of one that forks leave nothing: %s', async (_name, command) => {
    const { check, left } = marked();
    const probe = check(command, 50);
    for (let round = 0; round < 20; round++) await ask(probe);
    await until('nothing is left', () => left().length === 0);
  });

  test('when the run ends, it ends too', async () => {
    const { check, left } = marked();
    const over = new AbortController();
    const asked = ask(check('sleep 100'), over.signal);
    await until('it runs', () => left().length > 0);
    over.abort();
    expect(await asked).toMatchObject({ kind: 'none' });
    await until('nothing is left', () => left().length === 0);
  });
});
