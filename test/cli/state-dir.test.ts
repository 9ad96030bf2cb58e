import { expect, test } from 'vitest';
import { defaultStateDir, type Environment } from '../../src/cli/environment.ts';
import { somewhere } from './somewhere.ts';

test.each<[string, Partial<Environment>, string]>([
  ['a user', {}, '/home/someone/.local/state/agent-watch'],
  ['root', { uid: 0 }, '/var/lib/agent-watch'],
  ['XDG_STATE_HOME', { env: { XDG_STATE_HOME: '/x' } }, '/x/agent-watch'],
  ['a relative XDG_STATE_HOME', { env: { XDG_STATE_HOME: 'x' } }, '/home/someone/.local/state/agent-watch'],
  ['AGENT_WATCH_STATE_DIR', { uid: 0, env: { AGENT_WATCH_STATE_DIR: '/y', XDG_STATE_HOME: '/x' } }, '/y'],
  ['a relative AGENT_WATCH_STATE_DIR', { env: { AGENT_WATCH_STATE_DIR: 'y' } }, '/started/here/y'],
  ['an empty AGENT_WATCH_STATE_DIR', { uid: 0, env: { AGENT_WATCH_STATE_DIR: '' } }, '/var/lib/agent-watch'],
  [
    'a unit’s main process, first path',
    { uid: 0, env: { STATE_DIRECTORY: '/var/lib/a:/var/lib/b', SYSTEMD_EXEC_PID: '4242' } },
    '/var/lib/a',
  ],
  [
    'a process further down in a unit',
    { uid: 0, env: { STATE_DIRECTORY: '/var/lib/a', SYSTEMD_EXEC_PID: '1', INVOCATION_ID: 'x' }, ppid: 1 },
    '/var/lib/agent-watch',
  ],
  [
    'a unit’s main process under an old systemd',
    { uid: 0, env: { STATE_DIRECTORY: '/var/lib/a', INVOCATION_ID: 'x' }, ppid: 1 },
    '/var/lib/a',
  ],
  ['a STATE_DIRECTORY from elsewhere', { uid: 0, env: { STATE_DIRECTORY: '/var/lib/a' } }, '/var/lib/agent-watch'],
])('%s', (_title, changes, folder) => expect(defaultStateDir(somewhere(changes))).toBe(folder));
