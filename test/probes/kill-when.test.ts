import { execFileSync } from 'node:child_process';
import { renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Mono, Stamp, Wall } from '../../src/core/units.ts';
import { stampNow } from '../../src/host/clock.ts';
import { openKillWhen, parseKillWhen } from '../../src/probes/kill-when/kill-when.ts';
import { type MetricsPlace, withTimeLimit } from '../../src/probes/kill-when/sources.ts';
import { scratch } from '../support/scratch.ts';
import { runOf } from './rig.ts';

const never = () => new AbortController().signal;

async function open(written: string, metrics: MetricsPlace[], now: () => Stamp = stampNow, restarts = 0) {
  const condition = await parseKillWhen(written);
  if (typeof condition === 'string') throw new Error(condition);
  const env = { PATH: process.env['PATH'] ?? '' };
  const rest = { maxAgeMs: 300_000, timeLimitMs: 2000, cwd: '/', env, errorPattern: null, restarts: () => restarts };
  return openKillWhen(condition, { metrics, now, ...rest });
}

/** Clocks that stand still until they are told. */
function clocks() {
  let passed = 0;
  let jumped = 0;
  const start = stampNow();
  return {
    now: (): Stamp => ({ mono: (start.mono + passed) as Mono, wall: (start.wall + passed + jumped) as Wall }),
    pass(ms: number) {
      passed += ms;
    },
    jump(ms: number) {
      jumped += ms;
    },
  };
}

describe('numbers from a file', () => {
  test('the whole story: clear, replaced, tripped, half written, gone, too old', async () => {
    const path = join(scratch(), 'metrics.json');
    const clock = clocks();
    const watch = await open('daily_loss > $10 OR cash < $20', [{ kind: 'file', path }], clock.now);
    expect(await watch.read(never())).toMatchObject({
      result: 'blind',
      notYet: false,
      why: expect.stringContaining('does not exist'),
    });
    const put = (text: string) => {
      writeFileSync(`${path}.new`, text);
      utimesSync(`${path}.new`, clock.now().wall / 1000, clock.now().wall / 1000);
      renameSync(`${path}.new`, path);
    };
    put('{"daily_loss": "$3.00", "cash": 100}');
    expect(await watch.read(never())).toEqual({
      kind: 'condition',
      result: 'clear',
      notYet: false,
      why: 'daily_loss 3, cash 100',
    });
    clock.pass(60_000);
    put('{"daily_loss": 10.5, "cash": 100}');
    expect(await watch.read(never())).toMatchObject({
      result: 'tripped',
      why: 'daily_loss > $10 OR cash < $20 (daily_loss 10.5, cash 100)',
    });
    writeFileSync(path, '{"daily_loss": 1');
    expect(await watch.read(never())).toMatchObject({ result: 'tripped' });
    rmSync(path);
    expect(await watch.read(never())).toMatchObject({ result: 'tripped' });
    clock.pass(301_000);
    expect(await watch.read(never())).toMatchObject({
      result: 'blind',
      why: expect.stringContaining('metrics.json are too old'),
    });
  });

  test('a file that was old before we came is blind; a wall clock that jumps a day makes none old', async () => {
    const path = join(scratch(), 'metrics.json');
    const clock = clocks();
    const wall = () => clock.now().wall / 1000;
    writeFileSync(path, '{"x": 1}');
    utimesSync(path, wall() - 301, wall() - 301);
    const old = await open('x > 2', [{ kind: 'file', path }], clock.now);
    expect(await old.read(never())).toMatchObject({ result: 'blind' });
    utimesSync(path, wall() - 10, wall() - 10);
    const fresh = await open('x > 2', [{ kind: 'file', path }], clock.now);
    expect(await fresh.read(never())).toMatchObject({ result: 'clear' });
    clock.jump(86_400_000);
    expect(await fresh.read(never())).toMatchObject({ result: 'clear' });
    clock.jump(-2 * 86_400_000);
    expect(await fresh.read(never())).toMatchObject({ result: 'clear' });
    clock.pass(300_000);
    expect(await fresh.read(never())).toMatchObject({ result: 'blind' });
  });

  test('a name that a readable file does not have is told, with those that it has', async () => {
    const path = join(scratch(), 'metrics.json');
    writeFileSync(path, '{"daily_loss": 1, "account": {"cash": null}}');
    const place: MetricsPlace = { kind: 'file', path };
    expect(await (await open('dailyloss > 1', [place])).missingName(never())).toEqual({
      name: 'dailyloss',
      known: expect.arrayContaining(['daily_loss', 'account.cash', 'memory', 'uptime']),
    });
    expect(await (await open('account.cash < 1 or uptime > 5', [place])).missingName(never())).toBeNull();
    const unsure: MetricsPlace[] = [place, { kind: 'output', pattern: null }];
    expect(await (await open('dailyloss > 1', unsure)).missingName(never())).toBeNull();
    expect(await (await open('x > 1', [{ kind: 'file', path: `${path}.not` }])).missingName(never())).toBeNull();
    expect(await (await open('loss > 1', [])).missingName(never())).toMatchObject({ name: 'loss' });
  });
});

describe('a source that does not answer', () => {
  test('leaves its former numbers until they are too old, and is asked again only when it has answered', async () => {
    const clock = clocks();
    const answers = [Promise.resolve({ values: { x: 1 }, at: clock.now().mono }), new Promise<never>(() => {})];
    let asked = 0;
    const source = withTimeLimit({ label: 'm.json', from: 'now', read: () => answers[asked++]! }, 20);
    const first = await source.read(never());
    expect(first).toMatchObject({ values: { x: 1 } });
    expect(await source.read(never())).toBe(first);
    expect(await source.read(never())).toBe(first);
    expect(asked).toBe(2);
  });

  test('and never did, has no numbers', async () => {
    const source = withTimeLimit({ label: 'm.json', from: 'now', read: () => new Promise(() => {}) }, 20);
    expect(await source.read(never())).toEqual({ fault: 'm.json gave no answer in 20ms' });
  });

  test('only regular files are read, and nothing is waited for', async () => {
    const path = join(scratch(), 'fifo');
    execFileSync('mkfifo', [path]);
    const watch = await open('x > 2', [{ kind: 'file', path }]);
    expect(await watch.read(never())).toMatchObject({
      result: 'blind',
      why: expect.stringContaining('not a regular file'),
    });
  });

  test('what the condition does not use may be deep or huge', async () => {
    const path = join(scratch(), 'm.json');
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    writeFileSync(path, `{"deep": ${deep}, "huge": "${'x'.repeat(3_000_000)}", "x": 5}`);
    const watch = await open('x > 2', [{ kind: 'file', path }]);
    expect(await watch.read(never())).toMatchObject({ result: 'tripped', why: 'x > 2 (x 5)' });
  });
});

describe('numbers from elsewhere', () => {
  test('an URL', async () => {
    let answer: [number, string] = [200, '{"loss": 11}'];
    const server = createServer((_request, response) => void response.writeHead(answer[0]).end(answer[1]));
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const clock = clocks();
    const watch = await open('loss > 10', [{ kind: 'url', url }], clock.now);
    expect(await watch.read(never())).toMatchObject({ result: 'tripped' });
    answer = [500, ''];
    expect(await watch.read(never())).toMatchObject({ result: 'tripped' });
    clock.pass(300_001);
    expect(await watch.read(never())).toMatchObject({ result: 'blind' });
  });

  test.each([
    ['echo \'{"loss": 11}\'', 'tripped', /loss 11/],
    ['echo \'{"loss": 9}\'; echo noise >&2', 'clear', /loss 9/],
    ['echo broken', 'blind', /is not JSON; no value for loss/],
    ['exit 3', 'blind', /ended with 3/],
    ['sleep 60', 'blind', /did not finish within 2s/],
  ])('a command: %s', async (command, result, why) => {
    const watch = await open('loss > 10', [{ kind: 'exec', command }]);
    expect(await watch.read(never())).toMatchObject({ result, why: expect.stringMatching(why) });
  });

  test.each<[string, RegExp | null, string[], string]>([
    ['JSON lines', null, ['{"cash": 30}', 'noise', '{"cash": "$19.5", "x": 1}'], 'tripped'],
    ['key=value', null, ['step=1 cash=$19.50, mood="fine"'], 'tripped'],
    ['key=value with thousands, above', null, ['step=1 cash=$1,234.50, mood="fine"'], 'clear'],
    ['quoted', null, ['cash="19"'], 'tripped'],
    ['another name', null, ['petty_cash=1'], 'blind'],
    ['a pattern', /balance: (?<cash>[\d.]+) USD/, ['balance: 19.5 USD'], 'tripped'],
    ['a null takes the number back', null, ['cash=5', '{"cash": null}'], 'blind'],
    ['a document without it leaves it', null, ['cash=5', '{"step": 2}'], 'tripped'],
  ])('the output: %s', async (_name, pattern, lines, result) => {
    const watch = await open('cash < 20', [{ kind: 'output', pattern }]);
    expect(await watch.read(never())).toMatchObject({ result: 'blind', notYet: true });
    const probe = watch.probe(runOf());
    probe.hearLines?.(lines, stampNow().mono);
    expect(await probe.ask(never())).toMatchObject({ result });
  });

  test('each number of the output has its own age, and outlives the run that wrote it', async () => {
    const clock = clocks();
    const watch = await open('cash < 20 or loss > 5', [{ kind: 'output', pattern: null }], clock.now);
    watch.probe(runOf()).hearLines?.(['cash=100 loss=1'], clock.now().mono);
    expect(await watch.read(never())).toMatchObject({ result: 'clear' });
    clock.pass(200_000);
    const next = watch.probe(runOf());
    next.hearLines?.(['cash=90'], clock.now().mono);
    clock.pass(200_000);
    expect(await next.ask(never())).toMatchObject({ result: 'blind', why: 'no value for loss (cash 90)' });
  });

  test('built-in names', async () => {
    const clock = clocks();
    const watch = await open(
      'memory > 1000 and uptime > 59 and output_age > 29 and restarts == 4 and errors_per_hour > 1',
      [],
      clock.now,
      4,
    );
    expect(await watch.read(never())).toMatchObject({ result: 'clear' });
    const probe = watch.probe(runOf());
    clock.pass(30_000);
    probe.hearOutput?.(clock.now().mono);
    probe.hearLines?.(['ERROR a', 'fine', 'ERROR b'], clock.now().mono);
    clock.pass(30_000);
    expect(await probe.ask(never())).toMatchObject({ result: 'tripped' });
  });

  test('several sources add up; the last one counts where two have a name', async () => {
    const path = join(scratch(), 'metrics.json');
    writeFileSync(path, '{"cash": 5, "loss": 3}');
    const metrics: MetricsPlace[] = [
      { kind: 'file', path },
      { kind: 'exec', command: 'echo \'{"cash": 50, "loss": null}\'' },
    ];
    const watch = await open('cash < 20 or loss > 4', metrics);
    expect(await watch.read(never())).toMatchObject({ result: 'clear', why: 'cash 50, loss 3' });
  });
});
