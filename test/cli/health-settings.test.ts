import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/cli/arguments/config.ts';
import type { RawValues } from '../../src/cli/arguments/invocation.ts';
import { readValues } from '../../src/cli/arguments/resolve-options.ts';
import { healthSettings } from '../../src/cli/arguments/resolve-probes.ts';
import { type OptionName, watchOptionNames } from '../../src/cli/options/index.ts';
import { faultOf } from './somewhere.ts';

function settled(raw: RawValues) {
  return healthSettings(readValues(watchOptionNames, raw), raw, '/work');
}

function fromFlags(...pairs: [OptionName, string][]) {
  const raw = new Map<OptionName, { text: string; base: string; where: string }[]>();
  for (const [name, text] of pairs)
    raw.set(name, [...(raw.get(name) ?? []), { text, base: '/base', where: `--${name}` }]);
  return settled(raw);
}

function fromFile(yaml: string) {
  return settled(readConfig(yaml, '/conf/a.yaml', 'a.yaml').values);
}

const timing = { severity: 'critical', intervalMs: 30_000, timeoutMs: 5000, retries: 3, startPeriodMs: 60_000 };

describe('probes from flags', () => {
  test('have the contract’s names', () => {
    const { probes } = fromFlags(
      ['stale-after', '20m'],
      ['progress-pattern', '^done'],
      ['fail-pattern', 'FATAL'],
      ['fresh-file', 'hb.txt=20m'],
      ['grow', 'out/*.json=2h'],
      ['http', 'http://localhost:1/h'],
      ['port', 'localhost:8080'],
      ['check', 'true'],
      ['check', 'false'],
      ['max-memory', '2G'],
      ['min-disk', '1G'],
      ['min-disk', '1G=data'],
      ['error-rate', '50/1h'],
      ['error-pattern', 'ERROR'],
    );
    expect(probes.map(({ severity, intervalMs, timeoutMs, retries, startPeriodMs, ...probe }) => probe)).toEqual([
      { kind: 'stale', name: 'stale', afterMs: 1_200_000, progressPattern: /^done/, when: 'silent' },
      { kind: 'fail-pattern', name: 'fail-pattern', pattern: /FATAL/ },
      { kind: 'fresh-file', name: 'fresh:hb.txt', path: '/base/hb.txt', maxAgeMs: 1_200_000 },
      { kind: 'grow', name: 'grow:out/*.json', glob: '/base/out/*.json', withinMs: 7_200_000 },
      { kind: 'http', name: 'http:http://localhost:1/h', url: 'http://localhost:1/h', expect: null, caFile: null },
      { kind: 'port', name: 'port:8080', host: 'localhost', port: 8080 },
      { kind: 'check', name: 'check:1', command: 'true' },
      { kind: 'check', name: 'check:2', command: 'false' },
      { kind: 'memory', name: 'memory', maxBytes: 2 * 1024 ** 3 },
      { kind: 'disk', name: 'disk', minFreeBytes: 1024 ** 3, path: '/work' },
      { kind: 'disk', name: 'disk:2', minFreeBytes: 1024 ** 3, path: '/base/data' },
      { kind: 'error-rate', name: 'errors', rate: { count: 50, windowMs: 3_600_000 }, pattern: /ERROR/ },
    ]);
    expect(probes[0]).toMatchObject(timing);
  });

  test('a companion goes with all of its kind, or one to one', async () => {
    const two: [OptionName, string][] = [
      ['http', 'http://a/'],
      ['http', 'http://b/'],
    ];
    expect(fromFlags(...two, ['http-expect', 'ok']).probes).toMatchObject([{ expect: /ok/ }, { expect: /ok/ }]);
    expect(fromFlags(...two, ['http-expect', 'a'], ['http-expect', 'b']).probes).toMatchObject([
      { expect: /a/ },
      { expect: /b/ },
    ]);
    const three = () => fromFlags(...two, ['http-expect', 'a'], ['http-expect', 'b'], ['http-expect', 'c']);
    expect(await faultOf(three)).toBe('--http-expect: given 3 times for 2 of --http; give it once, or once for each');
    expect(fromFlags(['http-expect', 'nothing to act on']).probes).toEqual([]);
  });

  test('general timing is theirs', () => {
    const { probes } = fromFlags(['port', '80'], ['health-interval', '1s'], ['health-retries', '1']);
    expect(probes).toMatchObject([{ intervalMs: 1000, retries: 1, timeoutMs: 5000 }]);
  });
});

describe('probes from the file', () => {
  test('may be texts, lists, or mappings with their own timing, name and severity', () => {
    const { probes } = fromFile(`
health-interval: 10s
stale-after: 20m
port: [80, "localhost:81"]
http:
  - url: http://a/
    expect: ok
    interval: 1s
    timeout: 500ms
    retries: 2
    start-period: 0s
    name: api
    severity: optional
  - http://b/
fresh-file: {path: hb.txt, age: 5m}
grow: {value: "out/*=2h", name: artifacts}
min-disk: {free: 1G, path: data, health-interval: 1m}
error-rate: {rate: 5/1m, pattern: ERR}
check: {command: "test -f x", severity: optional}
`);
    expect(probes).toMatchObject([
      { ...timing, intervalMs: 10_000, kind: 'stale', progressPattern: null },
      { kind: 'fresh-file', name: 'fresh:hb.txt', path: '/conf/hb.txt', maxAgeMs: 300_000 },
      { kind: 'grow', name: 'artifacts', glob: '/conf/out/*' },
      {
        kind: 'http',
        url: 'http://a/',
        name: 'api',
        expect: /ok/,
        severity: 'optional',
        intervalMs: 1000,
        timeoutMs: 500,
        retries: 2,
        startPeriodMs: 0,
      },
      { kind: 'http', name: 'http:http://b/', expect: null, caFile: null, severity: 'critical', intervalMs: 10_000 },
      { kind: 'port', name: 'port:80' },
      { kind: 'port', name: 'port:81', host: 'localhost' },
      { kind: 'check', name: 'check:1', severity: 'optional' },
      { kind: 'disk', path: '/conf/data', intervalMs: 60_000 },
      { kind: 'error-rate', pattern: /ERR/ },
    ]);
  });

  test.each([
    ['http: {url: http://a/, retires: 2}', 'a.yaml:1:24: unknown key "retires" of a probe; did you mean retries?'],
    ['http: {retries: 2}', 'a.yaml:1:7: http: has no url; write url: …'],
    ['http: {url: http://a/, retries: 0}', 'a.yaml:1:24: retries: "0" is too small; the smallest is 1'],
    ['http: {url: http://a/, severity: fatal}', 'severity: "fatal" is not one of critical, optional'],
    ['http: {url: http://a/, interval: 5}', 'interval: "5" has no unit'],
    ['http: {url: [a]}', 'url: a list is not a valid value'],
    ['http: {url: }', 'url: has no value'],
    ['fresh-file: {path: x}', 'a.yaml:1:13: fresh-file: "x" has no time; write x=20m'],
    ['check: [{command: a, name: x}, {command: b, name: x}]', 'two probes are called x'],
  ])('%s', async (yaml, message) => expect(await faultOf(() => fromFile(yaml))).toContain(message));
});
