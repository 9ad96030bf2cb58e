import { expect, test } from 'vitest';
import { lastingProgram } from '../../../src/cli/fleet/launch.ts';

test.each([
  ['npx', '/home/me/.npm/_npx/0a1b2c3d/node_modules/agent-watch-linux-x64/agent-watch'],
  ['pnpm dlx', '/home/me/.cache/pnpm/dlx/abc/node_modules/.pnpm/x/agent-watch'],
  ['pnpm dlx', '/home/me/.cache/pnpm/dlx-4711/node_modules/x/agent-watch'],
  ['pnpm dlx', `/cache/dlx/${'0a1b'.repeat(16)}/18f-4d2/node_modules/.pnpm/x/node_modules/x/agent-watch`],
  ['bunx', '/tmp/bunx-1000-agent-watch@latest/node_modules/agent-watch-linux-x64/agent-watch'],
  ['yarn dlx', '/tmp/xfs-1a2b/dlx-4711/node_modules/agent-watch-linux-x64/agent-watch'],
])('what is in the cache of %s is not recorded', (runner, path) => {
  expect(() => lastingProgram([path])).toThrow(`in the cache of ${runner}, which may be emptied: ${path}`);
  expect(() => lastingProgram(['/usr/bin/node', '--flag', path])).toThrow(runner);
});

test('what is installed is recorded, wherever that is', () => {
  const installed = [
    '/usr/local/lib/node_modules/agent-watch/node_modules/agent-watch-linux-x64/agent-watch',
    '/home/me/.local/share/pnpm/global/5/node_modules/.pnpm/agent-watch@1.0.0/node_modules/agent-watch/lib/start.cjs',
    '/home/dlx/npx/agent-watch',
  ];
  for (const path of installed) expect(lastingProgram([path])).toEqual([path]);
});
