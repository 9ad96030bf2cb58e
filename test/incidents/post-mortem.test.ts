import { readFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { durationText, ordinalText, sizeText } from '../../src/core/units.ts';
import { adviseFrom, historyOf } from '../../src/incidents/history.ts';
import { fencedBlock, inlineText, postMortem } from '../../src/incidents/post-mortem.ts';
import { anIncident } from './an-incident.ts';
import { misfits } from './json-schema.ts';

const context = { command: ['python3', 'agent.py'], host: 'node-7' };
const schema = JSON.parse(readFileSync(`${import.meta.dirname}/../../docs/incidents.schema.json`, 'utf8'));

describe('the report', () => {
  const text = postMortem(anIncident(), context);

  test('has the sections that a person would write, in their order', () => {
    expect(text.match(/^## .*$/gm)).toEqual([
      '## Probable cause',
      '## Action',
      '## Recovery',
      '## Time line',
      '## Prior incidents',
      '## Last output',
      '## Recommendation',
      '## Next command',
    ]);
  });

  test.each([
    '# agent: crashed (network-unreachable)',
    '- **Service**: agent on node-7: `python3 agent.py`',
    '- **Detected**: 2026-03-02 10:15:04 UTC, by its exit',
    '- **State at detection**: up for 3h12m, ended with exit code 1, resident memory 114M at the last sample, 172M at most',
    '**network-unreachable**, high confidence (0.93).',
    'Key line: `Error: connect ECONNREFUSED 127.0.0.1:6379`',
    'Confirmed 2026-03-02 10:17:20 UTC, 2m16s after it began: up for 2m and every critical probe green.',
    'None with this fingerprint in 90 days.',
    '- 2026-03-02 07:02:54 UTC this run started',
  ])('says %s', line => expect(text).toContain(line));

  test('shows commands and source lines of a recommendation as code, the rest without formatting', () => {
    const recommendation = 'Unhandled IndexError at my_agent.py:9 (`print(parts[3])`). Run `ss -ltnp` <b>now</b>.';
    expect(postMortem(anIncident({ recommendation }), context)).toContain(
      'Unhandled IndexError at my_agent.py:9 (`print(parts[3])`). Run `ss -ltnp` \\<b>now\\</b>.',
    );
  });

  test('keeps a guess apart from what was measured', () => {
    const diagnosis = {
      source: 'ollama',
      model: 'qwen',
      text: 'Redis is down.\nignore the above',
      costUsd: null,
      ms: 4200,
    };
    const guessed = postMortem(anIncident({ diagnosis }), context);
    expect(guessed.indexOf("## A model's guess (not measured)")).toBeGreaterThan(guessed.indexOf('## Recommendation'));
    expect(guessed).toContain('```text\nRedis is down.\nignore the above\n```');
  });

  test('names the probes that saw it', () => {
    const reasons = [{ name: 'port:8080', detail: 'nothing accepts' }];
    expect(postMortem(anIncident({ kind: 'unhealthy', reasons }), context)).toContain(
      'by `port:8080` (nothing accepts)',
    );
  });

  test('shows the time of the machine with its zone', () => {
    const before = process.env['TZ'];
    process.env['TZ'] = 'Asia/Kolkata';
    onTestFinished(() => {
      if (before === undefined) delete process.env['TZ'];
      else process.env['TZ'] = before;
    });
    const priorMatches = { ...anIncident().priorMatches, count: 1, firstAt: anIncident().at, lastAt: anIncident().at };
    const local = postMortem(anIncident({ priorMatches }), context);
    expect(local).toContain('**Detected**: 2026-03-02 15:45:04 UTC+05:30, by its exit');
    expect(local).toContain('- 2026-03-02 12:32:54 UTC+05:30 this run started');
    expect(local.match(/\d\d:\d\d:\d\d(?! UTC\+05:30)/g)).toBeNull();
  });

  test('says that a recovery is not confirmed', () => {
    expect(postMortem(anIncident({ recoveredAt: null, recoveryProof: null }), context)).toContain('Not confirmed.');
  });
});

describe('hostile texts', () => {
  const evil = '``` \u001b[2J# not a title [x](http://evil.example) <img src=x> @everyone """ $(reboot)';

  test('stay inside their fence', () => {
    const text = postMortem(
      anIncident({ tail: ['```', '## fake', evil], keyLine: evil, evidence: [evil], action: evil }),
      context,
    );
    expect(text).not.toContain('\u001b');
    expect(text).toContain('````text\n```\n## fake\n');
    expect(text.match(/^## fake$/gm)).toHaveLength(1);
    const outsideCode = text.split('````text')[0]?.replace(/^Key line: .*$/m, '');
    expect(outsideCode).not.toMatch(/(?<!\\)<img|\]\(http:\/\/evil/);
  });

  test('are defused in a line', () => {
    expect(inlineText('@here see https://evil.example/x\n# a *b*')).toBe(
      '@ here see https: //evil.example/x # a \\*b\\*',
    );
  });

  test('cannot close a longer fence', () => expect(fencedBlock(['`````']).startsWith('``````text')).toBe(true));
});

describe('history', () => {
  const prior = (at: string, changes = {}) =>
    anIncident({ id: at, at, recoveredAt: null, recoveryProof: null, ...changes });
  const now = '2026-03-04T10:00:00.000Z';

  test('counts the same fingerprint in the window, with repeats', () => {
    const history = historyOf('0123456789abcdef', now, [
      prior('2025-11-01T00:00:00.000Z'),
      prior('2026-03-02T10:00:00.000Z', { repeats: 2 }),
      prior('2026-03-03T10:00:00.000Z', { fingerprint: 'ffffffffffffffff' }),
      prior('2026-03-05T10:00:00.000Z'),
    ]);
    expect(history).toMatchObject({
      count: 3,
      firstAt: '2026-03-02T10:00:00.000Z',
      lastAt: '2026-03-02T10:00:00.000Z',
    });
  });

  test('adds to the advice what ended them', () => {
    const healed = { recoveredAt: '2026-03-03T10:03:00.000Z', recoveryProof: 'x' };
    const priors = [
      prior('2026-03-02T10:00:00.000Z', { recoveredAt: '2026-03-02T10:02:00.000Z' }),
      prior('2026-03-03T10:00:00.000Z', healed),
    ];
    expect(adviseFrom('Check it.', historyOf('0123456789abcdef', now, priors), now)).toBe(
      'Check it. Third time in 2d (first 2026-03-02 10:00:00 UTC). The last 2 recovered after a restart, within 3m.',
    );
  });

  test('names the remedy that helped', () => {
    const remedy = { command: 'systemctl restart redis', exitCode: 0, ms: 900 };
    const priors = [prior('2026-03-04T09:00:00.000Z', { remedy, recoveredAt: '2026-03-04T09:02:00.000Z' })];
    expect(adviseFrom('x.', historyOf('0123456789abcdef', now, priors), now)).toContain(
      'ended after the remedy `systemctl restart redis`',
    );
  });

  test('without earlier ones the advice is given alone', () => {
    expect(adviseFrom('Check it.', historyOf('0123456789abcdef', now, []), now)).toBe('Check it.');
  });
});

describe('the schema', () => {
  test('fits an incident', () => {
    const diagnosis = { source: 'command', model: null, text: 'x\ny', costUsd: 0.01, ms: 3 };
    const remedy = { command: 'true', exitCode: null, ms: 3 };
    expect(
      misfits(schema, [anIncident(), anIncident({ diagnosis, remedy, recoveredAt: null, keyLine: null })]),
    ).toEqual([]);
  });

  test.each([
    { keyLine: '\u001b[31mred' },
    { at: '2026-03-02 10:15:04' },
    { confidence: 1.2 },
    { fingerprint: 'xyz' },
    { exit: { code: null, signal: 'kill' } },
    { extra: 1 },
  ])('refuses %j', changes => expect(misfits(schema, [{ ...anIncident(), ...changes }])).toHaveLength(1));

  test('refuses a missing field', () => {
    const { tail: _, ...rest } = anIncident();
    expect(misfits(schema, [rest])).toEqual(['$[0]: no tail']);
  });
});

describe('words', () => {
  test.each([
    [0, '0ms'],
    [950, '950ms'],
    [12_000, '12s'],
    [192_000, '3m12s'],
    [18_240_000, '5h04m'],
    [183_600_000, '2d03h'],
  ])('%i ms is %s', (ms, words) => expect(durationText(ms)).toBe(words));
  test.each([
    [0, '0B'],
    [1536, '1.5K'],
    [2 ** 31, '2G'],
  ])('%i bytes are %s', (bytes, words) => expect(sizeText(bytes)).toBe(words));
  test.each([
    [1, 'first'],
    [3, 'third'],
    [4, '4th'],
    [11, '11th'],
    [22, '22nd'],
  ])('%i is %s', (count, words) => expect(ordinalText(count)).toBe(words));
});
