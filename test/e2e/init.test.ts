import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { run, statusOf } from '../support/watcher.ts';

const yaml = (folder: string, file: string) => parse(readFileSync(join(folder, file), 'utf8'));

/** What init writes is what check takes and apply starts. */
function startsAll(folder: string, ...names: string[]): void {
  expect(run(folder, ['check', 'agent-watch'])).toMatchObject({ code: 0, err: '' });
  const { code, out } = run(folder, ['apply', 'agent-watch']);
  expect({ code, names: [...out.matchAll(/^(\S+): new; started/gm)].map(([, name]) => name).sort() }).toEqual({
    code: 0,
    names,
  });
  run(folder, ['down', 'agent-watch', '--now']);
}

describe('init', () => {
  test('writes a commented file that check takes and apply starts, and overwrites nothing', () => {
    const folder = scratch();
    expect(run(folder, ['init', 'my bot'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^wrote my bot\/agent-watch.yaml\n/),
    });
    const file = 'my bot/agent-watch.yaml';
    expect(readFileSync(join(folder, file), 'utf8')).toMatch(
      /^# yaml-language-server: \$schema=\.agent-watch\.schema\.json\n/,
    );
    expect(JSON.parse(readFileSync(join(folder, 'my bot/.agent-watch.schema.json'), 'utf8'))).toHaveProperty(
      'properties.command',
    );
    expect(yaml(folder, file).name).toBe('my-bot');
    expect(run(folder, ['check', file]).code).toBe(0);
    expect(run(folder, ['apply', file]).code).toBe(0);
    run(folder, ['stop', '--all']);
    expect(run(folder, ['init', 'my bot'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('exists; nothing was written'),
    });
  });

  test('--from a Procfile', () => {
    const folder = scratch();
    writeFileSync(join(folder, '.env'), 'GREETING=hello\n', { mode: 0o644 });
    writeFileSync(
      join(folder, 'Procfile'),
      `# processes\nweb: sh -c 'echo "$GREETING" > said; sleep 1000'\nworker: sleep 1000\nclock: while true; do date; sleep 60; done\n`,
    );
    expect(run(folder, ['init', '--from', 'Procfile']).code).toBe(0);
    expect(yaml(folder, 'agent-watch/worker.yaml')).toEqual({
      name: 'worker',
      command: ['sleep', '1000'],
      cwd: '..',
      'env-file': '../.env',
    });
    expect(yaml(folder, 'agent-watch/clock.yaml').command).toEqual(['sh', '-c', 'while true; do date; sleep 60; done']);
    startsAll(folder, 'clock', 'web', 'worker');
    expect(readFileSync(join(folder, 'said'), 'utf8')).toBe('hello\n');
  });

  test('--from a pm2 ecosystem file', async () => {
    const folder = scratch();
    writeFileSync(
      join(folder, 'api.js'),
      'console.log(process.env.PORT, process.argv[2]); setInterval(() => {}, 1000);',
    );
    writeFileSync(
      join(folder, 'ecosystem.config.cjs'),
      `module.exports = { apps: [
        { name: 'api', script: './api.js', args: '--fast', env: { PORT: 3000 }, max_memory_restart: '300M', kill_timeout: 3000, instances: 2, watch: true },
        { name: 'job', script: 'sleep', args: ['1000'], autorestart: false, restart_delay: 500 },
      ] };`,
    );
    expect(run(folder, ['init', '--from', 'ecosystem.config.cjs'])).toMatchObject({ code: 0, err: '' });
    expect(yaml(folder, 'agent-watch/api.yaml')).toEqual({
      name: 'api',
      command: ['node', './api.js', '--fast'],
      cwd: '..',
      env: { PORT: 3000 },
      'stop-timeout': '3s',
      'max-memory': '300M',
    });
    expect(readFileSync(join(folder, 'agent-watch/api.yaml'), 'utf8')).toMatch(
      /# watch was not taken over\n# instances: 2 was not taken over/,
    );
    expect(yaml(folder, 'agent-watch/job.yaml')).toMatchObject({
      restart: 'never',
      backoff: '500ms',
      command: ['sleep', '1000'],
    });
    startsAll(folder, 'api', 'job');
    await until('it has printed', () => run(folder, ['logs', 'api', '--raw']).out === '3000 --fast\n');
  });

  test('--from a compose file', () => {
    const folder = scratch();
    writeFileSync(
      join(folder, 'compose.yaml'),
      `services:
  db: {image: 'postgres:16'}
  api:
    image: api
    command: ["sh", "-c", "sleep 1000"]
    environment: [MODE=live, HOME]
    restart: on-failure:3
    stop_grace_period: 1m30s
    healthcheck: {test: ["CMD-SHELL", "true || exit 1"], interval: 10s, retries: 5, start_period: 20s}
    deploy: {resources: {limits: {memory: 512M}}}
  worker: {command: sleep 1000, restart: unless-stopped, stop_signal: SIGINT}
`,
    );
    const { code, err } = run(folder, ['init', '--from', 'compose.yaml']);
    expect({ code, err }).toEqual({
      code: 0,
      err: 'agent-watch: skipped db: has no command, only the image postgres:16\n',
    });
    expect(yaml(folder, 'agent-watch/api.yaml')).toEqual({
      name: 'api',
      command: ['sh', '-c', 'sleep 1000'],
      cwd: '..',
      env: { MODE: 'live' },
      restart: 'on-failure',
      'max-restarts': 3,
      'stop-timeout': '1m30s',
      'max-memory': '512M',
      check: { command: 'true || exit 1', interval: '10s', retries: 5, 'start-period': '20s' },
    });
    startsAll(folder, 'api', 'worker');
    expect(statusOf(folder, 'worker').phase).toBe('stopped');
  });

  test('says what it cannot read', () => {
    const folder = scratch();
    writeFileSync(join(folder, 'x.yaml'), 'a: 1\n');
    expect(run(folder, ['init', '--from', 'x.yaml'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/neither a Procfile, a pm2/),
    });
    expect(run(folder, ['init', '--from', 'gone'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/--from: .*gone/),
    });
  });
});
