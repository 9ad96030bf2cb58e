import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stripControl } from '../../src/core/text/escape.ts';
import { secretsOf, spellingsOf } from '../../src/incidents/redaction/exact-secrets.ts';
import { redact } from '../../src/incidents/redaction/redact.ts';
import { exactSpellings, plantedSecrets } from './planted-secrets.ts';
import { readTails } from './triage/crash-tails.ts';

describe('planted secrets', () => {
  const planted = plantedSecrets(20260302);

  test('there are at least 200 of at least 40 kinds', () => {
    expect(planted.length).toBeGreaterThanOrEqual(200);
    expect(new Set(planted.map(one => one.kind)).size).toBeGreaterThanOrEqual(40);
  });

  test('none is left, and what stands around them is', () => {
    const left = planted.filter(({ secret, text }) => redact(text, []).includes(secret));
    expect(left).toEqual([]);
    const lost = planted.filter(({ text, keeps }) => keeps.some(words => !redact(text, []).includes(words)));
    expect(lost).toEqual([]);
  });

  test('none is left in one long log with all of them', () => {
    const whole = redact(planted.map(one => one.text).join('\n'), []);
    expect(planted.filter(({ secret }) => whole.includes(secret)).map(one => one.kind)).toEqual([]);
  });

  test('with other seeds neither', () => {
    fc.assert(
      fc.property(fc.integer(), seed => {
        const left = plantedSecrets(seed).filter(({ secret, text }) => redact(text, []).includes(secret));
        expect(left).toEqual([]);
      }),
      { numRuns: 20 },
    );
  });

  test('a second pass changes nothing', () => {
    for (const { text } of planted) {
      const once = redact(text, []);
      expect(redact(once, [])).toBe(once);
    }
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

  test('secrets that are no variables', () => {
    expect(
      redact('POST https://x.example.com/hook/abcdefgh1', spellingsOf(['https://x.example.com/hook/abcdefgh1'])),
    ).toBe('POST [redacted value]');
  });
});

describe('ordinary text', () => {
  test.each([
    'openai.BadRequestError: max_tokens: 4096 is more than the model allows',
    "    api_key=self.api_key, token=os.environ['BOT_TOKEN'],",
    'connect(user=user, password=password)',
    "Access denied for user 'app'@'localhost' (using password: YES)",
    'SyntaxError: Unexpected token: punc (;)',
    'error: invalid token: unexpected end of input',
    'token: expired',
    'INFO tokens=1532 prompt_tokens=1200 completion_tokens=332',
    'at Object.<anonymous> (/srv/app/node_modules/keyv/src/index.js:12:3)',
    'commit 8f14e45fceea167a5a36dedd4bea2543d0b8f0a1',
    'request_id=5d41402abc4b2a76b9719d911017c592 status=500',
    'Basic authentication failed',
    'the bearer of bad news',
    'see https://example.com:8080/path@v2/file',
    'git@github.com: Permission denied (publickey).',
    'KeyError: "OPENAI_API_KEY"',
    'OPENAI_API_KEY is not set',
    'primary key: id, foreign key: user_id',
    'sort key=lambda item: item.price',
    'keys: 14, passed: 3, passing: 12',
    'IMAGE=registry.example.com/team/agent@sha256:4a1c4b21597c1b4415bdbecb28a3296c6b5e23ca4f9feeb599860a1dac6a0108',
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ])('%s', line => expect(redact(line, [])).toBe(line));

  test('of the lines of recorded crash tails at most 1 % change', () => {
    const lines = readTails(`${import.meta.dirname}/../fixtures/crash-tails`).map(tail => tail.log);
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
