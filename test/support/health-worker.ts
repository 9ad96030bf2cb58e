import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deadPort } from '../servers/serving.ts';
import { fixtureCommand } from './fixture.ts';
import { until } from './until.ts';
import { type Start, startWatcher, statusOf, type Watcher } from './watcher.ts';

/** A watched worker (test/fixtures/health-worker.ts) that breaks when it is told. */
export interface Worker {
  folder: string;
  watcher: Watcher;
  /** Waits until all these rows of `health` are well. */
  well(...probes: string[]): Promise<void>;
  /** Lets it break, and returns when that was. From then on it dies of a SIGTERM only when `up` or `end` lets it: it can be seen stopping. */
  break(): Promise<number>;
  /** Waits until that run works. */
  up(run: number): Promise<void>;
  runs(): number;
  end(): Promise<void>;
}

/** A free port, for the worker and for the probes that ask it. */
export const freePort = deadPort;

const DEFAULTS = {
  '--health-start-period': '10s',
  '--stop-timeout': '5m',
  '--health-interval': '500ms',
  '--health-timeout': '20s',
  '--health-retries': '2',
};

/** Starts `agent-watch --name w OPTIONS -- worker`, asking every half second, twice. */
export function startWorker(folder: string, port: number, fault: string, options: string[], start: Start = {}): Worker {
  mkdirSync(join(folder, 'out'), { recursive: true });
  const given = Object.entries(DEFAULTS).filter(([option]) => !options.includes(option));
  const args = ['--name', 'w', '--backoff', '0ms', ...given.flat(), ...options];
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
      writeFileSync(join(folder, 'stay'), '');
      writeFileSync(join(folder, 'break'), '');
      return Number(await until('it broke', () => read('broke')));
    },
    async up(run) {
      rmSync(join(folder, 'stay'), { force: true });
      await until(`run ${run}`, () => ups().includes(String(run)));
    },
    runs: () => ups().length,
    async end() {
      rmSync(join(folder, 'stay'), { force: true });
      watcher.process.kill('SIGTERM');
      await watcher.ended;
    },
  };
}
