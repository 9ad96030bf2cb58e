import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { IncidentKind } from '../../src/core/events.ts';
import type { ExitCause } from '../../src/core/model.ts';
import type { Incident } from '../../src/incidents/incident.ts';
import { because, missing } from '../support/fixture.ts';
import { freePort, startWorker } from '../support/health-worker.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, statusOf } from '../support/watcher.ts';

interface Breakage {
  /** What the worker does. */
  fault: string;
  options(folder: string, port: number): string[];
  /** The probe's row. */
  probe(folder: string, port: number): string;
  detail: RegExp;
  /** Until it must be noticed; for what asks, retries × interval, and the last answer's time. */
  thresholdMs: number;
  cause?: ExitCause;
  kind: IncidentKind;
}

const ASKED_MS = 2 * 500;
/** What busy cores and the start period may add. */
const BUSY_MS = 30_000;
const url = (port: number) => `http://127.0.0.1:${port}/health`;

const breakages: Record<string, Breakage> = {
  'no output': {
    fault: 'quiet',
    options: () => ['--stale-after', '2s'],
    probe: () => 'stale',
    detail: /no output for \d\.\ds/,
    thresholdMs: 2000,
    kind: 'stalled',
  },
  'a line that tells of the end': {
    fault: 'pattern',
    options: () => ['--fail-pattern', '^FATAL'],
    probe: () => 'fail-pattern',
    detail: /FATAL: the order book is inconsistent/,
    thresholdMs: 0,
    kind: 'unhealthy',
  },
  'a file no longer written': {
    fault: 'untouched',
    options: () => ['--fresh-file', 'heart=2s'],
    probe: () => 'fresh:heart',
    detail: /changed \d\.\ds ago/,
    thresholdMs: 2000,
    kind: 'stalled',
  },
  'artifacts that do not grow': {
    fault: 'sterile',
    options: () => ['--grow', 'out/*.json=2s'],
    probe: () => 'grow:out/*.json',
    detail: /1 file, \d+ bytes; grew [\d.]+s ago/,
    thresholdMs: 2000,
    kind: 'stalled',
  },
  'HTTP 503': {
    fault: 'status',
    options: (_folder, port) => ['--http', url(port)],
    probe: (_folder, port) => `http:${url(port)}`,
    detail: /HTTP 503: .*ok.* \(2 times in a row\)/,
    thresholdMs: ASKED_MS,
    kind: 'unhealthy',
  },
  'HTTP 200 with another body': {
    fault: 'body',
    options: (_folder, port) => ['--http', url(port), '--http-expect', '"status":"ok"'],
    probe: (_folder, port) => `http:${url(port)}`,
    detail: /HTTP 200, but the body does not match .*\(2 times in a row\)/,
    thresholdMs: ASKED_MS,
    kind: 'unhealthy',
  },
  'no answer over HTTP': {
    fault: 'mute',
    options: (_folder, port) => ['--http', url(port), '--health-timeout', '500ms'],
    probe: (_folder, port) => `http:${url(port)}`,
    detail: /no answer in 500ms \(2 times in a row\)/,
    thresholdMs: ASKED_MS + 500,
    kind: 'unhealthy',
  },
  'a port that is closed': {
    fault: 'deaf',
    options: (_folder, port) => ['--port', `${port}`],
    probe: (_folder, port) => `port:${port}`,
    detail: /connection refused \(2 times in a row\)/,
    thresholdMs: ASKED_MS,
    kind: 'unhealthy',
  },
  'a check that fails': {
    fault: 'sick',
    options: () => ['--check', 'test ! -e sick || { echo it is sick >&2; exit 4; }'],
    probe: () => 'check:1',
    detail: /exit 4: it is sick \(2 times in a row\)/,
    thresholdMs: ASKED_MS,
    kind: 'unhealthy',
  },
  'a check that hangs': {
    fault: 'sick',
    options: () => ['--check', 'test ! -e sick || sleep 100', '--health-timeout', '500ms'],
    probe: () => 'check:1',
    detail: /did not finish within 500ms \(2 times in a row\)/,
    thresholdMs: ASKED_MS + 500,
    kind: 'unhealthy',
  },
  'a tree that takes too much memory': {
    fault: 'hungry',
    options: () => ['--max-memory', '180M'],
    probe: () => 'memory',
    detail: /\d{3}M in 2 processes .*more than 180M \(2 times in a row\)/,
    thresholdMs: ASKED_MS,
    kind: 'limit',
    cause: 'limit',
  },
  'a tree that is busy for too long': {
    fault: 'busy',
    // The start of a Node is busy too, and has no start period here.
    options: () => ['--max-cpu', '20=4s'],
    probe: () => 'cpu',
    detail: /^\d+% CPU, above 20% for /,
    thresholdMs: 4000,
    kind: 'limit',
    cause: 'limit',
  },
  'too many errors': {
    fault: 'errors',
    options: () => ['--error-rate', '5/1h', '--error-pattern', '^ERROR', '--health-start-period', '200ms'],
    probe: () => 'errors',
    detail: /6 errors in 1h/,
    thresholdMs: 0,
    kind: 'unhealthy',
  },
};

/** Several at a time, since each of them waits more than it works. */
const together: Record<string, (keyof typeof breakages)[]> = {
  silence: ['no output', 'a file no longer written', 'artifacts that do not grow'],
  'what it says': ['a line that tells of the end', 'too many errors', 'a check that fails'],
  'its answers': ['HTTP 503', 'HTTP 200 with another body', 'no answer over HTTP', 'a port that is closed'],
  'what it takes': ['a check that hangs', 'a tree that takes too much memory', 'a tree that is busy for too long'],
};

describe('each probe alone notices in time, restarts and says why', () => {
  test('all of them are tried', () => {
    expect(Object.values(together).flat().sort()).toEqual(Object.keys(breakages).sort());
  });

  test.each(Object.entries(together))('%s', async (_group, whats) => {
    await Promise.all(
      whats.map(what =>
        noticed(breakages[what]!).catch((error: Error) => {
          error.message = `${what}: ${error.message}`;
          throw error;
        }),
      ),
    );
  });
});

async function noticed({ fault, options, probe, detail, thresholdMs, cause, kind }: Breakage): Promise<void> {
  const folder = scratch();
  const port = await freePort();
  const name = probe(folder, port);
  const worker = startWorker(folder, port, fault, options(folder, port));
  await worker.well(name);
  const brokeAt = await worker.break();
  const ill = await phaseIs(folder, 'w', 'stopping');
  const row = ill.health.find(one => one.name === name);
  expect(row).toMatchObject({ ok: false, severity: 'critical', detail: expect.stringMatching(detail) });
  expect(Date.parse(row?.since ?? '') - brokeAt).toBeLessThan(thresholdMs + BUSY_MS);
  await worker.up(2);
  expect(worker.watcher.err()).toContain(`stopping: ${name}: ${row?.detail}; sent SIGTERM`);
  const ending = `(${name}: ${row?.detail}); restart 1 now`;
  await until(`it said ${ending}`, () => worker.watcher.err().includes(ending));
  await worker.well(name);
  expect(statusOf(folder, 'w')).toMatchObject({ restarts: 1, lastExit: { code: 9, cause: cause ?? 'probe' } });
  await worker.end();
  expect(worker.runs()).toBe(2);
  const incidents = incidentsOf(folder);
  expect(incidents).toMatchObject([{ kind, reasons: [{ name, detail: row?.detail }], recoveredAt: null }]);
}

const noMount =
  missing('unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o size=1m none /mnt') ?? missing('nsenter', '--version');

test.skipIf(noMount !== null)(`a disk that fills up${because(noMount)}`, async () => {
  const folder = scratch();
  mkdirSync(join(folder, 'disk'));
  const worker = startWorker(folder, 0, 'fill', ['--min-disk', '4M=disk'], {
    // Nothing is filled but a disk of its own, and no more than it holds.
    before: ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o size=8m none disk && exec "$0" "$@"'],
  });
  await worker.well('disk');
  await worker.break();
  await worker.watcher.said(/stopping: disk: 3M free on .*\/disk, less than 4M \(2 times in a row\)/);
  await worker.up(2);
  await worker.well('disk');
  expect(statusOf(folder, 'w')).toMatchObject({ restarts: 1, lastExit: { cause: 'probe' } });
  await worker.end();
  expect(incidentsOf(folder)).toMatchObject([{ kind: 'unhealthy', reasons: [{ name: 'disk' }] }]);
});

/** What `incidents --json` prints. */
function incidentsOf(folder: string): Incident[] {
  return JSON.parse(run(folder, ['incidents', 'w', '--json']).out) as Incident[];
}

test('recovery is proved: a green probe and --healthy-after, for --grow: growth', async () => {
  const folder = scratch();
  const worker = startWorker(folder, 0, 'sterile', ['--grow', 'out/*.json=3s', '--healthy-after', '1s']);
  await worker.well('grow:out/*.json');
  await worker.break();
  await worker.up(2);
  const upAt = Date.parse(statusOf(folder, 'w').startedAt ?? '');
  await phaseIs(folder, 'w', 'healthy');
  const [incident] = await until('the incident is closed', () => {
    const found = incidentsOf(folder);
    return found[0]?.recoveredAt != null && found;
  });
  expect(incident).toMatchObject({
    kind: 'stalled',
    recoveryProof: expect.stringMatching(/^up for .*; grow:out\/\*\.json: .*grew/),
  });
  expect(Date.parse(incident?.recoveredAt ?? '') - upAt).toBeGreaterThanOrEqual(1000);
  await worker.end();
});

test('two probes that fail at once are one restart with both reasons', async () => {
  const folder = scratch();
  const port = await freePort();
  // Asked between the two failures of the other, and answered once that one has ended the run.
  const slow = 'test ! -e sick || { until [ -e answer ]; do sleep 0.05; done; exit 4; }';
  writeFileSync(
    join(folder, 'w.yaml'),
    `check: {command: '${slow}', name: slow, retries: 1}\nhttp: {url: '${url(port)}', name: api, retries: 2}\n`,
  );
  const worker = startWorker(folder, port, 'both', ['--config', 'w.yaml']);
  await worker.well('slow', 'api');
  await worker.break();
  await phaseIs(folder, 'w', 'stopping');
  writeFileSync(join(folder, 'answer'), '');
  await until('both have failed', () => statusOf(folder, 'w').health.every(({ ok }) => ok === false));
  await worker.up(2);
  await worker.well('slow', 'api');
  await worker.end();
  expect(worker.runs()).toBe(2);
  expect(worker.watcher.err().match(/restart \d/g)).toEqual(['restart 1']);
  const why = /exited with code 9 after [^(]*\((.*)\); restart 1 now/.exec(worker.watcher.err())?.[1] ?? '';
  expect(why).toMatch(/^api: HTTP 503: .* \(2 times in a row\); slow: exit 4$/);
  const [incident, ...more] = incidentsOf(folder);
  expect(more).toEqual([]);
  expect(incident?.reasons.map(({ name }) => name)).toEqual(['api', 'slow']);
});

test('in the file a probe has its own name, timing and severity; an optional one only warns', async () => {
  const folder = scratch();
  const port = await freePort();
  mkdirSync(join(folder, 'out'));
  writeFileSync(
    join(folder, 'w.yaml'),
    `check:
  - command: test ! -e sick
    name: disk of the broker
    interval: 200ms
    retries: 1
    severity: optional
http:
  - url: ${url(port)}
    expect: ok
    name: api
    interval: 100ms
    retries: 20
`,
  );
  const worker = startWorker(folder, port, 'sick', ['--config', 'w.yaml']);
  await worker.well('disk of the broker', 'api');
  await worker.break();
  await worker.watcher.said(/disk of the broker: exit 1; optional, so nothing is restarted/);
  const { phase, health } = statusOf(folder, 'w');
  expect(phase).toBe('running');
  expect(health).toMatchObject([
    { name: 'api', ok: true, severity: 'critical' },
    { name: 'disk of the broker', ok: false, severity: 'optional', detail: 'exit 1' },
  ]);
  await worker.end();
  expect(worker.runs()).toBe(1);
});
