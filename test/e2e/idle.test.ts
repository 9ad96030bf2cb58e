import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { loadavg } from 'node:os';
import { resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Autopsy } from '../../src/core/autopsy.ts';
import type { Incident } from '../../src/incidents/incident.ts';
import { missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher, statusOf, type Watcher } from '../support/watcher.ts';

const noPython = missing('python3', '-c', '');
const LIMIT_MS = 6000;
/** Of those that are left alone: between two polls of one there is room for many looks, on a busy machine too. */
const PATIENT_MS = 12_000;

/** A server that does this with each connection, on a port of this machine. */
async function serverThat(serves: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => {});
    serves(socket);
  });
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return String((server.address() as AddressInfo).port);
}

/** Writes again and again until the other end goes. */
function writesEvery(ms: number, text: string): (socket: Socket) => void {
  return socket => {
    const timer = setInterval(() => socket.write(text), ms);
    socket.on('close', () => clearInterval(timer));
  };
}

/** From now on other programs of this machine make connections, of which nobody can tell whose they are. */
async function othersConnect(): Promise<void> {
  const port = Number(await serverThat(socket => socket.end()));
  const timer = setInterval(() => createConnection(port, '127.0.0.1').on('error', () => {}), LIMIT_MS / 40);
  onTestFinished(() => clearInterval(timer));
}

/** Watches one worker of each name; `way`: what it does, `serves`: what the server that it talks to does. */
async function watchWorkers(folder: string, workers: Workers, limitMs: number): Promise<Record<string, Watcher>> {
  const program = resolve(import.meta.dirname, '../fixtures/silent-worker.py');
  const timing = ['--stale-after', `${limitMs}ms`, '--health-start-period', '0s', '--backoff', '1h'];
  const watchers: Record<string, Watcher> = {};
  for (const [name, { way, serves }] of Object.entries(workers)) {
    const port = serves === undefined ? [] : [await serverThat(serves)];
    const command = ['python3', program, way, String(limitMs / 5000), ...port];
    watchers[name] = startWatcher(folder, ['--name', name, '--stale-when', 'idle', ...timing, '--', ...command]);
  }
  return watchers;
}

type Workers = Record<string, { way: string; serves?: (socket: Socket) => void }>;

const FIRST_WORD = /started|connected/;

/** `AGENT_WATCH_ROUNDS=50` shows what is rare, and says how long after their last words the hangs were found. */
const asked = process.env['AGENT_WATCH_ROUNDS'];
const rounds = Array.from({ length: Number(asked ?? 3) }, (_, index) => index + 1);

/** How long after its first and last word it is stopped. */
async function foundAfterMs({ printed, said }: Watcher): Promise<number> {
  await printed(FIRST_WORD);
  const silentSince = performance.now();
  await said(/stopping: stale:/);
  return Math.round(performance.now() - silentSince);
}

describe.skipIf(noPython)('--stale-when idle', () => {
  test.each(rounds)(
    'restarts a program that waits for a dead connection or a lock, is stopped, or only redraws (round %i)',
    async round => {
      const folder = scratch();
      const workers: Workers = {
        connection: { way: 'client', serves: socket => socket.write('HTTP/1.1 200 OK\r\n\r\n') },
        lock: { way: 'lock' },
        stopped: { way: 'stopped' },
        redraws: { way: 'redraw' },
      };
      await othersConnect();
      const watchers = await watchWorkers(folder, workers, LIMIT_MS);
      const found = await Promise.all(Object.values(watchers).map(foundAfterMs));
      for (const [name, { said }] of Object.entries(watchers)) {
        const { lastExit } = await phaseIs(folder, name, 'backoff');
        expect({ name, cause: lastExit?.cause }).toEqual({ name, cause: 'probe' });
        await said(/stale:early: no output.*; restarts at 6s[\s\S]*stopping: stale:/);
      }
      const doing = async (name: string) => (await until(`why ${name} hung`, () => autopsyOf(folder, name))).sentence;
      expect(await doing('connection')).toMatch(
        /waits for 127\.0\.0\.1:\d+ \(ESTABLISHED, nothing received for [\d.]+s\)/,
      );
      expect(await doing('lock')).toMatch(/waits for a lock .*\(futex\); no CPU time used/);
      expect(await doing('stopped')).toMatch(/is stopped by SIGSTOP/);
      expect(await doing('redraws')).toMatch(/its last line: ".*Reconnecting… \d+s"/);
      if (asked !== undefined)
        console.log(`round ${round}, load ${loadavg()[0]!.toFixed()}: found after ${found.join(', ')} ms`);
    },
  );

  test.each(rounds)(
    'leaves a program alone that computes, receives, runs a tool, writes a file or polls (round %i)',
    async () => {
      const folder = scratch();
      const workers: Workers = {
        computes: { way: 'compute' },
        download: { way: 'client', serves: writesEvery(PATIENT_MS / 40, 'x'.repeat(50_000)) },
        tokens: { way: 'client', serves: writesEvery(PATIENT_MS / 40, 'data: {"token": "a"}\n\n') },
        pings: { way: 'client', serves: writesEvery(PATIENT_MS / 10, ': ping\n\n') },
        tool: { way: 'tool' },
        file: { way: 'file' },
        polls: { way: 'poll', serves: socket => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok') },
      };
      const watchers = await watchWorkers(folder, workers, PATIENT_MS);
      for (const { printed } of Object.values(watchers)) await printed(FIRST_WORD);
      // The servers are in this process: to look at the status all the time would keep them from sending.
      const begunAt = performance.now();
      await until('twice the limit', () => performance.now() - begunAt > 2 * PATIENT_MS);
      for (const [name, { err }] of Object.entries(watchers)) expect(err(), name).not.toMatch(/stale:early|stopping/);
      expect(upMs(folder, 'polls')).toBeGreaterThan(2 * PATIENT_MS);
      const restarts = Object.keys(workers).map(name => [name, statusOf(folder, name).restarts]);
      expect(Object.fromEntries(restarts)).toEqual({
        computes: 0,
        download: 0,
        tokens: 0,
        pings: 0,
        tool: 0,
        file: 0,
        polls: 0,
      });
    },
  );
});

/** What its processes did when the last incident of that name began; null before it is written. */
function autopsyOf(folder: string, name: string): Autopsy | null {
  const { out } = run(folder, ['incidents', name, '--json']);
  return (JSON.parse(out) as Incident[]).at(-1)?.autopsy ?? null;
}

const upMs = (folder: string, name: string): number => statusOf(folder, name).uptimeMs ?? 0;
