import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../servers/eventually.ts';
import { baseCase, world } from './world.ts';

let folder = '';
afterEach(() => {
  if (folder !== '') rmSync(folder, { recursive: true });
  folder = '';
});

function asking(command: string, timeoutMs = 5000) {
  folder ||= mkdtempSync(join(tmpdir(), 'agent-watch-command-'));
  const env = { PATH: process.env['PATH'] };
  return world({ provider: { kind: 'command', command }, timeoutMs, cwd: folder, env });
}

describe('a command as a model', () => {
  test('gets the prompt on its standard input, and nothing of the log anywhere else', async () => {
    const { diagnosis } = asking(
      'tee prompt >/dev/null; env > env; tr "\\0" " " < /proc/$$/cmdline > line; echo \'{"cause":"x"}\'',
    );
    const tail = ['MARK $(touch pwned)', '`touch pwned`', '"; touch pwned; "'];
    expect(await diagnosis.ask({ ...baseCase, tail })).toMatchObject({
      source: 'command',
      model: null,
      text: 'x',
      costUsd: null,
    });
    const read = (name: string) => readFileSync(join(folder, name), 'utf8');
    for (const line of tail) expect(read('prompt')).toContain(line);
    expect(read('env') + read('line')).not.toContain('MARK');
    expect(existsSync(join(folder, 'pwned'))).toBe(false);
    expect(await diagnosis.ask(baseCase)).toMatchObject({ source: 'command', model: null, text: 'x', costUsd: 0 });
  });

  test.each([
    ['exit 3', 'the command exited with 3'],
    ['echo no key >&2; exit 1', 'the command exited with 1: no key'],
    ['kill -9 $$', 'ended by SIGKILL'],
    ['true', 'the command wrote nothing'],
    ['definitely-not-a-command', 'exited with 127'],
    ['yes', 'wrote more than 1M'],
  ])('`%s` is a failure with its reason', async (command, why) => {
    expect(await asking(command).diagnosis.ask(baseCase)).toMatchObject({ failed: expect.stringContaining(why) });
  });

  test('one that outlives its time is ended with all that it started', async () => {
    const { diagnosis } = asking('sleep 1000 & echo $! > pid; exec sleep 1000', 200);
    expect(await diagnosis.ask(baseCase)).toMatchObject({ failed: expect.stringContaining('did not end in 200ms') });
    const pid = readFileSync(join(folder, 'pid'), 'utf8').trim();
    await eventually(() => isAlive(pid)).toBe(false);
  });

  test('what it leaves in the background holds nothing up', async () => {
    const { diagnosis } = asking('sleep 600 & echo $! > pid; echo answer');
    expect(await diagnosis.ask(baseCase)).toHaveProperty('text', 'answer');
    process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')));
  });

  test('a folder that is gone is a reason, not a throw', async () => {
    const { diagnosis } = world({ provider: { kind: 'command', command: 'true' }, cwd: '/nonexistent' });
    expect(await diagnosis.ask(baseCase)).toHaveProperty('failed');
  });
});

// A zombie that nobody reaps in this container is dead all the same.
function isAlive(pid: string): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}
