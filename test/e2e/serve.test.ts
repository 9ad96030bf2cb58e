import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Status } from '../../src/core/status.ts';
import { deadPort } from '../servers/serving.ts';
import { browser, openTab, type Tab } from '../support/browser.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { phaseIs, run, startWatcher, type Watcher } from '../support/watcher.ts';

const has = (tool: string) => spawnSync(tool, ['--version']).error === undefined;

interface Served {
  port: number;
  url: string;
  serve: Watcher;
}

/** Serves the state folder of a test, on a port of its own. */
async function serving(folder: string, more: string[] = [], port?: number): Promise<Served> {
  const at = port ?? (await deadPort());
  const serve = startWatcher(folder, ['serve', '--listen', String(at), ...more]);
  await serve.printed(/^serving .*\/state on http:\/\/127\.0\.0\.1:\d+\/, read-only/);
  return { port: at, url: `http://127.0.0.1:${at}`, serve };
}

const get = async (url: string, headers: Record<string, string> = {}) => {
  const answer = await fetch(url, { headers });
  return { code: answer.status, text: await answer.text() };
};

/** With a path as it is written and any Host, which fetch would not send. */
function rawGet(port: number, path: string, host = 'localhost'): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, headers: { host }, agent: false }, answer => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asked.on('error', reject).end();
  });
}

const start = (folder: string, name: string, more: string[], env?: Record<string, string>) =>
  run(folder, ['start', '--name', name, ...more], env === undefined ? {} : { env });

describe('the server', () => {
  test('ends cleanly by TERM and by Ctrl-C, and a taken port is one line', async () => {
    const folder = scratch();
    start(folder, 'one', ['--', 'sleep', '1000']);
    const { port, serve } = await serving(folder);
    expect(run(folder, ['serve', '--listen', String(port)])).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(
        `^agent-watch: 127.0.0.1:${port}: EADDRINUSE: address already in use by pid ${serve.pid} \\(.*\\); choose another address with --listen\n$`,
      ),
    });
    serve.process.kill('SIGTERM');
    expect(await serve.ended).toEqual({ code: 0, signal: null });
    const again = await serving(folder, [], port);
    again.serve.process.kill('SIGINT');
    expect(await again.serve.ended).toEqual({ code: 0, signal: null });
  });

  test('on another address than loopback it needs a token, and no folder is one error', async () => {
    const folder = scratch();
    expect(run(folder, ['serve', '--listen', '0.0.0.0:1'])).toMatchObject({
      code: 125,
      err: expect.stringContaining('needs --listen-token-file'),
    });
    expect(run(folder, ['serve', '--state-dir', './none'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^agent-watch: --state-dir: .*\/none does not exist\n$/),
    });
  });

  test('answers no strange host, method or path, and slow or broken clients keep nobody out', async () => {
    const folder = scratch();
    start(folder, 'one', ['--', 'sleep', '1000']);
    const { port, url } = await serving(folder);
    for (const path of ['/', '/api/status', '/metrics'])
      expect(await rawGet(port, path, 'rebound.example:7433')).toBe(421);
    for (const path of [
      '/../../etc/passwd',
      '/api/../../etc/passwd',
      '/api/incident/../../x',
      '/%2e%2e/x',
      '//x',
      '/x',
    ])
      expect(await rawGet(port, path)).toBe(404);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
      expect((await fetch(`${url}/api/status`, { method })).status).toBe(405);
    for (const bad of ['name=nope', 'name=../one', 'name=%00', 'name=one&name=twoo'])
      expect((await get(`${url}/api/logs?${bad}`)).code).toBe(404);
    expect(await get(`${url}/api/logs?name=onee`)).toMatchObject({
      code: 404,
      text: '{"error":"no service named \\"onee\\"; did you mean one?"}\n',
    });
    for (const bad of ['logs?lines=0', 'logs?lines=1e9', 'logs?run=x', 'events?since=soon', 'incident'])
      expect((await get(`${url}/api/${bad}`)).code).toBe(400);
    expect((await get(`${url}/api/incident?which=../../etc/passwd`)).code).toBe(404);
    start(folder, 'a'.repeat(60), ['--', 'sleep', '1000']);
    const askedAt = performance.now();
    expect((await get(`${url}/api/status?name=${'*a'.repeat(50)}*b`)).code).toBe(404);
    expect(performance.now() - askedAt).toBeLessThan(20_000);
    expect((await get(`${url}/livez`)).code).toBe(200);
  });

  test('with a token shows strangers an empty page and nothing of a service', async () => {
    const folder = scratch();
    const token = 'a-token-of-thirty-two-characters';
    writeFileSync(join(folder, 'token'), token, { mode: 0o600 });
    start(folder, 'hidden-service', ['--', 'sleep', '1000']);
    const { url } = await serving(folder, ['--listen-token-file', 'token']);
    const page = await fetch(url);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'sha256-[^' ]+'; /);
    expect(await page.text()).not.toContain('hidden-service');
    for (const path of ['/api/page', '/api/status', '/api/logs', '/metrics', '/nothing']) {
      expect((await get(url + path)).code).toBe(401);
      expect((await get(url + path, { authorization: `Bearer ${token}x` })).code).toBe(401);
    }
    const answer = await get(`${url}/api/status`, { authorization: `Bearer ${token}` });
    expect(JSON.parse(answer.text)).toMatchObject([{ name: 'hidden-service', phase: 'running' }]);
  });
});

describe('the JSON', () => {
  test('is that of the commands, and secrets are masked', async () => {
    const folder = scratch();
    const secret = 'hunter2-correct-horse-battery';
    const key = `ghp_${'aB3dE5fG7hJ9'.repeat(3)}`;
    const script = `echo "login with $API_PASSWORD"; echo "ValueError: bad key ${key}" >&2; sleep 1.2; exit 3`;
    start(folder, 'crash', ['--backoff', '100s', '--', 'sh', '-c', script], { API_PASSWORD: secret });
    const keep = 'printf "\\033[31mred <b>bold</b> %s\\n" "$API_PASSWORD"; sleep 1000';
    start(folder, 'up', ['--', 'sh', '-c', keep, '--password', 'S3cretWord99x'], { API_PASSWORD: secret });
    await phaseIs(folder, 'crash', 'backoff');
    await until('it is explained', () => run(folder, ['incidents', '--json']).out.includes('crash-'));
    const { url } = await serving(folder);
    const json = async (path: string) => JSON.parse((await get(`${url}/api/${path}`)).text);
    const steady = ({ name, phase, command, restarts, lastIncidentId }: Status) => [
      name,
      phase,
      command,
      restarts,
      lastIncidentId,
    ];
    const told: Status[] = JSON.parse(run(folder, ['status', '--json']).out);
    expect((await json('status')).map(steady)).toEqual(told.map(steady));
    const { failures, needsPerson } = JSON.parse(run(folder, ['brief', '--json']).out);
    expect(await json('brief')).toMatchObject({ failures, needsPerson });
    expect(await json('incidents')).toEqual(JSON.parse(run(folder, ['incidents', '--json']).out));
    const { incident, report } = await json('incident?which=crash');
    expect(incident).toMatchObject({ name: 'crash', category: expect.any(String) });
    expect(report.trimEnd()).toBe(run(folder, ['incidents', 'show', 'crash']).out.trimEnd());
    expect(await json('runs')).toEqual(JSON.parse(run(folder, ['runs', '--json']).out));
    expect(await json('events?name=crash')).toMatchObject([{ kind: 'started' }, { kind: 'exited', run: 1 }]);
    expect(await json('logs?name=up')).toMatchObject([
      { name: 'up', run: 1, text: expect.stringMatching(/^red <b>bold<\/b> \[redacted [a-z-]+\]$/) },
    ]);
    expect((await json('logs?lines=2')).map(({ name }: { name: string }) => name)).toHaveLength(2);
    for (const path of ['page', 'status', 'brief', 'incidents', 'incident?which=crash', 'events', 'logs?lines=1000'])
      expect((await get(`${url}/api/${path}`)).text).not.toMatch(new RegExp(`${secret}|${key}|S3cretWord99x`));
  });

  test('masks a key of several lines, and the lines around it keep their times', async () => {
    const folder = scratch();
    const key = [
      '-----BEGIN RSA PRIVATE KEY-----',
      ...Array(6).fill('MIIEowIBAAKCAQEAx'.padEnd(64, 'q')),
      '-----END RSA PRIVATE KEY-----',
    ];
    writeFileSync(join(folder, 'key'), `${key.join('\n')}\n`);
    start(folder, 'key', ['--', 'sh', '-c', 'echo first; cat key; sleep 2; echo last; sleep 1000']);
    const { url } = await serving(folder);
    const lines = async () => JSON.parse((await get(`${url}/api/logs?name=key`)).text);
    await until('all is written', async () => (await lines()).at(-1)?.text === 'last');
    const [first, ...rest] = await lines();
    expect(JSON.stringify(rest)).not.toContain('MIIE');
    const last = rest.at(-1);
    expect(Date.parse(last.at) - Date.parse(first.at)).toBeGreaterThan(1000);
    expect(run(folder, ['logs', 'key', '-t', '--no-events']).out).toContain('last');
  });
});

describe('the metrics', () => {
  test('are those of a watcher, each family once, and lost services among them', async () => {
    const folder = scratch();
    start(folder, 'a', ['--check', 'true', '--', 'sleep', '1000']);
    start(folder, 'b', ['--', 'sleep', '1000']);
    const { url } = await serving(folder);
    const { watcherPid } = await phaseIs(folder, 'b', 'running');
    process.kill(watcherPid ?? 0, 'SIGKILL');
    await phaseIs(folder, 'b', 'lost');
    const { text } = await get(`${url}/metrics`);
    const families = [...text.matchAll(/^# TYPE (\S+)/gm)].map(found => found[1]);
    expect(new Set(families).size).toBe(families.length);
    expect(text).toMatch(/^agent_watch_phase\{phase="lost",name="b"\} 1$/m);
    expect(text).toMatch(/^agent_watch_up\{name="a"\} 1$/m);
    const own = await deadPort();
    start(folder, 'c', ['--listen', String(own), '--', 'sleep', '1000']);
    const types = (from: string) => [...from.matchAll(/^# (?:TYPE|HELP) .*/gm)].map(([line]) => line);
    const ofWatcher = await until('the watcher answers', () =>
      get(`http://127.0.0.1:${own}/metrics`).catch(() => null),
    );
    expect(types(ofWatcher.text)).toEqual(expect.arrayContaining(types(text)));
  });

  test.skipIf(!has('prometheus'))(
    'of 13 services are scraped by a real Prometheus in one job (needs prometheus)',
    async () => {
      const folder = scratch();
      const names = Array.from({ length: 13 }, (_, index) => `w${index}`);
      const crash = 'while [ ! -e crash ]; do sleep 0.05; done; rm crash; exit 3';
      for (const name of names) {
        const command = name === 'w0' ? ['sh', '-c', crash] : ['sleep', '1000'];
        startWatcher(folder, ['--name', name, '--backoff', '100ms', '--', ...command]);
      }
      await until('13 are up', () => run(folder, ['status', '--json']).out.match(/"phase": "running"/g)?.length === 13);
      const { port } = await serving(folder);
      const own = await deadPort();
      const scrape = `scrape_configs: [{ job_name: agent-watch, static_configs: [{ targets: ['127.0.0.1:${port}'] }] }]`;
      writeFileSync(join(folder, 'prometheus.yml'), `global: { scrape_interval: 1s }\n${scrape}\n`);
      const flags = [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/tsdb`];
      const prometheus = spawn('prometheus', [...flags, `--web.listen-address=127.0.0.1:${own}`], {
        stdio: 'ignore',
        env: { ...process.env, AW_TEST_FOLDER: folder },
      });
      onTestFinished(() => void prometheus.kill('SIGKILL'));
      const query = async (expression: string): Promise<string | undefined> => {
        const url = `http://127.0.0.1:${own}/api/v1/query?query=${encodeURIComponent(expression)}`;
        const answer = await get(url).catch(() => null);
        return answer?.code === 200 ? JSON.parse(answer.text).data.result[0]?.value[1] : undefined;
      };
      await until('13 are scraped', async () => (await query('sum(agent_watch_up)')) === '13');
      expect(await query('count(up{job="agent-watch"} == 1)')).toBe('1');
      expect(await query('scrape_samples_scraped')).not.toBe('0');
      writeFileSync(join(folder, 'crash'), '');
      const counted = 'sum(agent_watch_incidents_total{name="w0"})';
      await until('the crash is counted', async () => (await query(counted)) === '1');
      const ends = 'agent_watch_run_ends_total{name="w0",cause="crash"}';
      await until('its end is counted', async () => (await query(ends)) === '1');
      await until('it is up again', async () => (await query('sum(agent_watch_up)')) === '13');
      expect(await query('agent_watch_restarts{name="w0"}')).toBe('1');
      expect(await query('sum(agent_watch_restarts)')).toBe('1');
    },
  );
});

describe.skipIf(browser === undefined)('the page in a real browser (needs chromium)', () => {
  const card = (name: string) =>
    `[...document.querySelectorAll('#services > details')].find(one => one.querySelector('.name').textContent === '${name}')`;
  const phase = (tab: Tab, name: string, wanted: string) =>
    tab.holds(`${card(name)}?.querySelector('.phase').textContent === '${wanted}'`);

  test('shows what needs attention with its command, at phone and desktop width, and nothing runs that a service printed', async () => {
    const folder = scratch();
    const evil = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    writeFileSync(join(folder, 'metrics.json'), '{"loss": 12}');
    start(folder, 'trader', ['--kill-when', 'loss > 10', '--metrics', 'metrics.json', '--', 'sleep', '1000']);
    start(folder, 'evil', ['--backoff', '100s', '--', 'sh', '-c', `echo 'ValueError: ${evil}'; sleep 1.2; exit 3`]);
    const many = Array.from({ length: 11 }, (_, index) => `service-with-a-long-name-${index}`);
    for (const name of many) startWatcher(folder, ['--name', name, '--', 'sleep', '1000']);
    await phaseIs(folder, many.at(-1) ?? '', 'running');
    await phaseIs(folder, 'evil', 'backoff');
    await until('it is explained', () => run(folder, ['incidents', '--json']).out.includes('evil-'));
    const { url } = await serving(folder);
    const tab = await openTab();
    for (const width of [390, 1280]) {
      await tab.resize(width, 844);
      await tab.go(`${url}/?${width}`);
      await tab.holds(`document.querySelectorAll('#services > details').length === 13`);
      expect(await tab.ask('document.documentElement.scrollWidth')).toBe(width);
      expect(await tab.ask<string>(`document.getElementById('needs').innerText`)).toMatch(
        /trader: held: loss > 10[\s\S]*agent-watch reset trader[\s\S]*evil: backoff[\s\S]*agent-watch incidents show evil/,
      );
      await tab.ask(`${card('evil')}.open = true`);
      await tab.ask(`${card('evil')}.querySelector('.fold').open = true`);
      await tab.holds(`${card('evil')}.querySelector('pre.log').textContent.includes('<script>')`);
      await tab.holds(`${card('evil')}.querySelector('.report')?.textContent.includes('Probable cause')`);
      expect(await tab.ask('document.documentElement.scrollWidth')).toBe(width);
    }
    expect(await tab.ask(`document.querySelectorAll('img, #services script').length`)).toBe(0);
    expect(await tab.ask('document.title')).toMatch(/^\(2\) agent-watch /);
    expect(tab.complaints()).toEqual([]);
  });

  test('shows how the last runs of a service went, at phone and desktop width', async () => {
    const folder = scratch();
    run(folder, ['--name', 'review', '--restart', 'never', '--', 'sh', '-c', 'exit 3']);
    const fields = (at: number) => ({
      run: at,
      cause: 'success',
      startedAt: `2026-01-${10 + at}T03:00:00.000Z`,
      endedAt: `2026-01-${10 + at}T03:04:00.000Z`,
      exit: { code: 0, signal: null },
      durationMs: at === 11 ? 2_460_000 : 240_000 + 100 * at,
      metrics: { cost: 0.1 },
    });
    const judged = { verdict: 'fail', reasons: [{ why: 'It names no line', quote: '<b>none</b>' }], note: null };
    const runs = [
      ...Array.from({ length: 11 }, (_, at) => fields(at + 1)),
      { ...fields(12), verdict: judged, mark: { mark: 'bad', why: 'misses <b>the SQL</b>' } },
      { ...fields(13), cause: 'crash', exit: { code: null, signal: 'SIGSEGV' }, why: 'it was killed' },
    ];
    writeFileSync(join(folder, 'state/review/runs.jsonl'), runs.map(one => `${JSON.stringify(one)}\n`).join(''));
    const { url } = await serving(folder);
    const tab = await openTab();
    const list = `[...${card('review')}.querySelectorAll('.runs > li')].map(one => one.innerText)`;
    for (const width of [390, 1280]) {
      await tab.resize(width, 844);
      await tab.go(`${url}/?${width}#review`);
      await tab.holds(`${card('review')}?.open`);
      await tab.ask(
        `[...${card('review')}.querySelectorAll('.fold')].find(one => one.innerText === 'Last runs').open = true`,
      );
      await tab.holds(`${list}.length === 10`);
      const [crash, bad, long, ...rest] = await tab.ask<string[]>(list);
      expect(crash).toMatch(/run 13[\s\S]*crash \(SIGSEGV\)[\s\S]*took 4m01s · cost 0\.1[\s\S]*it was killed/);
      expect(bad).toMatch(/run 12[\s\S]*judge: fail: It names no line\s+marked bad: misses <b>the SQL<\/b>/);
      expect(long).toMatch(/run 11[\s\S]*success[\s\S]*unusual: took 41m, usually 4m/);
      expect(rest.at(-1)).toMatch(/run 4\b/);
      expect(await tab.ask('document.documentElement.scrollWidth')).toBe(width);
    }
    expect(tab.complaints()).toEqual([]);
  });

  test('stays true while a service changes, says when it is stale, and recovers when the server is back', async () => {
    const folder = scratch();
    start(folder, 'one', ['--', 'sleep', '1000']);
    const { url, port, serve } = await serving(folder);
    const tab = await openTab();
    await tab.resize(390, 844);
    await tab.go(`${url}/#one`);
    await phase(tab, 'one', 'running');
    await tab.holds(
      `${card('one')}.open && ${card('one')}.getBoundingClientRect().top >= document.querySelector('header').offsetHeight`,
    );
    run(folder, ['stop', 'one']);
    await phase(tab, 'one', 'stopped');
    start(folder, 'two', ['--', 'sleep', '1000']);
    await phase(tab, 'two', 'running');
    serve.process.kill('SIGTERM');
    await serve.ended;
    await tab.holds(`/No answer from agent-watch serve/.test(document.getElementById('banner').innerText)`);
    run(folder, ['start', 'one']);
    await serving(folder, [], port);
    await phase(tab, 'one', 'running');
    await tab.holds(`document.getElementById('banner').hidden`);
    run(folder, ['delete', 'two', '--yes']);
    await tab.holds(`document.querySelectorAll('#services > details').length === 1`);
    expect(await tab.ask(`${card('one')}.open`)).toBe(true);
  });

  test('asks for the token where there is one, and keeps it over a reload', async () => {
    const folder = scratch();
    const token = 'a-token-of-thirty-two-characters';
    writeFileSync(join(folder, 'token'), token, { mode: 0o600 });
    start(folder, 'one', ['--', 'sleep', '1000']);
    const { url } = await serving(folder, ['--listen-token-file', 'token']);
    const tab = await openTab();
    await tab.go(url);
    const type = async (text: string) =>
      await tab.ask(
        `document.getElementById('token').value = '${text}', document.querySelector('#login button').click()`,
      );
    await tab.holds(`!document.getElementById('login').hidden`);
    await type('wrong');
    await tab.holds(`/not accepted/.test(document.getElementById('banner').innerText)`);
    await type(token);
    await phase(tab, 'one', 'running');
    await tab.go(`${url}/?again`);
    await phase(tab, 'one', 'running');
  });
});
