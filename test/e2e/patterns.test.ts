import { describe, expect, test } from 'vitest';
import { incidentsOf } from '../support/incidents.ts';
import { scratch } from '../support/scratch.ts';
import { run, startWatcher, statusOf } from '../support/watcher.ts';

const never = ['--name', 'agent', '--restart', 'never'];
const sh = (script: string) => ['--', 'sh', '-c', script];

describe('--done-pattern', () => {
  const done = [...never, '--done-pattern', '^DONE$', '--done-grace', '200ms'];

  test('stops a run that says it is done and hangs, and counts it as a success', () => {
    const folder = scratch();
    expect(run(folder, [...done, ...sh('echo DONE; exec sleep 1000')]).code).toBe(0);
    expect(statusOf(folder, 'agent').lastExit).toMatchObject({ signal: 'SIGTERM', cause: 'success' });
    expect(incidentsOf(folder, 'agent')).toEqual([]);
  });

  test('leaves a run that exits within its grace to its own exit code', () => {
    const folder = scratch();
    expect(
      run(folder, [...never, '--done-pattern', '^DONE$', '--done-grace', '1h', ...sh('echo DONE; exit 3')]).code,
    ).toBe(3);
    expect(statusOf(folder, 'agent').lastExit?.cause).toBe('crash');
  });

  test('under --restart always is followed by the next run', async () => {
    const folder = scratch();
    const options = ['--name', 'agent', '--backoff', '10ms', '--done-pattern', 'DONE', '--done-grace', '50ms'];
    const watcher = startWatcher(folder, [...options, ...sh('echo run $AGENT_WATCH_RUN DONE; exec sleep 1000')]);
    await watcher.printed(/run 3/);
    expect(statusOf(folder, 'agent').lastExit?.cause).toBe('success');
    expect(run(folder, ['stop', 'agent']).code).toBe(0);
  });
});

describe('--success-pattern', () => {
  const success = [...never, '--success-pattern', '^all done'];

  test('makes a crash of exit code 0 without a matching line', () => {
    const folder = scratch();
    const { code, err } = run(folder, [...success, ...sh('echo working; exit 0')]);
    expect(code).toBe(1);
    expect(err).toContain('(no line matched --success-pattern)');
    expect(statusOf(folder, 'agent').lastExit).toMatchObject({ code: 0, cause: 'crash' });
  });

  test('is met by any line of the run, the last without its newline included', () => {
    const folder = scratch();
    const long = 'echo all done; i=0; while [ $i -lt 2000 ]; do echo more output $i; i=$((i+1)); done';
    expect(run(folder, [...success, ...sh(long)]).code).toBe(0);
    expect(run(folder, [...success, ...sh('printf "all done"')]).code).toBe(0);
  });

  test('of a run before says nothing of the next', async () => {
    const folder = scratch();
    const options = [
      '--name',
      'agent',
      '--restart',
      'on-failure',
      '--backoff',
      '10ms',
      '--success-pattern',
      'all done',
    ];
    const script = 'case $AGENT_WATCH_RUN in 1) echo all done; exit 1;; 2) exit 0;; *) echo all done;; esac';
    const watcher = startWatcher(folder, [...options, ...sh(script)]);
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
    expect(statusOf(folder, 'agent').restarts).toBe(2);
  });

  test('wins over words about limits', () => {
    const folder = scratch();
    const script = "echo all done; echo 'Rate limit exceeded'; exit 0";
    expect(run(folder, [...success, ...sh(script)]).code).toBe(0);
  });
});

describe('--fail-at-exit', () => {
  const fail = [...never, '--success-pattern', 'all done', '--fail-at-exit', 'FATAL'];

  test('makes a crash of exit code 0, whatever --success-pattern says', () => {
    const folder = scratch();
    expect(run(folder, [...fail, ...sh('echo all done; echo FATAL: no')]).code).toBe(1);
  });

  test('looks at the last 20 lines only', () => {
    const folder = scratch();
    const script = 'echo FATAL: survived; i=0; while [ $i -lt 20 ]; do echo line $i; i=$((i+1)); done; echo all done';
    expect(run(folder, [...fail, ...sh(script)]).code).toBe(0);
  });
});
