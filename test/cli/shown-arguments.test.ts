import { expect, test } from 'vitest';
import { shownArguments } from '../../src/cli/arguments/secret-options.ts';

test.each([
  [
    ['--alert-webhook', 'https://hooks.example.com/T0/abc'],
    ['--alert-webhook', 'https://hooks.example.com/******'],
  ],
  [['--heartbeat-url=https://u:p@beat.example/x'], ['--heartbeat-url=https://beat.example/*****']],
  [
    ['--env', 'API_KEY=äöü', '--env', 'LANG=C'],
    ['--env', 'API_KEY=******', '--env', 'LANG=C'],
  ],
  [
    ['--alert-webhook', '@/etc/hook', '--http', 'http://localhost:80/health'],
    ['--alert-webhook', '@/etc/hook', '--http', 'http://localhost:80/health'],
  ],
  [
    ['--', 'bot', '--llm-url', 'https://a.example/key'],
    ['--', 'bot', '--llm-url', 'https://a.example/key'],
  ],
])('%j is shown as %j, as long as before', (given, shown) => {
  expect(shownArguments(given)).toEqual(shown);
  expect(Buffer.byteLength(shown.join('\0'))).toBe(Buffer.byteLength(given.join('\0')));
});
