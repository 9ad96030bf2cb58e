import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { serving } from '../servers/serving.ts';
import { lives } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { executable, phaseIs, run, startWatcher, statusOf, type Watcher } from '../support/watcher.ts';

/** Writes the line that is in `line` again and again; counts its runs; asks for a reset on USR1, and when it is told to end. */
const CHILD = `echo run >> runs
ask() { "$AGENT_WATCH" reset bot > reset.out 2>&1; echo $? >> resets; }
trap ask USR1
trap 'ask; exit 0' TERM
while :; do cat line 2> /dev/null; sleep 0.1; done`;

const WELL = { daily_loss: 3, cash: 100 };
const RUINED = { daily_loss: 12.5, cash: 15 };
const EXPRESSION = 'daily_loss > $10 OR cash < $20';

interface Scene {
  folder: string;
  start(...more: string[]): Watcher;
  runs(): number;
  file(name: string): string;
}

function scene(options: readonly string[], expression = EXPRESSION): Scene {
  const folder = scratch();
  const file = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '');
  const args = ['--name', 'bot', '--backoff', '0ms', '--health-interval', '200ms', '--kill-when', expression];
  return {
    folder,
    file,
    start: (...more) =>
      startWatcher(folder, [...args, ...options, ...more, '--', 'sh', '-c', CHILD], {
        env: { AGENT_WATCH: executable },
      }),
    runs: () => file('runs').split('\n').length - 1,
  };
}

/** Its row says that the numbers are read and well. */
async function sees(folder: string): Promise<void> {
  await phaseIs(folder, 'bot', 'running');
  await until('the kill condition is clear', () => {
    const row = statusOf(folder, 'bot').health.find(({ name }) => name === 'kill-when');
    return row?.ok === true ? row : false;
  });
}

async function dies(watcher: Watcher): Promise<void> {
  watcher.process.kill('SIGKILL');
  await watcher.ended;
}

const put = (folder: string, name: string, text: string) => writeFileSync(join(folder, name), text);
const json = (values: object) => `${JSON.stringify(values)}\n`;
type Numbers = typeof WELL;

/** Where the numbers come from, and how they are changed there. */
const sources: Record<string, (folder: string) => Promise<{ metrics: string; set(values: Numbers): void }>> = {
  'a file': async folder => ({
    metrics: join(folder, 'm.json'),
    set: values => put(folder, 'm.json', json(values)),
  }),
  'a URL': async () => {
    let now = WELL;
    const server = await serving((_request, response) => response.end(json(now)));
    const set = (values: Numbers) => {
      now = values;
    };
    return { metrics: `${server.url}/metrics`, set };
  },
  'a command': async folder => ({
    metrics: 'exec:cat m.json',
    set: values => put(folder, 'm.json', json(values)),
  }),
  'JSON lines of the output': async folder => ({
    metrics: 'output',
    set: values => put(folder, 'line', json(values)),
  }),
  'key=value pairs of the output': async folder => ({
    metrics: 'output',
    set: ({ daily_loss, cash }) => put(folder, 'line', `day 3: daily_loss=$${daily_loss} cash=$${cash}\n`),
  }),
  'named groups of the output': async folder => ({
    metrics: String.raw`output:/lost \$(?<daily_loss>[\d.]+), (?<cash>\d+) left/`,
    set: ({ daily_loss, cash }) => put(folder, 'line', `lost $${daily_loss}, ${cash} left\n`),
  }),
};

describe('a kill condition, from its trip to its reset', () => {
  test.each(Object.entries(sources))('over %s', async (_what, open) => {
    const { folder, start, runs, file } = scene([]);
    const { metrics, set } = await open(folder);
    set(WELL);
    const first = start('--metrics', metrics);
    await sees(folder);

    // From inside the child nothing is reset: not while it is well, and not in its last moments.
    expect(run(folder, ['signal', 'bot', 'USR1']).code).toBe(0);
    await until('it asked for a reset', () => file('resets') === '1\n');
    const { childPid } = statusOf(folder, 'bot');
    set(RUINED);
    const held = await phaseIs(folder, 'bot', 'held');
    expect(held.holdReason).toMatch(/daily_loss > \$10 OR cash < \$20 \(daily_loss 12\.5, cash 15\)/);
    expect(held.lastExit).toMatchObject({ cause: 'kill-condition' });
    expect(lives(childPid ?? 0)).toBe(false);
    expect(file('resets')).toBe('1\n1\n');
    await first.said(/held: daily_loss > .*; not started until a reset/);
    expect(JSON.parse(file('state/bot/hold.json'))).toMatchObject({ cause: 'kill-condition', why: held.holdReason });

    await dies(first);
    set(WELL);
    expect(statusOf(folder, 'bot')).toMatchObject({ phase: 'held', watcherPid: null, holdReason: held.holdReason });
    const state = join(folder, 'state/bot/state.json');
    for (const damage of [
      () => {},
      () => rmSync(state),
      () => writeFileSync(state, ''),
      () => writeFileSync(state, '{"version":1,"sta'),
    ]) {
      damage();
      const next = start('--metrics', metrics);
      await next.said(/held since .*daily_loss/);
      expect(await phaseIs(folder, 'bot', 'held')).toMatchObject({ holdReason: held.holdReason });
      await dies(next);
    }
    expect(runs()).toBe(1);

    expect(run(folder, ['reset', 'bot'])).toMatchObject({ code: 0 });
    expect(existsSync(join(folder, 'state/bot/hold.json'))).toBe(false);
    const last = start('--metrics', metrics);
    await sees(folder);
    expect(runs()).toBe(2);
    last.process.kill('SIGTERM');
    expect(await last.ended).toMatchObject({ code: 0 });
  });

  test('a reset while it is watched starts it again; numbers that are still bad hold it before it starts', async () => {
    const { folder, start, runs } = scene(['--metrics', 'm.json']);
    put(folder, 'm.json', json(RUINED));
    const watcher = start();
    await phaseIs(folder, 'bot', 'held');
    expect(run(folder, ['reset', 'bot'])).toMatchObject({ code: 0 });
    await watcher.said(/the hold is cleared[\s\S]*held since/);
    expect(runs()).toBe(0);
    put(folder, 'm.json', json(WELL));
    expect(run(folder, ['reset', 'bot'])).toMatchObject({ code: 0 });
    await sees(folder);
    expect(runs()).toBe(1);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });

  test('the built-in names need no source: restarts are those there were', async () => {
    const { folder, start } = scene([], 'restarts >= 3');
    const watcher = start('--stop-timeout', '100ms');
    for (let done = 1; done <= 3; done++) {
      const { childPid } = await phaseIs(folder, 'bot', 'running');
      process.kill(childPid ?? 0, 'SIGKILL');
      await until(`restart ${done}`, () => statusOf(folder, 'bot').restarts === done);
    }
    const { holdReason, restarts } = await phaseIs(folder, 'bot', 'held');
    expect(holdReason).toMatch(/restarts >= 3 \(restarts 3\)/);
    expect(restarts).toBe(3);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });
});

describe('blind', () => {
  test('are reported, are a failing row, and make health end with 1; the child continues', async () => {
    const { folder, start, runs } = scene(['--metrics', 'm.json', '--metrics-max-age', '5s']);
    put(folder, 'm.json', json(WELL));
    const watcher = start();
    await until('the kill condition is clear', () => {
      put(folder, 'm.json', json(WELL));
      return statusOf(folder, 'bot').health[0]?.ok === true;
    });
    await watcher.said(/the kill condition has no current metrics: the numbers of m\.json are too old/);
    const health = run(folder, ['health']);
    expect(health.code).toBe(1);
    expect(health.out).toMatch(/^BAD +bot +unhealthy: kill-when: the numbers of m\.json are too old/);
    put(folder, 'm.json', json({ ...WELL, cash: 99 }));
    await watcher.said(/the kill condition has current metrics again/);
    expect(run(folder, ['health'])).toMatchObject({ code: 0, out: expect.stringMatching(/^ok +bot +running/) });
    watcher.process.kill('SIGTERM');
    await watcher.ended;
    expect(runs()).toBe(1);
  });

  test('holds under --kill-when-blind', async () => {
    const { folder, start } = scene(['--metrics', 'm.json', '--metrics-max-age', '1s', '--kill-when-blind']);
    put(folder, 'm.json', json(WELL));
    const watcher = start();
    const { holdReason } = await phaseIs(folder, 'bot', 'held');
    expect(holdReason).toMatch(/the numbers of m\.json are too old/);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });

  test('is not what the output has not told yet', async () => {
    const { folder, start, runs } = scene(['--metrics', 'output', '--kill-when-blind']);
    const watcher = start();
    await phaseIs(folder, 'bot', 'running');
    put(folder, 'line', 'warming up\n');
    await watcher.printed(/(warming up\n){12}/);
    expect(statusOf(folder, 'bot')).toMatchObject({ phase: 'running', health: [{ name: 'kill-when', ok: null }] });
    put(folder, 'line', json(WELL));
    await sees(folder);
    expect(runs()).toBe(1);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });
});

describe('refused with 125 before anything starts', () => {
  const refused = (folder: string, expression: string) =>
    run(folder, ['--kill-when', expression, '--metrics', 'm.json', '--', 'sh', '-c', 'echo run >> runs']);

  test.each([
    ['daily_loss >> 10', /--kill-when: .*column 13/],
    ['daily_loss + 1', /it is a value, not a condition; compare it with something/],
    ['daily_los > 10', /no source of --metrics has "daily_los"; did you mean daily_loss\?/],
    ['cash < 20 AND uptim > 5', /no source of --metrics has "uptim"; did you mean uptime\?/],
  ])('%s', (expression, words) => {
    const folder = scratch();
    put(folder, 'm.json', json(WELL));
    const ended = refused(folder, expression);
    expect(ended).toMatchObject({ code: 125, err: expect.stringMatching(words) });
    expect(ended.err.trim().split('\n')).toHaveLength(1);
    expect(existsSync(join(folder, 'runs'))).toBe(false);
  });

  test('an armed.json that cannot be written', () => {
    const folder = scratch();
    put(folder, 'm.json', json(WELL));
    mkdirSync(join(folder, 'state/sh/armed.json/in-the-way'), { recursive: true });
    execFileSync('chmod', ['-R', 'go-rwx', join(folder, 'state')]);
    const args = [
      '--name',
      'sh',
      '--kill-when',
      'cash < 20',
      '--metrics',
      'm.json',
      '--',
      'sh',
      '-c',
      'echo run >> runs',
    ];
    const ended = run(folder, args);
    expect(ended).toMatchObject({ code: 125, err: expect.stringMatching(/the kill condition cannot be armed/) });
    expect(existsSync(join(folder, 'runs'))).toBe(false);
  });
});
