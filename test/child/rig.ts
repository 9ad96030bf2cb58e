import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterEach } from 'vitest';
import { type Child, type ChildNote, type ChildSpec, createChild } from '../../src/child/child.ts';
import type { Sink } from '../../src/child/sink.ts';
import { openPipes } from '../../src/child/spawn.ts';
import type { Fact } from '../../src/core/events.ts';
import type { Clearing, RunId, Signal } from '../../src/core/model.ts';
import type { Mono, Stamp, Wall } from '../../src/core/units.ts';
import { until } from '../support/until.ts';

export const now = (): Stamp => ({ mono: performance.now() as Mono, wall: Date.now() as Wall });
export const freshRunId = () => randomBytes(16).toString('hex') as RunId;

/** A sink that keeps what it gets; while it is stalled, bytes wait in it as before a reader that takes none. */
export function memorySink() {
  const chunks: Buffer[] = [];
  const listeners = new Set<() => void>();
  let stalled = false;
  let waiting = 0;
  const sink: Sink = {
    write(bytes) {
      chunks.push(Buffer.from(bytes));
      if (stalled) waiting += bytes.length;
    },
    get waitingBytes() {
      return waiting;
    },
    pass: () => null,
    gone: false,
    lostBytes: 0,
    onProgress(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return {
    sink,
    bytes: () => Buffer.concat(chunks),
    text: () => Buffer.concat(chunks).toString(),
    stall() {
      stalled = true;
    },
    flow() {
      stalled = false;
      waiting = 0;
      for (const listener of listeners) listener();
    },
  };
}

export type FactOf<T extends Fact['type']> = Extract<Fact, { type: T }>;

/** Whether a process of that pid runs (a zombie does not). */
export function runs(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

const opened: { child: Child; ids: Set<RunId> }[] = [];

afterEach(async () => {
  for (const { child, ids } of opened.splice(0)) {
    for (const runId of ids) child.signalTree(runId, 'SIGKILL', 'tree');
    child.close();
  }
});

/** A child room over real pipes and sinks in memory. */
export async function rig(command: string[], extra: Partial<ChildSpec> = {}) {
  const out = memorySink();
  const err = memorySink();
  const facts: (Fact & { mono: number })[] = [];
  const notes: ChildNote[] = [];
  const blocked: (Stamp | null)[] = [];
  const { promise, resolve: bug } = Promise.withResolvers<string>();
  let inside = false;
  const child = createChild(
    {
      command,
      cwd: process.cwd(),
      env: { ...(process.env as Record<string, string>) },
      stdin: 'null',
      stdinIsTerminal: false,
      ringBytes: 256 * 1024,
      outputs: { stdout: out.sink, stderr: err.sink, same: false },
      pipes: openPipes(),
      now,
      onBlocked: since => blocked.push(since),
      ...extra,
    },
    fact => {
      if (inside) bug(`${fact.type} was reported from inside a call`);
      facts.push({ ...fact, mono: performance.now() });
    },
    note => notes.push(note),
  );
  const ids = new Set<RunId>();
  opened.push({ child, ids });
  const call = (what: () => void) => {
    inside = true;
    what();
    inside = false;
  };
  async function fact<T extends Fact['type']>(type: T, runId?: RunId) {
    const found = await Promise.race([
      promise,
      until(`${type}; so far: ${JSON.stringify(facts)}`, () =>
        facts.find(one => one.type === type && (!runId || ('runId' in one && one.runId === runId))),
      ),
    ]);
    if (typeof found === 'string') throw new Error(found);
    return found as FactOf<T> & { mono: number };
  }
  let number = 0;
  async function start() {
    const runId = freshRunId();
    ids.add(runId);
    call(() => child.spawn(++number, runId));
    const { pid, startTicks } = await fact('child-spawned', runId);
    return { runId, pid, startTicks };
  }
  function clear(run: Omit<Clearing, 'since'>, signal: Signal | null, graceMs: number, drain: boolean) {
    const { runId, pid, startTicks } = run;
    const clearing = { runId, pid, startTicks, since: now() };
    call(() => child.clear({ clearing, signal, to: 'tree', graceMs, drain }));
  }
  return { child, out, err, facts, notes, blocked, fact, start, clear, call, ids };
}
