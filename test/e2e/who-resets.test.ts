import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { because, missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { executable, phaseIs, run, startWatcher, testEnvironment } from '../support/watcher.ts';

const leaveDaemon = resolve(import.meta.dirname, '../fixtures/escape.sh');
const bundle = resolve(import.meta.dirname, '../../build/agent-watch.cjs');
const noPython = missing('python3', '-c', '');

/** Asks on the control socket, and says that it is the process of that pid. */
const CLAIM = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(json.dumps({'v': 1, 'verb': 'reset', 'pid': int(sys.argv[2]), 'from': 'root (pid 1)'}).encode() + b'\\n')
print(s.makefile().readline(), flush=True)
`;

const args = (folder: string) => [
  ...['--name', 'bot', '--kill-when', 'loss > 10', '--metrics', join(folder, 'metrics.json')],
  ...['--health-interval', '200ms', '--backoff', '0ms', '--stop-timeout', '20s'],
];

test.skipIf(noPython)(`a run that claims to be another process clears no hold${because(noPython)}`, async () => {
  const folder = scratch();
  writeFileSync(join(folder, 'metrics.json'), '{"loss": 1}');
  const script = 'python3 -c "$CLAIM" "$AGENT_WATCH_STATE_DIR/bot/control" $PPID; exec sleep 1000';
  const watcher = startWatcher(folder, [...args(folder), '--', 'sh', '-c', script], { env: { CLAIM } });
  await watcher.printed(/"ok":false.*may not lift its own hold/);
  expect(run(folder, ['stop', 'bot']).code).toBe(0);
});

test('a daemon of the run that left it in every way, and emptied its environment, clears none either', async () => {
  const folder = scratch();
  writeFileSync(join(folder, 'metrics.json'), '{"loss": 1}');
  const ask = `sh -c '"$0" reset bot --state-dir "$1" >"$2" 2>&1; echo "code $?" >>"$2"; exec sleep 1000' "$AGENT_WATCH" "$AGENT_WATCH_STATE_DIR" "$PWD/said"`;
  const watcher = startWatcher(
    folder,
    [...args(folder), '--', 'sh', '-c', `sh ${leaveDaemon} pid ${ask}; echo up; exec sleep 1000`],
    {
      env: { AGENT_WATCH: executable },
    },
  );
  await watcher.printed(/up/);
  const said = () => (existsSync(join(folder, 'said')) ? readFileSync(join(folder, 'said'), 'utf8') : '');
  await until('it has asked', () => /code \d+/.test(said()));
  expect(said()).toMatch(/may not lift its own hold[\s\S]*code 1/);
  expect(run(folder, ['stop', 'bot']).code).toBe(0);
});

test('where the kernel cannot be asked, a watcher keeps the hold, and without one it takes --yes', async () => {
  const folder = scratch();
  const without = [process.execPath, '--no-experimental-ffi', bundle];
  writeFileSync(join(folder, 'metrics.json'), '{"loss": 11}');
  const watcher = startWatcher(folder, [...args(folder), '--', 'sleep', '1000'], { program: without });
  await phaseIs(folder, 'bot', 'held');
  expect(run(folder, ['reset', 'bot'])).toMatchObject({ code: 1, err: expect.stringMatching(/stop the watcher/) });
  watcher.process.kill('SIGTERM');
  await watcher.ended;
  writeFileSync(join(folder, 'metrics.json'), '{"loss": 1}');
  const reset = (...more: string[]) => {
    const [node = '', ...before] = without;
    return spawnSync(node, [...before, 'reset', 'bot', ...more], { env: testEnvironment(folder), encoding: 'utf8' });
  };
  expect(reset()).toMatchObject({ status: 1, stderr: expect.stringMatching(/only on a terminal, or with --yes/) });
  expect(reset('--yes')).toMatchObject({ status: 0 });
});
