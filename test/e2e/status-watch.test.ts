import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, onTestFinished, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { executable, phaseIs, startWatcher, testEnvironment } from '../support/watcher.ts';

const tmuxIsThere = spawnSync('tmux', ['-V']).status === 0;

describe.skipIf(!tmuxIsThere)('status --watch in a terminal (needs tmux)', () => {
  for (const [columns, rows] of [
    [80, 24],
    [200, 50],
  ] as const) {
    test(`at ${columns}x${rows} fits, counts a wait down, and leaves the terminal clean`, async () => {
      const folder = scratch();
      const tmux = (...args: string[]) =>
        execFileSync('tmux', ['-S', `${folder}/tmux`, '-f', '/dev/null', ...args], {
          env: testEnvironment(folder),
          encoding: 'utf8',
        });
      const capture = () => tmux('capture-pane', '-p');
      const names = ['steady', 'a-name-that-is-rather-long-for-a-table'];
      const watchers = [
        startWatcher(folder, ['--name', names[0] ?? '', '--', 'sleep', '1000']),
        startWatcher(folder, ['--name', names[1] ?? '', '--backoff', '100s', '--', 'sh', '-c', 'exit 7']),
      ];
      await phaseIs(folder, 'steady', 'running');
      await phaseIs(folder, names[1] ?? '', 'backoff');
      tmux('new-session', '-d', '-x', String(columns), '-y', String(rows), 'sh');
      onTestFinished(() => void spawnSync('tmux', ['-S', `${folder}/tmux`, 'kill-server']));
      tmux('send-keys', `PS1='ready '; clear; echo before`, 'Enter');
      await until('the shell', () => /^before/m.test(capture()));
      tmux('send-keys', `${executable} status --watch`, 'Enter');
      const first = await until('the table', () => (/NAME +PHASE/.test(capture()) ? capture() : false));
      const wide = columns >= 200;
      expect(first.split('\n').every(line => line.length <= columns)).toBe(true);
      expect(first).toMatch(/^steady +running +\d+ /m);
      expect(first).toMatch(
        wide ? /backoff .*starts in 1m\d\ds; last exit: crash \((?:exit )?code 7\)/ : /backoff .*…$/m,
      );
      if (wide) {
        const left = () => /starts in (\S+( s)?);/.exec(capture())?.[1];
        const before = left();
        await until('it counts down', () => left() !== before);
      }
      tmux('send-keys', 'C-c');
      const after = await until('the prompt again', () => (/^ready *$/m.test(capture()) ? capture() : false));
      expect(after).toMatch(/^before/m);
      expect(after).not.toMatch(/NAME +PHASE/);
      expect(tmux('display-message', '-p', '#{cursor_flag}').trim()).toBe('1');
      for (const watcher of watchers) watcher.process.kill('SIGTERM');
      await Promise.all(watchers.map(watcher => watcher.ended));
    });
  }
});

test('status --watch into a pipe says only what has changed, without control sequences', async () => {
  const folder = scratch();
  const watcher = startWatcher(folder, ['--name', 'one', '--', 'sleep', '1000']);
  await phaseIs(folder, 'one', 'running');
  const view = startWatcher(folder, ['status', '--watch']);
  await view.printed(/one +running/);
  watcher.process.kill('SIGTERM');
  await watcher.ended;
  await view.printed(/one +stopped/);
  view.process.kill('SIGINT');
  expect(await view.ended).toMatchObject({ code: 0 });
  expect(view.out()).not.toContain('\u001b');
});
