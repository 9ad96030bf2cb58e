import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { run, statusOf } from '../support/watcher.ts';

const yaml = (folder: string, file: string) => parse(readFileSync(join(folder, file), 'utf8'));

/** What init writes is what check takes and apply starts. */
async function startsAll(
  folder: string,
  names: string[],
  look: () => Promise<unknown> = async () => {},
): Promise<void> {
  expect(run(folder, ['check', 'agent-watch'])).toMatchObject({ code: 0, err: '' });
  const { code, out } = run(folder, ['apply', 'agent-watch']);
  expect({ code, names: [...out.matchAll(/^(\S+): new; started/gm)].map(([, name]) => name).sort() }).toEqual({
    code: 0,
    names,
  });
  await look();
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

  test('--from a Procfile', async () => {
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
    await startsAll(folder, ['clock', 'web', 'worker'], () =>
      until(
        'it has said',
        () => existsSync(join(folder, 'said')) && readFileSync(join(folder, 'said'), 'utf8') === 'hello\n',
      ),
    );
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
        { name: 'odd', script: './api.js', args: '--url https://x.example/?key=1 "a b" env=prod', node_args: '--title=*' },
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
      /# watch was not converted\n# instances: 2 was not converted/,
    );
    expect(yaml(folder, 'agent-watch/job.yaml')).toMatchObject({
      restart: 'never',
      backoff: '500ms',
      command: ['sleep', '1000'],
    });
    expect(yaml(folder, 'agent-watch/odd.yaml')).toMatchObject({
      command: ['node', '--title=*', './api.js', '--url', 'https://x.example/?key=1', 'a b', 'env=prod'],
    });
    await startsAll(folder, ['api', 'job', 'odd'], () =>
      until('it has printed', () => run(folder, ['logs', 'api', '--raw']).out === '3000 --fast\n'),
    );
  });

  test('--from a compose file', async () => {
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
    await startsAll(folder, ['api', 'worker']);
    expect(statusOf(folder, 'worker').phase).toBe('stopped');
  });

  test('--from a Procfile of odd shape: quotes in words, other names, and lines that are none', () => {
    const folder = scratch();
    writeFileSync(join(folder, '.env'), 'export PORT=5000\n', { mode: 0o644 });
    const lines = [`web: serve --port $PORT`, `my.worker :  sleep "1 0" 'it''s'`, 'long: sleep \\', '  100', '# end'];
    writeFileSync(join(folder, 'Procfile'), lines.join('\n'));
    expect(run(folder, ['init', '--from', 'Procfile'])).toMatchObject({
      code: 0,
      err: 'agent-watch: skipped line 4: is not "name: command"\n',
    });
    expect(readFileSync(join(folder, 'agent-watch/web.yaml'), 'utf8')).not.toContain('PORT is not assigned');
    expect(yaml(folder, 'agent-watch/my.worker.yaml').command).toEqual(['sleep', '1 0', 'its']);
    expect(yaml(folder, 'agent-watch/long.yaml').command).toEqual(['sh', '-c', 'sleep \\']);
  });

  test('--from a pm2 file that is an ES module, with two apps of one name', async () => {
    const folder = scratch();
    writeFileSync(
      join(folder, 'ecosystem.config.mjs'),
      `export default { apps: [
        { name: 'my app', script: 'sleep', args: 100, cwd: '/tmp', env_production: { A: 1 }, kill_retry_time: 5 },
        { name: 'my-app', script: 'sleep 100' },
      ] };`,
    );
    expect(run(folder, ['init', '--from', 'ecosystem.config.mjs'])).toMatchObject({ code: 0, err: '' });
    expect(yaml(folder, 'agent-watch/my-app.yaml')).toEqual({
      name: 'my-app',
      command: ['sleep', '100'],
      cwd: '/tmp',
    });
    expect(readFileSync(join(folder, 'agent-watch/my-app.yaml'), 'utf8')).toMatch(
      /# env_production was not converted\n# kill_retry_time was not converted/,
    );
    await startsAll(folder, ['my-app', 'my-app-2']);
  });

  test('--from a compose file: no shell takes a command apart, and what compose fills in is filled in or told', async () => {
    const folder = scratch();
    writeFileSync(
      join(folder, 'compose.yaml'),
      `x-base: &base
  environment: &env {LOG: info, EMPTY: }
services:
  cron:
    <<: *base
    command: sh -c "while true; do date; sleep $\${N:-5}; done"
    environment: {<<: *env, PRICE: $$5, HOST: "\${HOST_NAME:-local}", KEY: "\${KEY}"}
    profiles: [debug]
  built: {build: .}
`,
    );
    expect(run(folder, ['init', '--from', 'compose.yaml'])).toMatchObject({
      code: 0,
      err: 'agent-watch: skipped built: has no command, only the image that it builds\n',
    });
    const { command, env } = yaml(folder, 'agent-watch/cron.yaml');
    expect(command).toEqual(['sh', '-c', 'while true; do date; sleep ${N:-5}; done']);
    expect(env).toEqual({ LOG: 'info', PRICE: '$5', HOST: 'local', KEY: '${KEY}' });
    const text = readFileSync(join(folder, 'agent-watch/cron.yaml'), 'utf8');
    expect(text).toContain('# profiles was not converted');
    expect(text).toContain('# ${HOST_NAME:-local}: the default was taken');
    expect(text).toContain('# ${KEY} is not filled in: write its value');
    await startsAll(folder, ['cron']);
  });

  test('says what it cannot read', () => {
    const folder = scratch();
    writeFileSync(join(folder, 'x.yaml'), 'a: 1\n');
    expect(run(folder, ['init', '--from', 'x.yaml'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/neither a Procfile, a pm2/),
    });
    expect(run(folder, ['init', '--from', 'gone'])).toMatchObject({
      code: 125,
      err: expect.stringMatching(/--from: .*gone does not exist/),
    });
  });
});
