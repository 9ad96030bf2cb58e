import { expect, test } from 'vitest';
import type { Status } from '../../../src/core/status.ts';
import { maskedCommand, maskedStatus } from '../../../src/incidents/redaction/redact.ts';

const secret = 'a1b2c3d4e5f6-not-for-you';

test.each([
  [
    ['bot', '--api-key', secret],
    ['bot', '--api-key', '[redacted value]'],
  ],
  [
    ['bot', `--password=${secret}`],
    ['bot', '--password=[redacted value]'],
  ],
  [
    ['bot', '-token', secret, '-v'],
    ['bot', '-token', '[redacted value]', '-v'],
  ],
  [
    ['mysql', '-pTr0ub4dor3', 'app'],
    ['mysql', '-p[redacted value]', 'app'],
  ],
  [
    ['/usr/bin/mysqldump', '-u', 'root', '-phunter', 'app'],
    ['/usr/bin/mysqldump', '-u', 'root', '-p[redacted value]', 'app'],
  ],
  [
    ['redis-cli', '-a', 'hunter2pass', 'ping'],
    ['redis-cli', '-a', '[redacted value]', 'ping'],
  ],
  [
    ['curl', '-u', 'bob:hunter2pass', 'http://host/'],
    ['curl', '-u', 'bob:[redacted value]', 'http://host/'],
  ],
])('%j is shown as %j', (given, shown) => {
  expect(maskedCommand(given)).toEqual(shown);
});

test.each([
  [['python3', 'my_agent.py', '--max-tokens', '4096', '--key-file', '/etc/bot/key']],
  [['npm', 'run', 'worker', '--', '--session-path', 'data/session.db']],
  [['sh', '-c', 'while :; do date; sleep 1; done']],
  [['serve', '--verbose-auth', '--port', '8080']],
])('%j is shown as it is', command => {
  expect(maskedCommand(command)).toEqual(command);
});

test('a status shows no secret in its probes, its hold and the line of its limit', () => {
  const said = `usage limit for api_key=${secret}`;
  const health: Status['health'] = [{ name: 'http', ok: false, severity: 'critical', detail: said, since: '' }];
  const status = { command: [], health, holdReason: said, limit: { cause: 'quota', until: null, line: said } };
  expect(JSON.stringify(maskedStatus(status as unknown as Status))).not.toContain(secret);
});
