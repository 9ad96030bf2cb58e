import fc from 'fast-check';
import { expect, test } from 'vitest';
import { maskedStatus } from '../../../src/incidents/redaction/redact.ts';
import { maskedStatuses } from '../../../src/incidents/redaction/statuses.ts';
import { aStatus } from '../../support/a-status.ts';

test.each([
  [['python3', 'bot.py', '--api-key', 'hunter2hunter2'], 'hunter2'],
  [['node', 'x.js', '--psk', 'hunter2hunter2'], 'hunter2'],
  [['sh', '-c', 'redis-cli -a hunter22 get x'], 'hunter22'],
  [['sh', '-c', 'TOKEN=hunter2hunter2 ./bot'], 'hunter2'],
  [['node', 'x.js', 'sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789'], 'abcdefghij'],
  [['sh', '-c', 'curl https://joe:hunter2@example.com/'], 'hunter2'],
  [['python3', '-c', 'login("joe", "hunter2hunter2")'], 'never shown as it is'],
])('what may hold a secret goes through what finds secrets: %j', async (command, secret) => {
  const [shown] = await maskedStatuses([aStatus({ command })]);
  expect(shown?.command.join(' ')).not.toContain(secret);
});

test('a plain command is shown as it is', async () => {
  const plain = ['python3', '-u', '/srv/bots/trader.py', '--mode', 'live'];
  expect((await maskedStatuses([aStatus({ command: plain })]))[0]?.command).toEqual(plain);
});

test.each([
  [['python3', '-u', '/srv/bots/trader.py', '--mode', 'live'], 'http', '200 in 3 ms'],
  [['sh', '-c', 'echo Error: no such thing; exit 1'], 'port 8080', 'refused'],
  [['node', '--max-old-space-size=4096', 'dist/server.js'], 'output', 'last line 3 s ago (limit 5m)'],
])('what is plain is not read closely: %j', async (command, name, detail) => {
  const one = {
    ...aStatus({ command }),
    health: [{ name, detail, ok: true, severity: 'critical', since: '' } as const],
  };
  expect((await maskedStatuses([one]))[0]).toBe(one);
});

const words = (text: string) => fc.constantFrom(...text.split(' '));
const names = words(
  'pass password pwd pw psk secret token tkn key api-key cred auth sig hmac sess sid session csrf otp pin cookie bearer jwt dsn hook ' +
    'webhook salt pepper mnemonic seed phrase pat x-pat wif conn connection-string rpc-url code auth-code verifier clave basic bot ' +
    'wallet private login identify path inside ping database-url db-uri endpoint mode port host config',
);
const programs = words(
  'mysql redis-cli sshpass mongosh sqlcmd ldapsearch zip openssl rabbitmqctl smbclient curl http ab ftp docker echo',
);
const usual = words(
  'python3 sh -c -u -p server.py /srv/bots/trader.py --port 8080 true FALSE / Error: no exit the is default AUTH LOGIN by add_user ; 12 % ' +
    'http://127.0.0.1:8080/health 200 in ms refused zoo abandon ability able about above absent',
);
const values = words(
  'hunter2 hunter22 hunter2hunter2 abcdefgh abcdefghijkl 123456 12345678 aB3dE5fG7hI9jK1l aBcDeFgHiJkLmN abc/defgh abc:defgh abc1 ' +
    'deadbeef 0123456789abcdef0123456789abcdef joe:hunter22 -phunter22 sk-ant-abcdefgh sk-abcdefghijklmnopq xoxb-abcdefghijkl ' +
    'eyJabcdef.abcdefg sk_live_abcdefgh AKIAABCDEFGHIJKLMNOP dXNlcjpwYXNz host:5432:db:user:pass1 A-B-C-D1 t0p.s3.cr3t /api/push/abcdefgh',
);
const named = fc.tuple(fc.constantFrom('--', '-', ''), names, fc.constantFrom('=', ': ', ' ', '="', ' is '), values);
const word = fc.oneof(
  programs,
  names,
  usual,
  values,
  usual,
  named.map(parts => parts.join('')),
  names.map(name => `--${name}`),
);
const text = fc.array(word, { minLength: 1, maxLength: 5 }).map(parts => parts.join(' '));

test('what is not read closely would not have changed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(word, text), { minLength: 1, maxLength: 4 }), text, async (command, detail) => {
      const one = aStatus({ command, holdReason: detail });
      expect((await maskedStatuses([one]))[0]).toEqual(maskedStatus(one));
    }),
    { numRuns: 2000 },
  );
});
