import { describe, expect, test } from 'vitest';
import { categories } from '../../../src/incidents/incident.ts';
import { matchFailure, ruleBook, trigger } from '../../../src/incidents/triage/choose.ts';
import type { Exit } from '../../../src/incidents/triage/exit.ts';
import type { Fact } from '../../../src/incidents/triage/recommend.ts';
import { anyTrace } from '../../../src/incidents/triage/rules/general.ts';
import { triage } from '../../../src/incidents/triage/triage.ts';
import { readTails, scoreTails } from './crash-tails.ts';

const code = (value: number): Exit => ({ code: value, signal: null });
const signal = (name: string): Exit => ({ code: null, signal: name });

describe.each([
  ['recorded', 'crash-tails', 200],
  ['written', 'written-tails', 200],
] as const)('the %s crash tails', (_, folder, atLeast) => {
  const scored = scoreTails(readTails(`${import.meta.dirname}/../../fixtures/${folder}`));

  test(`are at least ${atLeast}`, () => expect(scored.length).toBeGreaterThanOrEqual(atLeast));

  test('have the right category in 98 of 100 and the right key line in 97', () => {
    const wrong = scored.filter(score => !score.categoryRight).map(score => score.tail.id);
    const otherLine = scored.filter(score => !score.keyLineRight).map(score => score.tail.id);
    expect(wrong.length, wrong.join()).toBeLessThanOrEqual(scored.length * 0.02);
    expect(otherLine.length, otherLine.join()).toBeLessThanOrEqual(scored.length * 0.03);
  });
});

test('every category has at least 3 recorded tails', () => {
  const tails = readTails(`${import.meta.dirname}/../../fixtures/crash-tails`);
  // What --accept refuses no log tells.
  for (const category of categories.filter(name => name !== 'not-accepted'))
    expect(tails.filter(tail => tail.category === category).length, category).toBeGreaterThanOrEqual(3);
});

describe('rules', () => {
  test('have unique names and known categories', () => {
    expect(new Set(ruleBook.map(rule => rule.id)).size).toBe(ruleBook.length);
    for (const rule of ruleBook) expect(categories).toContain(rule.category);
  });

  test.each(ruleBook.map(rule => [rule.id, rule] as const))('%s fits its example', (_, rule) => {
    const [headline = '', context = ''] = rule.example.split(' … ');
    expect(trigger.test(headline)).toBe(true);
    expect(rule.pattern.test(headline)).toBe(true);
    if (rule.context !== undefined) expect(rule.context.test(context)).toBe(true);
  });

  test.each(ruleBook.map(rule => [rule.id, rule] as const))(
    '%s speaks for its example, or a stricter one does',
    (_, rule) => {
      const [headline = '', context = ''] = rule.example.split(' … ');
      const found = matchFailure({
        line: 0,
        first: 0,
        last: 0,
        texts: [headline],
        context: [context],
        grade: 'plain',
        trace: false,
        rest: false,
        chain: -1,
      });
      expect(found?.rule.category).toBe(rule.category);
    },
  );

  test('repeat nothing without bounds twice', () => {
    // Two unbounded repetitions of overlapping sets in one pattern are where time turns quadratic.
    const unbounded = /(?:\.|\[\^[^\]]*\]|\\[SWD])(?:\*|\+)/g;
    for (const rule of [...ruleBook, anyTrace])
      expect(rule.pattern.source.match(unbounded)?.length ?? 0, rule.id).toBeLessThanOrEqual(1);
  });
});

describe('proof outranks words', () => {
  const log = 'step 1\nstep 2\n';
  const of = (facts: readonly Fact[], exit = signal('SIGKILL'), output = log) => triage({ exit, output, facts });

  test('a grown oom_kill counter is out of memory', () => {
    const found = of([{ kind: 'oom-kill-counter', before: 2, after: 3 }]);
    expect(found).toMatchObject({ category: 'out-of-memory', rule: 'proof.oom-kill' });
    expect(found.confidence).toBeGreaterThan(0.9);
    expect(found.evidence[0]).toBe("the cgroup's oom_kill counter went from 2 to 3 during this run");
  });

  test('a bare SIGKILL is not called an out-of-memory kill if the counter of such kills stood still', () => {
    const found = of([{ kind: 'oom-kill-counter', before: 2, after: 2 }]);
    expect(found.category).toBe('killed-externally');
    expect(found.evidence).toContain('SIGKILL, sender unknown');
  });

  test('a trend near the limit is only suspected', () => {
    const found = of([{ kind: 'memory-near-limit', bytes: 980, limitBytes: 1000 }]);
    expect(found.category).toBe('out-of-memory');
    expect(found.confidence).toBeLessThan(0.5);
    expect(found.evidence[0]).toContain('98%');
  });

  test('the holder of a port is named', () => {
    const facts: Fact[] = [{ kind: 'port-holder', port: 8080, pid: 4321, command: 'old-agent --serve' }];
    const found = of(facts, code(1), 'OSError: [Errno 98] Address already in use: port 8080');
    expect(found).toMatchObject({ category: 'port-in-use', confidence: 0.97 });
    expect(found.recommendation).toContain('pid 4321 (old-agent --serve)');
  });

  test('a command that could not be started', () => {
    const facts: Fact[] = [{ kind: 'spawn-failed', errno: 'ENOENT', path: 'agentd' }];
    expect(of(facts, { code: null, signal: null }, '')).toMatchObject({
      category: 'missing-dependency',
      keyLine: null,
    });
  });
});

describe('the exit, where the log says nothing', () => {
  test.each([
    [signal('SIGKILL'), 'killed-externally'],
    [signal('SIGTERM'), 'killed-externally'],
    [signal('SIGSEGV'), 'native-crash'],
    [signal('SIGXCPU'), 'resource-limit'],
    [code(137), 'killed-externally'],
    [code(139), 'native-crash'],
    [code(143), 'killed-externally'],
    [code(124), 'timeout'],
    [code(126), 'permission-denied'],
    [code(127), 'missing-dependency'],
    [code(78), 'bad-config'],
    [code(3221225477), 'native-crash'],
    [code(1), 'unknown'],
    [code(0), 'unknown'],
    [{ code: null, signal: null }, 'unknown'],
  ] as const)('%j is %s', (exit, category) => expect(triage({ exit, output: '' }).category).toBe(category));
});

describe('the advice names what the line names', () => {
  test.each([
    ["ModuleNotFoundError: No module named 'qdrant_client'", 'qdrant_client'],
    ['Error: listen EADDRINUSE: address already in use :::3000', 'port 3000'],
    ["FileNotFoundError: [Errno 2] No such file or directory: 'conf/agent.yaml'", 'conf/agent.yaml'],
    ['Error: getaddrinfo ENOTFOUND redis.internal', 'redis.internal'],
    ["KeyError: 'SLACK_BOT_TOKEN'", 'SLACK_BOT_TOKEN'],
    ['run.sh: line 3: ffmpeg: command not found', 'ffmpeg'],
    [
      'requests.exceptions.HTTPError: 503 Server Error: Service Unavailable for url: https://api.example.com/v1',
      'api.example.com',
    ],
    ['curl: (6) Could not resolve host: api.example.net', 'api.example.net'],
  ])('%s', (line, named) => expect(triage({ exit: code(1), output: `${line}\n` }).recommendation).toContain(named));

  test('a trace without a known cause sends to the place in the own code', () => {
    const output = [
      'Traceback (most recent call last):',
      '  File "/srv/app/agent.py", line 9, in step',
      '    plan(reply)',
      '  File "/usr/lib/python3/dist-packages/lib/x.py", line 2, in deep',
      '    raise ValueError("x")',
      'ValueError: x',
    ].join('\n');
    expect(triage({ exit: code(1), output })).toMatchObject({ place: 'agent.py:step', rule: 'exception.named' });
    expect(triage({ exit: code(1), output }).recommendation).toContain('agent.py:9 (`plan(reply)`)');
  });
});

describe('key lines', () => {
  test('are long where the line is, without control sequences and outer blanks', () => {
    const line = `   \u001b[31mOSError: [Errno 28] No space left on device: '${'/very/long'.repeat(60)}'\u001b[0m  `;
    const { keyLine } = triage({ exit: code(1), output: line });
    expect(keyLine).toBe(line.replaceAll(/\u001b\[\d*m/g, '').trim());
  });

  test('are redacted here only for those who ask', () => {
    const output = 'ERROR could not connect to postgres://app:hunter2secret@db/x: Connection refused';
    expect(triage({ exit: code(1), output }).keyLine).toContain('hunter2secret');
    expect(JSON.stringify(triage({ exit: code(1), output, secrets: [] }))).not.toContain('hunter2secret');
  });

  test('of an empty log there is none', () => expect(triage({ exit: code(1), output: ' \n\n' }).keyLine).toBeNull());
});
