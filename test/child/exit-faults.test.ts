import type * as Fs from 'node:fs';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { until } from '../support/until.ts';
import { rig } from './rig.ts';

type Call = 'openSync' | 'readFileSync';

const planted = vi.hoisted(() => ({ call: '' as string, thrown: 0 }));

// The kernel cannot be asked to refuse one system call of this process and no other.
vi.mock('node:fs', async original => {
  const real = await original<typeof Fs>();
  const failing = (name: Call) => ({
    [name]: (...args: unknown[]) => {
      if (planted.call === name && String(args[0]).startsWith('/proc/')) {
        planted.thrown++;
        throw Object.assign(new Error(`EMFILE: too many open files, ${name}`), { code: 'EMFILE' });
      }
      return (real[name] as (...given: unknown[]) => unknown)(...args);
    },
  });
  return Object.assign({}, real, ...(['openSync', 'readFileSync'] as const).map(failing));
});

beforeEach(() => {
  Object.assign(planted, { call: '', thrown: 0 });
});

describe.each(['openSync', 'readFileSync'] as const)('while %s finds no descriptor', call => {
  test('an exit is taken, and nothing counts as cleared before it can be seen', async () => {
    const { start, fact, facts, clear, notes } = await rig(['sh', '-c', 'sleep 0.4; setsid sleep 60 & exit 3']);
    const run = await start();
    planted.call = call;
    expect(await fact('child-exited', run.runId)).toMatchObject({ exit: { code: 3, signal: null } });
    clear(run, 'SIGTERM', 1000, false);
    await until('what could not be seen is told', () => notes.some(({ kind }) => kind === 'unseen'));
    expect(notes).toContainEqual({ kind: 'unseen', why: expect.stringContaining('EMFILE') });
    expect(facts.some(({ type }) => type === 'run-cleared')).toBe(false);
    planted.call = '';
    expect(await fact('run-cleared', run.runId)).toMatchObject({ ended: 1 });
  });

  test('a stop reaches the command', async () => {
    const {
      start,
      fact,
      call: during,
      child,
      out,
    } = await rig(['sh', '-c', 'trap "exit 4" TERM; echo up; while :; do sleep 0.1; done']);
    const run = await start();
    await until('its trap is set', () => out.text() !== '');
    planted.call = call;
    during(() => child.signalTree(run.runId, 'SIGTERM', 'tree'));
    expect(await fact('child-exited', run.runId)).toMatchObject({ exit: { code: 4, signal: null } });
  });
});
