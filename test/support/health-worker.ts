import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deadPort } from '../servers/serving.ts';
import { fixtureCommand } from './fixture.ts';
import { until } from './until.ts';
import { type Start, startWatcher, statusOf, type Watcher } from './watcher.ts';

/** How long the worker takes to die of a SIGTERM: long enough to be seen `stopping` on a busy machine. */
export const DYING_MS = 1500;

/** A watched worker (test/fixtures/health-worker.ts) that breaks when it is told. */
export interface Worker {
  folder: string;
  watcher: Watcher;
  /** Waits until all these rows of `health` are well. */
  well(...probes: string[]): Promise<void>;
  /** Lets it break, and returns when that was. */
  break(): Promise<number>;
  /** Waits until that run works, and returns when it was started. */
  up(run: number): Promise<number>;
  runs(): number;
  end(): Promise<void>;
}

/** A free port, for the worker and for the probes that ask it. */
export const freePort = deadPort;

/** Starts `agent-watch --name w OPTIONS -- worker`, asking every half second, twice. */
export function startWorker(folder: string, port: number, fault: string, options: string[], start: Start = {}): Worker {
  mkdirSync(join(folder, 'out'), { recursive: true });
  const patience = options.includes('--health-start-period') ? [] : ['--health-start-period', '3s'];
  const timing = ['--health-interval', '500ms', '--health-timeout', '500ms', '--health-retries', '2'];
  const args = ['--name', 'w', '--backoff', '0ms', ...patience, ...timing, ...options];
  const command = fixtureCommand('health-worker.ts', [folder, String(port), fault]);
  return followWorker(folder, startWatcher(folder, [...args, '--', ...command], start));
}

function followWorker(folder: string, watcher: Watcher): Worker {
  const read = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '');
  const ups = () => read('ups').trim().split('\n').filter(Boolean);
  return {
    folder,
    watcher,
    async well(...probes) {
      await until('its first run', () => ups().length > 0);
      await until(`${probes} are well`, () => {
        const rows = statusOf(folder, 'w').health;
        return probes.every(name => rows.find(row => row.name === name)?.ok === true);
      });
    },
    async break() {
      writeFileSync(join(folder, 'break'), '');
      return Number(await until('it broke', () => read('broke')));
    },
    async up(run) {
      await until(`run ${run}`, () => ups().includes(String(run)));
      return Date.parse(statusOf(folder, 'w').startedAt ?? '');
    },
    runs: () => ups().length,
    async end() {
      watcher.process.kill('SIGTERM');
      await watcher.ended;
    },
  };
}
