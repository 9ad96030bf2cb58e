import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { incidentsOf } from '../support/incidents.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher, statusOf } from '../support/watcher.ts';

const named = ['--name', 'agent'];
const never = [...named, '--restart', 'never'];
const sh = (script: string) => ['--', 'sh', '-c', script];

/** A check of a JSON document, as a user would write one. */
const SCHEMA_CHECK = `import json, sys
document = json.load(sys.stdin)
if not isinstance(document.get("findings"), list):
    sys.exit("findings: a list is required")
`;

describe('--accept', () => {
  test('with a schema check: a document that fits is a success, another makes a failure with the words of the check', () => {
    const folder = scratch();
    writeFileSync(`${folder}/check.py`, SCHEMA_CHECK);
    const accept = ['--accept', `python3 ${folder}/check.py`];
    expect(run(folder, [...never, ...accept, ...sh(`echo '{"findings": ["a"]}'`)]).code).toBe(0);
    const { code, err } = run(folder, [...never, ...accept, ...sh(`echo '{"findings": "none"}'`)]);
    expect(code).toBe(1);
    expect(err).toContain('exited with code 0');
    expect(err).toContain('(not accepted: findings: a list is required)');
    expect(statusOf(folder, 'agent').lastExit).toMatchObject({ code: 0, cause: 'crash' });
    expect(incidentsOf(folder, 'agent')).toMatchObject([
      { kind: 'crash', category: 'not-accepted', keyLine: 'findings: a list is required' },
    ]);
  });

  test('with a word count: gets all of the output, that of an output larger than memory too', () => {
    const folder = scratch();
    const accept = ['--buffer-size', '1K', '--accept', 'n=$(wc -w); echo "$n words"; [ "$n" -eq 5000 ]'];
    const words = 'i=0; while [ $i -lt 5000 ]; do echo word; i=$((i+1)); done';
    expect(run(folder, [...never, ...accept, ...sh(words)]).code).toBe(0);
    const { err } = run(folder, [...never, ...accept, ...sh(`${words}; printf last`)]);
    expect(err).toContain('(not accepted: 5001 words)');
  });

  test('gets only the output of its own run', async () => {
    const folder = scratch();
    const accept = ['--buffer-size', '1K', '--accept', `cat > ${folder}/seen-$AGENT_WATCH_RUN`];
    const fill = 'i=0; while [ $i -lt 300 ]; do echo filler; i=$((i+1)); done; echo run $AGENT_WATCH_RUN';
    const watcher = startWatcher(folder, [...named, '--backoff', '10ms', ...accept, ...sh(fill)]);
    await until('two runs are checked', () => existsSync(`${folder}/seen-3`));
    expect(readFileSync(`${folder}/seen-2`, 'utf8')).toBe(`${'filler\n'.repeat(300)}run 2\n`);
    expect(run(folder, ['stop', 'agent']).code).toBe(0);
    await watcher.ended;
  });

  test('is followed by the backoff that is configured', async () => {
    const folder = scratch();
    const options = [...named, '--backoff', '300ms', '--backoff-factor', '3', '--accept', 'false'];
    const watcher = startWatcher(folder, [...options, ...sh('echo done')]);
    await watcher.said(/restart 1 in 300ms/);
    await watcher.said(/not accepted: the --accept command exited with code 1\); restart 2 in 900ms/);
    expect(run(folder, ['stop', 'agent']).code).toBe(0);
  });

  test('that cannot be started makes a failure', () => {
    const { code, err } = run(scratch(), [...never, '--accept', './not-there', ...sh('echo done')]);
    expect(code).toBe(1);
    expect(err).toMatch(/not accepted: .*not-there.*not found/);
  });

  test('is asked neither of a failure nor where --success-pattern has refused the run', () => {
    const folder = scratch();
    const accept = ['--accept', `touch ${folder}/asked`];
    expect(run(folder, [...never, ...accept, ...sh('exit 3')]).code).toBe(3);
    expect(run(folder, [...never, ...accept, '--success-pattern', 'all done', ...sh('echo nothing')]).code).toBe(1);
    expect(existsSync(`${folder}/asked`)).toBe(false);
  });

  test('shows no secret of the environment in what it says', () => {
    const folder = scratch();
    const secret = 'k9Zq3vT7xW2mB8nL4pR6';
    const { err } = run(folder, [...never, '--accept', 'echo "bad key $API_TOKEN"; exit 1', ...sh('echo done')], {
      env: { API_TOKEN: secret },
    });
    expect(err).toContain('not accepted: bad key');
    expect(err).not.toContain(secret);
    expect(JSON.stringify(incidentsOf(folder, 'agent'))).not.toContain(secret);
  });

  test('is ended by a stop, at once, with all that it started', async () => {
    const folder = scratch();
    const accept = `setsid sleep 1000 & echo $! > ${folder}/other; echo $$ > ${folder}/pid; exec sleep 1000`;
    const watcher = startWatcher(folder, [...named, '--accept', accept, ...sh('echo done')]);
    await until('the check runs', () => existsSync(`${folder}/pid`));
    expect(statusOf(folder, 'agent')).toMatchObject({ phase: 'checking', childPid: null });
    expect(run(folder, ['stop', 'agent']).code).toBe(0);
    expect((await watcher.ended).code).toBe(0);
    expect([isAlive(`${folder}/pid`), isAlive(`${folder}/other`)]).toEqual([false, false]);
    expect(statusOf(folder, 'agent').lastExit?.cause).toBe('stopped');
    expect(incidentsOf(folder, 'agent')).toEqual([]);
  });

  test('continues with the next watcher after a kill -9: the run is checked, and not started again', async () => {
    const folder = scratch();
    const accept = `cat >> ${folder}/seen; echo $$ >> ${folder}/pids; [ -e ${folder}/go ] || exec sleep 1000`;
    const command = [...never, '--accept', accept, ...sh(`echo run >> ${folder}/runs; echo the result`)];
    const first = startWatcher(folder, command);
    await until('the check runs', () => existsSync(`${folder}/pids`));
    await until('the log has its output', () => run(folder, ['logs', 'agent', '--run', '1', '--raw']).out !== '');
    first.process.kill('SIGKILL');
    await first.ended;
    writeFileSync(`${folder}/go`, '');
    const second = run(folder, command);
    expect(second.code).toBe(0);
    expect(second.err).not.toContain('died without stopping');
    expect(readFileSync(`${folder}/runs`, 'utf8')).toBe('run\n');
    expect(readFileSync(`${folder}/seen`, 'utf8')).toBe('the result\nthe result\n');
    expect(isAlive(`${folder}/pids`)).toBe(false);
    expect(statusOf(folder, 'agent')).toMatchObject({ phase: 'finished', restarts: 0, lastExit: { cause: 'success' } });
  });

  test('with a schedule leaves a failure to the next slot', async () => {
    const folder = scratch();
    const options = [...named, '--schedule', '* * * * * *', '--accept', 'echo no; exit 1'];
    const watcher = startWatcher(folder, [...options, ...sh('echo done')]);
    await watcher.said(/not accepted: no\); waiting for the schedule/);
    await phaseIs(folder, 'agent', 'waiting');
    expect(run(folder, ['stop', 'agent']).code).toBe(0);
  });
});

/** Whether the first pid that the file names is there, zombies apart. */
function isAlive(file: string): boolean {
  const pid = readFileSync(file, 'utf8').split('\n')[0];
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    // It is gone.
    return false;
  }
}
