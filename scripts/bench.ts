/**
 * Measures the built executable beside tee, cat, a shell loop and a 50-line Python watcher, in one call on one machine:
 *
 *   npm run bench                       prints a table
 *   npm run bench -- --json FILE        writes the numbers too
 *   npm run bench -- --check            exits 1 where a number is beyond 1.2 × its target
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { cpus } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { anonymousMb, type IdleCost, idleCost } from './bench/idle.ts';
import {
  executable,
  inFolder,
  medianOf,
  ours,
  pythonWatcher,
  start,
  timed,
  untilEnd,
  untilLines,
} from './bench/run.ts';

interface Row {
  what: string;
  unit: string;
  value: number;
  /** What it is held against, in the same unit. */
  beside: Record<string, number>;
  /** The value's bound, and whether more is better. */
  target: number | null;
  moreIsBetter: boolean;
}

const { values: flags } = parseArgs({
  options: { json: { type: 'string' }, check: { type: 'boolean', default: false } },
});
const rows: Row[] = [];
const python = spawnSync('python3', ['--version']).status === 0;
if (!python) console.log('skipped by name: the Python watcher (no python3 here)');

function add(row: Row): void {
  rows.push(row);
  const beside = Object.entries(row.beside).map(([name, value]) => `${name} ${value.toFixed(1)}`);
  const target = row.target === null ? '' : `target ${row.moreIsBetter ? '≥' : '≤'} ${row.target.toFixed(1)}`;
  console.log(`| ${row.what} | ${row.value.toFixed(1)} ${row.unit} | ${beside.join(', ')} | ${target} |`);
}

async function startUp(): Promise<void> {
  const command = ['sh', '-c', 'echo up; exec sleep 100'];
  await inFolder(async folder => {
    const value = await medianOf(15, () => untilLines(ours(folder, [], command), 1));
    const beside: Row['beside'] = {};
    if (python)
      beside['Python watcher'] = await medianOf(15, () => untilLines(['python3', pythonWatcher, '1', ...command], 1));
    beside['no watcher'] = await medianOf(15, () => untilLines(command, 1));
    beside['node -e 0'] = await medianOf(15, () => timed(`exec ${process.execPath} -e 0`));
    const target = Math.min(2.2 * beside['node -e 0'], 0.9 * (beside['Python watcher'] ?? Number.POSITIVE_INFINITY));
    add({ what: 'until the child runs', unit: 'ms', value, beside, target, moreIsBetter: false });
  });
}

async function restart(): Promise<void> {
  // Below the hundredth short run in a row, after which the shortest backoff is now 20 ms.
  const runs = 90;
  const command = ['sh', '-c', 'echo x; exit 1'];
  const perRun = async (argv: readonly string[]) => (await untilLines(argv, runs)) / runs;
  const value = await medianOf(5, () =>
    inFolder(folder => perRun(ours(folder, ['--backoff', '0ms', '--flap-threshold', '0', '--no-log'], command))),
  );
  const beside: Row['beside'] = {
    'shell loop': await medianOf(5, () => perRun(['sh', '-c', "while :; do sh -c 'echo x; exit 1'; done"])),
  };
  if (python) beside['Python watcher'] = await medianOf(5, () => perRun(['python3', pythonWatcher, '0', ...command]));
  const target = (beside['shell loop'] ?? 0) + 4;
  add({ what: 'crash to next start, the run included', unit: 'ms', value, beside, target, moreIsBetter: false });
}

/** A crash loop that nobody ends must not grow. */
async function manyRestarts(): Promise<void> {
  await inFolder(async folder => {
    const options = ['--backoff', '0ms', '--flap-threshold', '0', '--no-log'];
    const watcher = start(ours(folder, options, ['sh', '-c', 'exit 1']), 'ignore');
    const state = `${folder}/bench/state.json`;
    const after = async (runs: number) => {
      while (!existsSync(state) || JSON.parse(readFileSync(state, 'utf8')).state.run < runs) await pause(20);
      return anonymousMb(watcher.pid ?? 0);
    };
    const early = await after(100);
    const value = await after(10_000);
    const beside = { 'after 100': early };
    add({ what: 'memory after 10,000 restarts', unit: 'MB', value, beside, target: 1.1 * early, moreIsBetter: false });
    await new Promise(done => watcher.once('exit', done) && watcher.kill('SIGTERM'));
  });
}

async function throughput(what: string, generator: string, mib: number): Promise<void> {
  const rate = async (script: string, runs = 5) => mib / ((await medianOf(runs, () => timed(script))) / 1000);
  await inFolder(async folder => {
    const watched = (options: string[]) =>
      `${ours(folder, ['--restart', 'never', ...options], ['sh', '-c', `'${generator}'`]).join(' ')} | cat > /dev/null`;
    const tee = await rate(`${generator} | tee | cat > /dev/null`);
    const cat = await rate(`${generator} | cat | cat > /dev/null`);
    const beside: Row['beside'] = { tee, cat };
    if (python)
      beside['Python watcher'] = await rate(
        `python3 ${pythonWatcher} -1 sh -c '${generator}' 2>/dev/null | cat > /dev/null`,
        1,
      );
    add({
      what: `${what}, no log`,
      unit: 'MiB/s',
      value: await rate(watched(['--no-log'])),
      beside,
      target: tee,
      moreIsBetter: true,
    });
    add({
      what: `${what}, with the log`,
      unit: 'MiB/s',
      value: await rate(watched([])),
      beside: { tee },
      target: 0.7 * tee,
      moreIsBetter: true,
    });
  });
}

async function idle(what: string, options: readonly string[], bare: IdleCost, cpuTargetMs: number): Promise<void> {
  const cost = await idleCost(folder => ours(folder, options, ['sleep', '1000']));
  const row = (of: string, unit: string, value: number, bareValue: number, target: number) =>
    add({
      what: `${what}: ${of}`,
      unit,
      value,
      beside: { 'bare runtime': bareValue },
      target,
      moreIsBetter: false,
    });
  row('private memory each', 'MB', cost.privateMb, bare.privateMb, 11);
  row('wake-ups a second each', '', cost.wakeUpsPerSecond, bare.wakeUpsPerSecond, 1);
  row('CPU a second, all 13', 'ms', cost.cpuMsPerSecond * 13, bare.cpuMsPerSecond * 13, cpuTargetMs);
}

/** A reader that left after the first line must cost nothing but what is written. */
async function readerGone(): Promise<void> {
  const speaks = ['sh', '-c', 'while echo line; do sleep 0.1; done'];
  const { cpuMsPerSecond: value } = await idleCost(folder => ours(folder, [], speaks), true);
  add({
    what: 'reader gone, 10 lines a second: CPU a second',
    unit: 'ms',
    value,
    beside: {},
    target: 10,
    moreIsBetter: false,
  });
}

/** The runtime without us, woken by a timer as often as the probes of a watcher ask for it. */
const bareRuntime = () => idleCost(() => [process.execPath, '-e', 'setInterval(() => {}, 5000)']);

/** Every probe there is, at its default timing, and all of them well. */
async function everyProbe(use: (options: string[]) => Promise<void>): Promise<void> {
  const server = createServer((_, response) => response.end('ok'));
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await inFolder(async folder => {
    const metrics = `${folder}/metrics.json`;
    writeFileSync(metrics, '{"daily_loss": 1, "cash": 100}');
    await use([
      ...['--stale-after', '1h', '--fresh-file', `${metrics}=1h`, '--grow', `${folder}/*=1h`],
      ...['--http', `http://127.0.0.1:${port}/`, '--port', `${port}`, '--check', 'true'],
      ...['--fail-pattern', 'FATAL', '--error-rate', '5/1m', '--max-memory', '1G', '--min-disk', '1M'],
      ...['--metrics', metrics, '--kill-when', 'daily_loss > $10 OR cash < $20'],
    ]);
  });
  server.close();
}

/** Every command that looks, over 100 names with an incident each. */
async function looks(): Promise<void> {
  await inFolder(async folder => {
    const ends = ours(folder, ['--restart', 'never'], ['sh', '-c', 'echo Error: no such thing; exit 1']);
    await untilEnd(ends);
    for (let index = 0; index < 99; index++) await untilEnd(ends.with(2, `bench-${index}`));
    for (const command of [
      'status',
      'health',
      'brief',
      'incidents',
      'events',
      'logs',
      'logs bench',
      'diagnose bench',
    ]) {
      const value = await medianOf(15, () => timed(`${executable} ${command} --state-dir ${folder} > /dev/null`));
      const version = await medianOf(15, () => timed(`${executable} --version > /dev/null`));
      const row = { unit: 'ms', value, beside: { '--version': version }, target: 1.4 * version, moreIsBetter: false };
      add({ what: `${command} over 100 names`, ...row });
    }
  });
}

/** The list of a name that has as many incidents as are kept, each with the whole tail that one keeps. */
async function fullOfIncidents(): Promise<void> {
  await inFolder(async folder => {
    const last =
      'i=0; while [ $i -lt 200 ]; do echo "line $i of what it said before its end, as long as lines are"; i=$((i+1)); done';
    await untilEnd(ours(folder, ['--restart', 'never'], ['sh', '-c', `${last}; echo Error: no such thing; exit 1`]));
    const kept = `${folder}/bench/incidents`;
    const [file = ''] = readdirSync(kept).filter(name => name.endsWith('.json'));
    const incident = JSON.parse(readFileSync(`${kept}/${file}`, 'utf8'));
    const began = Date.parse(incident.at);
    for (let index = 1; index < 500; index++) {
      const wall = began - index * 60_000;
      const one = { ...incident, id: `bench-${wall.toString(36)}`, at: new Date(wall).toISOString() };
      writeFileSync(`${kept}/${one.id}.json`, JSON.stringify(one));
    }
    const value = await medianOf(15, () => timed(`${executable} incidents --state-dir ${folder} > /dev/null`));
    add({ what: 'incidents over 500 kept', unit: 'ms', value, beside: {}, target: 100, moreIsBetter: false });
  });
}

console.log(
  `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, ${process.platform}, ${new Date().toISOString().slice(0, 10)}\n`,
);
console.log('| what | ours | beside it | target |\n|---|---|---|---|');
await startUp();
await restart();
await manyRestarts();
await throughput('pass-through in 64 KiB blocks', 'dd if=/dev/zero bs=64k count=32768 status=none', 2048);
await throughput(
  'pass-through of 80-byte lines',
  'yes 0123456789012345678901234567890123456789012345678901234567890123456789012345678 | head -c 536870912',
  512,
);
const bare = await bareRuntime();
await idle('13 idle watchers', [], bare, 1);
await everyProbe(options => idle('13 idle watchers with every probe', options, bare, 5));
await idle('13 idle watchers with --stale-when idle', ['--stale-after', '10m', '--stale-when', 'idle'], bare, 3);
await readerGone();
await looks();
await fullOfIncidents();

if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(rows, null, 2)}\n`);
const beyond = rows.filter(
  ({ value, target, moreIsBetter }) => target !== null && (moreIsBetter ? value * 1.2 < target : value > target * 1.2),
);
for (const { what } of beyond) console.log(`beyond 1.2 × its target: ${what}`);
if (flags.check && beyond.length > 0) process.exitCode = 1;
