import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { deadPort } from '../servers/serving.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { run, startWatcher } from '../support/watcher.ts';

const has = (tool: string) => spawnSync(tool, ['--version']).error === undefined;

const get = async (port: number, path: string, headers: Record<string, string> = {}) => {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers }).catch(() => null);
  return answer === null ? { code: 0, text: '' } : { code: answer.status, text: await answer.text() };
};

describe('--listen', () => {
  test('tells life, readiness, status and metrics, and no argument of the command', async () => {
    const folder = scratch();
    const port = await deadPort();
    const script = 'echo secret-argument > /dev/null; echo out; trap "" HUP; sleep 1000';
    const watcher = startWatcher(folder, ['--name', 'seen', '--listen', String(port), '--', 'sh', '-c', script]);
    await until('it answers', async () => (await get(port, '/livez')).code === 200);
    await until('it is ready', async () => (await get(port, '/readyz')).code === 200);
    const printed = /^agent_watch_output_bytes_total\{stream="stdout",name="seen"\} 4$/m;
    await until('its output is counted', async () => printed.test((await get(port, '/metrics')).text));
    const { text } = await get(port, '/status');
    expect(JSON.parse(text)).toMatchObject([{ name: 'seen', phase: 'running', command: ['sh'] }]);
    const metrics = (await get(port, '/metrics')).text;
    expect(metrics).toMatch(/^agent_watch_up\{name="seen"\} 1$/m);
    expect(`${text}${metrics}`).not.toContain('secret-argument');
    expect((await fetch(`http://127.0.0.1:${port}/status`, { method: 'POST' })).status).toBe(405);
    expect((await get(port, '/etc/passwd')).code).toBe(404);
    watcher.process.kill('SIGTERM');
    expect(await watcher.ended).toMatchObject({ code: 0 });
  });

  test('is not ready while it waits, and with a token tells strangers nothing but life', async () => {
    const folder = scratch();
    const port = await deadPort();
    const token = 'a-token-of-thirty-two-characters';
    writeFileSync(join(folder, 'token'), `${token}\n`, { mode: 0o600 });
    const listen = ['--listen', `0.0.0.0:${port}`, '--listen-token-file', 'token'];
    const watcher = startWatcher(folder, ['--name', 'shy', '--backoff', '100s', ...listen, '--', 'false']);
    await until('it answers', async () => (await get(port, '/livez')).code === 200);
    await until('it is not ready', async () => (await get(port, '/readyz')).code === 503);
    expect((await get(port, '/metrics')).code).toBe(401);
    expect((await get(port, '/status', { authorization: 'Bearer wrong' })).code).toBe(401);
    expect((await get(port, '/status', { authorization: `Bearer ${token}` })).code).toBe(200);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });

  test('a service that waits for a limit lives, is not ready, and tells until when', async () => {
    const folder = scratch();
    const port = await deadPort();
    const at = Math.floor(Date.now() / 1000) + 7200;
    const line = `{"type":"result","is_error":true,"result":"Claude AI usage limit reached|${at}"}`;
    const watcher = startWatcher(folder, ['--name', 'l', '--listen', String(port), '--', 'sh', '-c', `echo '${line}'`]);
    await until('it waits', async () => /"limited"/.test((await get(port, '/status')).text));
    expect((await get(port, '/livez')).code).toBe(200);
    expect((await get(port, '/readyz')).code).toBe(503);
    const { text } = await get(port, '/metrics');
    expect(text).toContain(`agent_watch_limited_until_seconds{name="l"} ${at}\n`);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });

  test('on another host than loopback without a token is refused; a taken port is said, ends nothing and is tried again', async () => {
    const folder = scratch();
    expect(run(folder, ['--listen', '0.0.0.0:1', '--', 'true'])).toMatchObject({ code: 125 });
    const port = await deadPort();
    const first = startWatcher(folder, ['--name', 'a', '--listen', String(port), '--', 'sleep', '1000']);
    await until('it answers', async () => (await get(port, '/livez')).code === 200);
    const second = startWatcher(folder, [
      '--name',
      'b',
      '--listen',
      String(port),
      '--',
      'sh',
      '-c',
      'echo up; sleep 1000',
    ]);
    await second.said(/--listen 127\.0\.0\.1:\d+: EADDRINUSE.*trying again every 3s/);
    await second.printed(/up/);
    first.process.kill('SIGTERM');
    await first.ended;
    await second.said(/listening now/);
    expect((await get(port, '/livez')).code).toBe(200);
    second.process.kill('SIGTERM');
    await second.ended;
  });
});

describe.skipIf(!has('prometheus'))('a real Prometheus (needs prometheus)', () => {
  test('scrapes 13 watchers, and the series are right through a crash', async () => {
    const folder = scratch();
    const ports = await Promise.all(Array.from({ length: 13 }, deadPort));
    const watchers = ports.map((port, index) => {
      const script = index === 0 ? 'while [ ! -e crash ]; do sleep 0.05; done; rm crash; exit 3' : 'sleep 1000';
      return startWatcher(folder, [
        '--name',
        `w${index}`,
        '--backoff',
        '100ms',
        '--listen',
        String(port),
        '--',
        'sh',
        '-c',
        script,
      ]);
    });
    const own = await deadPort();
    const targets = ports.map(port => `'127.0.0.1:${port}'`).join(', ');
    const config = `global: { scrape_interval: 1s }\nscrape_configs:\n  - job_name: agent-watch\n    static_configs: [{ targets: [${targets}] }]\n`;
    writeFileSync(join(folder, 'prometheus.yml'), config);
    const flags = [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/tsdb`,
      `--web.listen-address=127.0.0.1:${own}`,
    ];
    const prometheus = spawn('prometheus', flags, { stdio: 'ignore', env: { ...process.env, AW_TEST_FOLDER: folder } });
    onTestFinished(() => void prometheus.kill('SIGKILL'));
    const query = async (expression: string): Promise<string | undefined> => {
      const { code, text } = await get(own, `/api/v1/query?query=${encodeURIComponent(expression)}`);
      return code === 200 ? JSON.parse(text).data.result[0]?.value[1] : undefined;
    };
    await until('13 are up', async () => (await query('sum(agent_watch_up)')) === '13');
    expect(await query('count(up{job="agent-watch"} == 1)')).toBe('13');
    writeFileSync(join(folder, 'crash'), '');
    await until(
      'the crash is counted',
      async () => (await query('agent_watch_run_ends_total{name="w0",cause="crash"}')) === '1',
    );
    await until('it is up again', async () => (await query('sum(agent_watch_up)')) === '13');
    expect(await query('agent_watch_restarts{name="w0"}')).toBe('1');
    expect(await query('sum(agent_watch_restarts)')).toBe('1');
    for (const watcher of watchers) watcher.process.kill('SIGTERM');
    await Promise.all(watchers.map(watcher => watcher.ended));
  });

  test.skipIf(!has('promtool'))('takes the alert rules of the docs (needs promtool)', () => {
    execFileSync('promtool', ['check', 'rules', resolve(import.meta.dirname, '../../docs/prometheus-rules.yml')]);
  });
});
