import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { because } from '../support/fixture.ts';
import { heard } from '../support/heard.ts';
import { cpuNanosOf } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';
import { withoutPython } from '../support/terminal.ts';
import { openShell, withoutBash } from '../support/typed-shell.ts';
import { until } from '../support/until.ts';
import { executable, phaseIs, run, statusOf } from '../support/watcher.ts';

const noTerminal = withoutPython ?? withoutBash;

/** Floods until it is killed; each later run writes ten lines a second, and a byte to the file `lines` for each. */
const child = 'test $AGENT_WATCH_RUN = 1 && exec yes; while echo $$; do printf . >> lines; sleep 0.1; done';
/** Is run by `sh -c` and by a shell that is typed into. */
const watch = `"${executable}" --name x --backoff 10ms -- sh ./child`;

test('`… yes | head -1`: the child is read on, restarted when it crashes, and costs next to nothing', async () => {
  const folder = scratch();
  writeFileSync(join(folder, 'child'), child);
  const { said, closed } = heard(folder, 'sh', ['-c', `${watch} | head -1; echo over >&2`]);
  await goesOnUnread(folder);
  await closed;
  expect(said.out).toBe('y\n');
  expect(said.err).toMatch(/was ended by SIGKILL/);
  expect(said.err).toMatch(/over\n$/);
});

test.skipIf(noTerminal !== null)(
  `a terminal closed under a job that is disowned: the same${because(noTerminal)}`,
  async () => {
    const folder = scratch();
    writeFileSync(join(folder, 'child'), child);
    const shell = await openShell(folder);
    // What is typed is run once the flood lets the echo through; the flood begins with the line that ends the typing.
    shell.last(`${watch} & disown`);
    await until('the flood shows', () => /y\ny\n/.test(shell.screen().replaceAll('\r', '')));
    shell.hangUp();
    await shell.ended;
    await goesOnUnread(folder);
  },
);

/** The flood is read though nobody takes it; then a crash, a restart, and what a quiet run costs. Ends with the watcher's stop. */
async function goesOnUnread(folder: string): Promise<void> {
  const first = await phaseIs(folder, 'x', 'running');
  const pid = first.watcherPid ?? 0;
  // More than pipe and memory could hold of it.
  await until('the flood is read on', () => statSync(join(folder, 'state/x/output.log.1'), { throwIfNoEntry: false }));
  process.kill(first.childPid ?? 0, 'SIGKILL');
  const lines = () => statSync(join(folder, 'lines'), { throwIfNoEntry: false })?.size ?? 0;
  const after = async (count: number) => {
    await until(`${count} lines`, () => lines() >= count);
    return { at: performance.now(), nanos: cpuNanosOf(pid) };
  };
  const early = await after(20);
  const late = await after(60);
  // One that spins has a whole core. What it costs on a machine with nothing else to do is the benchmark's matter.
  expect((late.nanos - early.nanos) / 1e6 / (late.at - early.at), 'its share of a core').toBeLessThan(0.1);
  const now = statusOf(folder, 'x');
  expect(now).toMatchObject({ phase: 'running', watcherPid: pid, restarts: 1, lastExit: { signal: 'SIGKILL' } });
  expect(now.outputBlockedSince).toBeNull();
  const logged = `${now.childPid}\n`.repeat(50);
  await until('it is logged', () => run(folder, ['logs', 'x', '-n', '50']).out === logged);
  expect(run(folder, ['stop', 'x']).code).toBe(0);
}
