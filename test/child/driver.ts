/**
 * A watcher without a machine, for tests of real descriptors: runs a command a number of times one after the other, then flushes
 * and ends. What happened goes as JSON lines into a file. driver.ts '{"command":[..],"events":PATH}'
 */
import { randomBytes } from 'node:crypto';
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { isatty } from 'node:tty';
import { createChild } from '../../src/child/child.ts';
import { openOutputs, say } from '../../src/child/sink.ts';
import { openPipes } from '../../src/child/spawn.ts';
import type { RunId } from '../../src/core/model.ts';
import type { Mono, Stamp, Wall } from '../../src/core/units.ts';

const spec = {
  times: 1,
  flushMs: 60_000,
  stdin: 'inherit' as 'inherit' | 'null',
  pipes: true,
  say: '',
  linger: false,
  ignoreHup: false,
  ...JSON.parse(process.argv[2] ?? '{}'),
};
const now = (): Stamp => ({ mono: performance.now() as Mono, wall: Date.now() as Wall });
const tell = (event: object) => appendFileSync(spec.events, `${JSON.stringify({ ...event, at: performance.now() })}\n`);

if (spec.ignoreHup) process.on('SIGHUP', () => {});
function zombies(): number {
  return readdirSync('/proc').filter(name => {
    try {
      return readFileSync(`/proc/${name}/stat`, 'latin1').includes(`) Z ${process.pid} `);
    } catch {
      return false;
    }
  }).length;
}

async function main() {
  const outputs = openOutputs();
  const pipes = spec.pipes ? openPipes() : null;
  let run = 0;
  // Random, as a watcher's: a run of another driver with the same id would be taken for ours, and ended.
  let runId = '' as RunId;
  const child = createChild(
    {
      command: spec.command,
      cwd: process.cwd(),
      env: process.env as Record<string, string>,
      stdin: spec.stdin,
      stdinIsTerminal: isatty(0),
      ringBytes: 65_536,
      outputs,
      pipes,
      now,
      onBlocked: since => tell({ type: 'blocked', since }),
    },
    fact => {
      tell({
        ...fact,
        tail: child.tail(64).toString(),
        rss: process.memoryUsage.rss(),
        fds: readdirSync('/proc/self/fd').length,
      });
      if (fact.type === 'child-exited')
        child.clear({
          clearing: { runId, pid: null, startTicks: null, since: now() },
          ...{ signal: 'SIGTERM', to: 'tree', graceMs: 1000, drain: true },
        });
      if (fact.type === 'run-cleared') next();
      if (fact.type === 'spawn-failed') process.exit(9);
    },
    tell,
  );

  function next(): void {
    if (run < spec.times) {
      runId = randomBytes(16).toString('hex') as RunId;
      return child.spawn(++run, runId);
    }
    if (spec.linger) return tell({ type: 'lingering' });
    child.flush(spec.flushMs).then(left => {
      const { user, system } = process.cpuUsage();
      const lost = outputs.stdout.lostBytes;
      tell({
        type: 'flushed',
        left,
        lost,
        gone: outputs.stdout.gone,
        cpuMs: (user + system) / 1000,
        total: child.totalBytes,
        zombies: zombies(),
      });
      process.exit(0);
    });
  }

  if (spec.say !== '') say(outputs.stderr, Buffer.from(spec.say));
  tell({ type: 'up', pid: process.pid });
  next();
}
main();
