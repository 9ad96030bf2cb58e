import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { categories } from '../../../src/incidents/incident.ts';
import { judgeEnd, nextStep, readOutcome } from '../../../src/incidents/outcome/read-outcome.ts';
import { agentStatements, apiStatements } from '../../../src/incidents/outcome/statements.ts';
import { cpuMsFor } from '../../support/processes.ts';

/** A run's end as it was seen or is known of a program, and what must be made of it. */
interface Ending {
  readonly id: string;
  readonly lines: readonly string[];
  readonly exit: number;
  readonly now: string;
  readonly zone: string;
  readonly category: string;
  /** Other categories that are right too. */
  readonly also?: readonly string[];
  readonly next: string;
  readonly until: string | null;
}

const endings: readonly Ending[] = JSON.parse(
  readFileSync(`${import.meta.dirname}/../../fixtures/run-endings.json`, 'utf8'),
);

/** The verdict on an ending, in the words of the fixture. */
function judged({ lines, exit, now, zone }: Ending) {
  const at = Date.parse(now);
  const end = { code: exit, signal: null };
  const verdict = judgeEnd({ exit: end, output: `${lines.join('\n')}\n` }, { now: at, zone });
  const { action, until } = nextStep(verdict, end, at);
  const waits = until !== null ? 'wait-until' : verdict.category === 'auth-failed' ? 'auth-wait' : 'probe';
  const restarts = until === null ? 'restart' : 'restart-soon';
  const next = { none: 'finished', wait: waits, restart: restarts, hold: 'hold' }[action];
  return { category: action === 'none' ? 'none' : verdict.category, next, until };
}

describe('the corpus of run endings', () => {
  test('holds at least 120 endings, a fifth of them no limit', () => {
    expect(endings.length).toBeGreaterThanOrEqual(120);
    const none = endings.filter(
      ({ next, category }) => next === 'finished' || (next === 'restart' && category !== 'rate-limited'),
    );
    expect(none.length).toBeGreaterThanOrEqual(endings.length / 5);
    expect(new Set(endings.map(({ id }) => id)).size).toBe(endings.length);
  });

  test.each(endings.map(ending => [ending.id, ending] as const))('%s', (_, ending) => {
    const found = judged(ending);
    expect([ending.category, ...(ending.also ?? [])]).toContain(found.category);
    expect(found.next).toBe(ending.next);
    expect(found.until === null ? null : Date.parse(found.until)).toBe(
      ending.until === null ? null : Date.parse(ending.until),
    );
  });
});

describe('statements', () => {
  const statements = [...agentStatements, ...apiStatements];
  const reader = { now: Date.parse('2026-10-14T09:30:00Z'), zone: 'UTC' };

  test('have unique names and known categories', () => {
    expect(new Set(statements.map(({ id }) => id)).size).toBe(statements.length);
    for (const { category } of statements) expect(categories).toContain(category);
  });

  test.each(statements.map(statement => [statement.id, statement] as const))(
    '%s is read from its example, or a more precise one is',
    (_, { example, category, kind }) => {
      const { statement } = readOutcome({ output: `${example}\n`, code: 1, healthy: false }, reader);
      expect(statement).toMatchObject({ category, kind });
    },
  );

  test("general wording does not make a failure of exit code 0 after a healthy run; an agent CLI's own does", () => {
    const general = 'Error: 429 Too Many Requests\n';
    const own = "You've hit your session limit · resets 5pm\n";
    const of = (output: string, healthy: boolean) => readOutcome({ output, code: 0, healthy }, reader).statement?.id;
    expect(of(general, false)).toBe('api.throttled');
    expect(of(general, true)).toBeUndefined();
    expect(of(own, true)).toBe('agent.limit-hit');
  });

  test('a megabyte of hostile lines is read in less than a second', () => {
    const shapes = [
      '{"type":"error","message":"',
      'Error: '.repeat(300),
      `${'resets '.repeat(400)}at`,
      '429 '.repeat(600),
      "'message': '".repeat(200),
    ];
    const output = Array.from({ length: 400 }, (_, at) => shapes[at % shapes.length]).join('\n');
    expect(cpuMsFor(() => readOutcome({ output, code: 1, healthy: false }, reader))).toBeLessThan(1000);
  });
});
