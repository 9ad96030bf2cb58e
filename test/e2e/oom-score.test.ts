import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { executable, phaseIs, run, testEnvironment } from '../support/watcher.ts';

// 400 of room, which every process has that raised its own score.
const raised = 'echo 400 > /proc/self/oom_score_adj && exec "$@"';
const cannot = missing('sh', '-c', 'echo 400 > /proc/self/oom_score_adj');

test.skipIf(cannot !== null)(
  'when memory runs out the child goes first: our score is lower, every run of it has the one we got',
  async () => {
    const folder = scratch();
    const watcher = spawn('sh', ['-c', raised, 'sh', executable, '--name', 'bot', '--', 'sleep', '1000'], {
      env: testEnvironment(folder),
      stdio: 'ignore',
    });
    const score = (pid: number | null) => Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'));
    const first = await phaseIs(folder, 'bot', 'running');
    await until('ours is lower', () => score(watcher.pid ?? 0) < 400);
    expect(score(first.childPid)).toBe(400);
    run(folder, ['restart', 'bot']);
    const second = await until('the second run is up', () => {
      const [row] = JSON.parse(run(folder, ['status', '--json']).out);
      return row.phase === 'running' && row.childPid !== first.childPid ? row : false;
    });
    expect(score(second.childPid)).toBe(400);
    expect(score(watcher.pid ?? 0)).toBeLessThan(400);
    run(folder, ['stop', 'bot']);
  },
);
