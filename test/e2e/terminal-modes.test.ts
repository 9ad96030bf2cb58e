import { expect, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { startInTerminal, withoutPython } from '../support/terminal.ts';
import { run, startWatcher } from '../support/watcher.ts';

const draws = (before: string, after: string) => [
  '--',
  'sh',
  '-c',
  `printf '${before}'; echo drawn; printf '${after}'; exit 1`,
];
const once = ['--name', 'screen', '--restart', 'never'];

test.skipIf(withoutPython !== null)(
  'what a program left switched on in our terminal is switched off when it has ended',
  async () => {
    const folder = scratch();
    const on = '\\033[?1049h\\033[?1000;1006h\\033[?2004h\\033[?25l';
    const terminal = await startInTerminal(folder, [...once, ...draws(on, '\\033[?2004l')]);
    terminal.read();
    expect(await terminal.ended).toBe(1);
    const shown = terminal.screen().toString('latin1');
    const rest = shown.slice(shown.indexOf('drawn'));
    for (const off of ['?1049l', '?1000l', '?1006l', '?25h']) expect(rest).toContain(`\u001b[${off}`);
    expect(rest.match(/\?2004l/g)).toHaveLength(1);
  },
);

test('into a pipe nothing is added', () => {
  const folder = scratch();
  expect(run(folder, [...once, ...draws('\\033[?1049h', '')]).out).toBe('\u001b[?1049hdrawn\n');
});

test('for a command that wants a terminal and ends at once, one line says how to give it one', async () => {
  const folder = scratch();
  const args = [
    '--name',
    'tui',
    '--backoff',
    '10ms',
    '--',
    'sh',
    '-c',
    'echo "Error: stdin is not a terminal" >&2; exit 1',
  ];
  const watcher = startWatcher(folder, args);
  await watcher.said(/restart 3 in/);
  expect(watcher.err().match(/script -qfec 'sh -c .*' \/dev\/null/g)).toHaveLength(1);
  expect(run(folder, ['stop', 'tui']).code).toBe(0);
});
