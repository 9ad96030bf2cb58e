import { expect, test } from 'vitest';
import { maskedCommand } from '../../../src/incidents/redaction/redact.ts';

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
