import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { until } from '../support/until.ts';

let driver = '';
let driverFolder = '';
export let folder = '';
const started: ChildProcess[] = [];

// As in the executable: loaded by itself, execa would make our descriptors non-blocking.
beforeAll(async () => {
  driverFolder = mkdtempSync(join(tmpdir(), 'output-driver-'));
  driver = join(driverFolder, 'driver.cjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'driver.ts')],
    outfile: driver,
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'cjs',
  });
});
afterAll(() => rmSync(driverFolder, { recursive: true, force: true }));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'output-test-'));
});
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Lets another user run the driver and write its events. */
export function openToAll(): void {
  for (const path of [driverFolder, driver]) chmodSync(path, 0o755);
  chmodSync(folder, 0o777);
}

export const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
export const eventsFile = () => join(folder, 'events');
export const driverCommand = (spec: object) => [
  process.execPath,
  driver,
  JSON.stringify({ events: eventsFile(), ...spec }),
];
export const driverLine = (spec: object) => driverCommand(spec).map(quoted).join(' ');

export function run(command: string[], options: SpawnOptions = {}): ChildProcess & { ended: Promise<number | null> } {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  started.push(child);
  const ended = new Promise<number | null>(resolve => child.on('exit', code => resolve(code)));
  return Object.assign(child, { ended });
}

interface DriverEvent {
  type: string;
  at: number;
  [key: string]: unknown;
}
export function events(): DriverEvent[] {
  if (!existsSync(eventsFile())) return [];
  return readFileSync(eventsFile(), 'utf8')
    .trim()
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line));
}
export const event = (type: string) => until(`the event ${type}`, () => events().find(one => one.type === type));

export function collect(child: ChildProcess) {
  const hash = { stdout: createHash('sha256'), stderr: createHash('sha256') };
  const size = { stdout: 0, stderr: 0 };
  const text = { stdout: '', stderr: '' };
  const ends = (['stdout', 'stderr'] as const).map(
    name =>
      new Promise<void>(resolve => {
        child[name]?.on('data', (bytes: Buffer) => {
          hash[name].update(bytes);
          size[name] += bytes.length;
          if (size[name] < 1e6) text[name] += bytes.toString('latin1');
        });
        child[name]?.on('end', resolve);
      }),
  );
  return { hash, size, text, closed: Promise.all(ends) };
}
