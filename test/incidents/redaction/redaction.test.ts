import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stripControl, wholeEnd, wholeStart } from '../../../src/core/text.ts';
import { promptFor } from '../../../src/diagnosis/prompt.ts';
import { secretsOf, spellingsOf } from '../../../src/incidents/redaction/exact-secrets.ts';
import { maskedCommand, redact, redactAndLearn } from '../../../src/incidents/redaction/redact.ts';
import { baseCase } from '../../diagnosis/world.ts';
import { readTails } from '../triage/crash-tails.ts';
import { access } from './planted-access.ts';
import { files } from './planted-files.ts';
import { exactSpellings, formed, places, tellingPart } from './planted-keys.ts';
import { shapes } from './planted-shapes.ts';
import { valuesByName } from './planted-values.ts';
import { seeded } from './random.ts';
import { usefulTexts } from './useful-texts.ts';

const seed = Number(process.env['REDACTION_SEED'] ?? 20260302);
const seeds = [seed, seed + 1, seed + 2];
const planters = { ...valuesByName, ...shapes, ...access, ...files };

/** Whether half of the secret, in one piece, is still there. */
const leaks = (secret: string, clean: string): boolean => {
  const piece = Math.max(5, Math.ceil(secret.length / 2));
  for (let at = 0; at + piece <= secret.length; at += 1) if (clean.includes(secret.slice(at, at + piece))) return true;
  return false;
};

interface Planted {
  readonly kind: string;
  readonly secret: string;
  readonly text: string;
  readonly keeps: readonly string[];
}

/** Each key in each place; each value alone, in a log, and in a log that stands in JSON. */
const planted = seeds.flatMap((one): Planted[] => {
  const random = seeded(one);
  const keys = Object.entries(formed).flatMap(([kind, make]) =>
    Object.entries(places).map(([place, put]): Planted => {
      const secret = make(random);
      return { kind: `${kind} in ${place}`, secret: tellingPart(secret), text: put(secret), keeps: [] };
    }),
  );
  const values = Object.entries(planters).flatMap(([kind, plant]): Planted[] => {
    const [secret, text, ...keeps] = plant(random);
    return [
      { kind, secret, text, keeps },
      { kind: `${kind} in a log`, secret, text: `10:00:00 INFO started\n${text}\n10:00:01 INFO done`, keeps },
      {
        kind: `${kind} in JSON`,
        secret: JSON.stringify(secret).slice(1, -1),
        text: JSON.stringify({ log: text }),
        keeps: [],
      },
    ];
  });
  return [...keys, ...values];
});

describe(`planted secrets (REDACTION_SEED=${seed})`, () => {
  test('there are at least 200 kinds', () => {
    expect(Object.keys(formed).length + Object.keys(planters).length).toBeGreaterThanOrEqual(200);
  });

  test('at most 1 in 100 is left', () => {
    const left = planted.filter(({ secret, text }) => leaks(secret, redact(text, [])));
    expect({
      share: left.length / planted.length <= 0.01,
      left: left.length <= planted.length / 100 ? [] : left,
    }).toEqual({
      share: true,
      left: [],
    });
  });

  test('what stands around them is kept', () => {
    const lost = planted.filter(({ text, keeps }) => keeps.some(words => !redact(text, []).includes(words)));
    expect(lost).toEqual([]);
  });

  test('none of them is in a question to a model, wherever it may be quoted', () => {
    const left = planted.filter(({ secret, text }) => {
      const quoted = { keyLine: text, evidence: [text], priorOutcomes: [text], tail: text.split('\n') };
      const subject = {
        ...baseCase,
        ...quoted,
        command: maskedCommand(['bot', text]),
        reasons: [{ name: 'http', detail: text }],
      };
      return leaks(secret, promptFor(subject, one => redact(one, []), '00ff').user);
    });
    expect(left.map(({ kind }) => kind)).toEqual([]);
  });

  test('half of one is left in at most 1 of 500 JSON lines that were cut within it', () => {
    const words = 'status ok '.repeat(500);
    const left: string[] = [];
    let cuts = 0;
    for (const { kind, secret, text } of planted.slice(0, planted.length / seeds.length)) {
      if (kind.endsWith(' in JSON') || kind.endsWith(' in a log')) continue;
      const member = JSON.stringify({ log: text }).slice(1, -1);
      const escaped = JSON.stringify(secret).slice(1, -1);
      const [first, last] = [`{"level":"info",${member},"words":"${words}"}`, `{"words":"${words}",${member},"n":1}`];
      for (let at = 0; at <= member.length; at += 37) {
        cuts += 2;
        const end = wholeEnd(first, first.length - first.indexOf(member) - at);
        const start = wholeStart(last, last.indexOf(member) + at);
        if (leaks(escaped, redact(end, [])) || leaks(escaped, redact(start, []))) left.push(`${kind} at ${at}`);
      }
    }
    expect(left.length, left.join()).toBeLessThanOrEqual(cuts / 500);
  });

  test('a second pass changes nothing', () => {
    for (const { text } of planted) {
      const once = redact(text, []);
      expect(redact(once, [])).toBe(once);
    }
  });
});

describe(`useful texts (REDACTION_SEED=${seed})`, () => {
  test('there are at least 100', () => expect(usefulTexts(seeded(seed)).length).toBeGreaterThanOrEqual(100));

  test('all of them are kept, also within JSON', () => {
    const texts = seeds.flatMap(one => usefulTexts(seeded(one)));
    const masked = [...texts, ...texts.map(log => JSON.stringify({ log }))].filter(text => redact(text, []) !== text);
    expect(masked).toEqual([]);
  });
});

describe('values of the environment', () => {
  test('go by name, in every spelling', () => {
    const secret = 'correct horse/battery&staple';
    const secrets = secretsOf({ AGENT_PASSPHRASE: secret, HOME: '/home/agent-with-long-name', LANG: 'C.UTF-8' });
    for (const text of exactSpellings(secret)) {
      const clean = redact(text, secrets);
      expect(clean).not.toContain('horse');
      expect(clean).not.toContain(Buffer.from(secret).toString('base64').slice(0, 20));
    }
    expect(redact('cd /home/agent-with-long-name', secrets)).toBe('cd /home/agent-with-long-name');
  });

  test('short ones, switches, sockets and files are left alone', () => {
    const secrets = secretsOf({
      API_TOKEN: 'short',
      SSH_AUTH_SOCK: '/tmp/ssh-x/agent.1',
      TOKENIZERS_PARALLELISM: 'false',
      DB_PASSWORD_FILE: '/run/secrets/db-password',
      KEY_TIMEOUT: '100000000',
    });
    expect(secrets).toEqual([]);
  });

  test('the password inside a URL goes by itself too', () => {
    const secrets = secretsOf({ UPSTREAM: 'https://ann:Tr0ub4dor&3@host/path' });
    expect(redact('password was Tr0ub4dor&3.', secrets)).toBe('password was [redacted value].');
  });

  test('multi-line values go line by line', () => {
    const secrets = secretsOf({ SIGNING_KEY: 'first-part-of-it\nsecond-part-of-it' });
    expect(redact('1: first-part-of-it\n2: second-part-of-it', secrets)).toBe(
      '1: [redacted value]\n2: [redacted value]',
    );
  });

  test('the half of one at the edge of a text that was cut is masked', () => {
    const secrets = secretsOf({ API_TOKEN: 'correct horse battery staple' });
    expect(redact('tery staple was refused', secrets)).toBe('[redacted value] was refused');
    expect(redact('refused: correct horse b', secrets)).toBe('refused: [redacted value]');
    expect(redact('a battery is a staple of life', secrets)).toBe('a battery is a staple of life');
  });

  test('what a text shows to be a secret is masked where a part of it is quoted', () => {
    const key = 'q7Rt2VhxK9wBnD3sZp4LmTg8';
    const { text, known } = redactAndLearn(`Your API key:\n    ${key}\n\nlevel: debugging\n`, []);
    expect(text).toBe('Your API key:\n    [redacted value]\n\nlevel: debugging\n');
    expect(redact(`using ${key} now`, [])).toContain(key);
    expect(redact(`using ${key} now`, known)).toBe('using [redacted value] now');
    expect(redact(key.slice(4), known)).toBe('[redacted value]');
  });

  test('secrets that are no variables', () => {
    expect(
      redact('POST https://x.example.com/hook/abcdefgh1', spellingsOf(['https://x.example.com/hook/abcdefgh1'])),
    ).toBe('POST [redacted value]');
  });
});

describe('ordinary text', () => {
  test('of the lines of recorded crash tails at most 1 % change', () => {
    const lines = readTails(`${import.meta.dirname}/../../fixtures/crash-tails`).map(tail => tail.log);
    const before = lines.flatMap(log => log.split('\n'));
    const after = lines.flatMap(log => redact(log, []).split('\n'));
    expect(after).toHaveLength(before.length);
    expect(before.filter((line, at) => line !== after[at]).length).toBeLessThanOrEqual(before.length / 100);
  });

  test('any text without a secret in it comes through with as many lines', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), text => {
        expect(redact(text, []).split('\n').length).toBeGreaterThan(0);
        expect(redact(redact(text, []), [])).toBe(redact(text, []));
      }),
    );
  });
});

describe('control sequences', () => {
  test.each([
    ['\u001b[31mred\u001b[0m', 'red'],
    ['\u001b]0;title\u0007text', 'text'],
    ['\u001b]8;;http://evil.example\u001b\\link\u001b]8;;\u001b\\', 'link'],
    ['\u001b]52;c;ZWNobyBwd25lZA==\u0007x', 'x'],
    ['\u001bP1$r0m\u001b\\x', 'x'],
    ['\u009b31mc1', 'c1'],
    ['a\u0000b\u0008c\u007f', 'abc'],
    ['invoice\u202etxt.exe', 'invoicetxt.exe'],
    ['10%\r50%\r100%\ndone', '100%\ndone'],
    ['windows\r\nline', 'windows\nline'],
    ['half \ud800 pair', 'half \ufffd pair'],
    ['\u001b]0;never closed\nnext line', '\nnext line'],
    ['tab\tstays', 'tab\tstays'],
  ])('%j', (raw, clean) => expect(stripControl(raw)).toBe(clean));

  test('nothing is left of any of them', () => {
    const pieces = fc.constantFrom(
      '\u001b',
      '[',
      ']',
      '0',
      ';',
      'm',
      '\u0007',
      '\\',
      'P',
      '\u009b',
      '\r',
      '\n',
      'x',
      '\u202e',
      '\u0000',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), parts => {
        expect(stripControl(parts.join(''))).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
      }),
      { numRuns: 500 },
    );
  });
});
