import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { incidentsOf } from '../support/incidents.ts';
import { processesWithEnvironment, scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher } from '../support/watcher.ts';

const full = 'echo "OSError: [Errno 28] No space left on device" >&2; exit 1';
const lines = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : []);

describe('a remedy', () => {
  test('runs before the next start, once an incident, and its outcome is part of it', async () => {
    const folder = scratch();
    const healed = join(folder, 'healed');
    const watcher = startWatcher(folder, [
      ...['--name', 'disk', '--backoff', '20ms', '--healthy-after', '200ms'],
      ...[
        '--remedy',
        'port-in-use => touch wrong',
        '--remedy',
        `disk-full => sleep 0.4; echo $AGENT_WATCH_CATEGORY $AGENT_WATCH_INCIDENT >> healed; exit 4`,
      ],
      ...['--', 'sh', '-c', `[ -f healed ] && { echo healed first; exec sleep 600; }; ${full}`],
    ]);
    await watcher.printed(/healed first/);
    await watcher.said(/the remedy for disk-\w+ \(disk-full\) ended with code 4 after [\d.]+m?s/);
    await watcher.said(/healthy/);
    await until('the incident is closed', () => incidentsOf(folder, 'disk')[0]?.recoveredAt ?? false);
    const [incident] = incidentsOf(folder, 'disk');
    expect(incident!.remedy).toMatchObject({
      exitCode: 4,
      command: expect.stringContaining('echo $AGENT_WATCH_CATEGORY'),
    });
    expect(incident!.remedy!.ms).toBeGreaterThan(350);
    expect(lines(healed)).toEqual([`disk-full ${incident!.id}`]);
    expect(existsSync(join(folder, 'wrong'))).toBe(false);
    expect(run(folder, ['restart', 'disk']).code).toBe(0);
    await watcher.said(/run 3/);
    expect(lines(healed)).toHaveLength(1);
    watcher.process.kill('SIGTERM');
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
  });

  test('is found by a probe’s name, and by a pattern on the key line', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, [
      ...['--name', 'both', '--backoff', '20ms', '--fail-pattern', '^sick'],
      ...['--remedy', 'fail-pattern => echo probe >> ran', '--remedy', '/bad value/ => echo pattern >> ran'],
      ...[
        '--',
        'sh',
        '-c',
        'case $AGENT_WATCH_RUN in 1) echo sick; exec sleep 600;; 2) echo "ValueError: a bad value"; exit 1;; *) while :; do echo alive; sleep 0.1; done;; esac',
      ],
    ]);
    await watcher.printed(/alive/);
    expect(lines(join(folder, 'ran'))).toEqual(['probe', 'pattern']);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });

  test('gets nothing of the log into its command', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, [
      ...['--name', 'inject', '--backoff', '20ms', '--remedy', '/./ => env >> seen'],
      ...[
        '--',
        'sh',
        '-c',
        `[ -f seen ] && exec sleep 600; echo 'ValueError: $(touch owned) \`touch owned\` "; touch owned'; exit 1`,
      ],
    ]);
    await watcher.said(/run 2/);
    const seen = readFileSync(join(folder, 'seen'), 'utf8');
    expect(seen).toMatch(/^AGENT_WATCH_INCIDENT=inject-/m);
    expect(seen).not.toContain('touch owned');
    expect(existsSync(join(folder, 'owned'))).toBe(false);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });

  test('that does not fit delays nothing, in a storm either', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, [
      ...['--name', 'other', '--backoff', '10ms', '--backoff-factor', '1', '--flap-threshold', '0'],
      ...['--remedy', 'disk-full => sleep 600', '--', 'sh', '-c', 'echo "ValueError: no"; exit 1'],
    ]);
    await watcher.said(/run 40/);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });

  test('that takes for ever is ended by a stop, which starts nothing', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, [
      ...['--name', 'long', '--backoff', '20ms', '--remedy', 'disk-full => echo begun >> ran; sleep 600 & sleep 600'],
      ...['--', 'sh', '-c', `echo run >> runs; ${full}`],
    ]);
    await until('the remedy runs', () => existsSync(join(folder, 'ran')));
    await phaseIs(folder, 'long', 'starting');
    watcher.process.kill('SIGTERM');
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
    expect(watcher.err()).not.toContain('took too long');
    expect(lines(join(folder, 'runs'))).toHaveLength(1);
    await until('nothing of it is left', () => processesWithEnvironment(`AW_TEST_FOLDER=${folder}`).length === 0);
  });

  test('for a word that is nothing is refused with the nearest', () => {
    const folder = scratch();
    const refused = run(folder, ['--remedy', 'disk-ful => true', '--', 'true']);
    expect(refused).toMatchObject({ code: 125, out: '' });
    expect(refused.err).toMatch(
      /--remedy: "disk-ful" is neither a category nor the name of a probe; did you mean disk-full\?/,
    );
    expect(run(folder, ['--remedy', 'stale => true', '--restart', 'never', '--', 'true']).code).toBe(0);
  });
});
