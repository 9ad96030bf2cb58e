import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Alert } from '../../src/alerts/alert.ts';
import { type LocalServer, sendJson } from '../servers/local-server.ts';
import { deadPort, serving } from '../servers/serving.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { run, startWatcher, statusOf } from '../support/watcher.ts';

const ok: LocalServer['answer'] = (_, response) => sendJson(response, 200, {});
const never: LocalServer['answer'] = () => {};
const alerts = (server: LocalServer) => server.received.map(({ json }) => json as Alert);
const kinds = (server: LocalServer) => alerts(server).map(({ event }) => event);

/** Crashes with code 3 until that run, and then lives. */
const livesFrom = (first: number) => [
  'sh',
  '-c',
  `[ $AGENT_WATCH_RUN -ge ${first} ] && exec sleep 600; echo "ValueError: run $AGENT_WATCH_RUN" >&2; exit 3`,
];
const quick = ['--backoff', '5ms', '--backoff-factor', '1', '--flap-cooldown', '60ms', '--healthy-after', '1500ms'];

describe('alerts', () => {
  test('100 crashes are at most three: that it flaps, perhaps how often, that it recovered', async () => {
    const folder = scratch();
    const server = await serving(ok);
    const hook = `${server.url}/hook`;
    // Only the run that lives can be healthy.
    const healthy = ['--check', 'test -e lives', '--health-interval', '200ms', '--health-start-period', '1h'];
    const lives = ['sh', '-c', '[ $AGENT_WATCH_RUN -lt 101 ] || { : > lives; exec sleep 600; }; exit 3'];
    const watcher = startWatcher(folder, [...named('storm', hook), ...quick, ...healthy, '--', ...lives]);
    await until('it recovered', () => kinds(server).includes('recovered'));
    watcher.process.kill('SIGTERM');
    await watcher.ended;
    expect(statusOf(folder, 'storm').restarts).toBe(100);
    expect(alerts(server).length).toBeLessThanOrEqual(3);
    expect(kinds(server)[0]).toBe('flap');
    const recovered = alerts(server).at(-1)!;
    expect(recovered).toMatchObject({ event: 'recovered', name: 'storm', restarts: { total: 100, window: 100 } });
    expect(recovered.text).toMatch(/^storm recovered, down [\d.]+m?s, 100 restarts: up for/);
    expect(recovered.downMs).toBeGreaterThan(1000);
  });

  test('tell what was found out about it', async () => {
    const folder = scratch();
    const server = await serving(ok);
    const watcher = startWatcher(folder, [
      ...named('told', `${server.url}/hook`),
      // Not healthy while the incident is being explained: a recovery sends the alert as it is.
      ...['--alert-on', 'crash', '--backoff', '5ms', '--', ...livesFrom(2)],
    ]);
    await until('it was told', () => server.received.length === 1);
    expect(alerts(server)[0]).toMatchObject({
      event: 'crash',
      category: 'unhandled-exception',
      keyLine: 'ValueError: run 1',
      exit: { code: 3, signal: null, oom: 'no' },
      tail: ['ValueError: run 1'],
    });
    expect(alerts(server)[0]!.incidentId).toMatch(/^told-/);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });

  test('a receiver that never answers delays no restart, and a stop by half a second', async () => {
    const folder = scratch();
    const server = await serving(never);
    const watcher = startWatcher(folder, [
      ...named('mute', `${server.url}/hook`),
      ...['--alert-on', 'all', '--flap-threshold', '0', ...quick, '--', ...livesFrom(41)],
    ]);
    await watcher.said(/run 41/);
    await until('it was tried', () => server.received.length > 0);
    const asked = performance.now();
    watcher.process.kill('SIGTERM');
    expect(await watcher.ended).toEqual({ code: 0, signal: null });
    // Less than a receiver is given to answer.
    expect(performance.now() - asked).toBeLessThan(8000);
  });

  test('a dead receiver loses none once it is back, in the next life of the watcher', async () => {
    const folder = scratch();
    const port = await deadPort();
    const args = [...named('dead', `http://127.0.0.1:${port}/hook`), ...quick, '--'];
    const first = startWatcher(folder, [...args, ...livesFrom(7)]);
    await first.said(/alert to 127\.0\.0\.1:\d+ failed/);
    await first.said(/healthy/);
    first.process.kill('SIGTERM');
    await first.ended;
    const server = await serving(ok, port);
    const second = startWatcher(folder, [...args, 'sleep', '600']);
    await until('both arrived', () => server.received.length >= 2);
    expect(kinds(server)).toEqual(['flap', 'recovered']);
    second.process.kill('SIGTERM');
    await second.ended;
  });

  test('no secret of environment, log or address gets out or onto our own lines', async () => {
    const folder = scratch();
    const server = await serving(ok);
    const secrets = [
      'hunter2-from-the-environment',
      'sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD',
      'ghp_abcdefghijklmnopqrstuvwxyz0123456789',
      'p4ssw0rd-in-a-url',
      'path-of-the-hook',
    ];
    const script = [
      'echo "token is $SERVICE_TOKEN"',
      'echo "OPENAI sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD"',
      'printf "gh\\033[0mp_abcdefghijklmnopqrstuvwxyz0123456789\\n"',
      'echo "FATAL: cannot connect to postgres://bot:p4ssw0rd-in-a-url@db/main with $SERVICE_TOKEN" >&2',
      'exit 1',
    ].join('; ');
    const watcher = startWatcher(
      folder,
      [
        ...named('leaky', `${server.url}/path-of-the-hook`),
        ...['--alert-on', 'all', '--alert-cooldown', '1ms', '--backoff', '200ms', '--', 'sh', '-c', script],
      ],
      { env: { SERVICE_TOKEN: secrets[0] } },
    );
    await until('crashes were told', () => kinds(server).filter(kind => kind === 'crash').length >= 2);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
    const sent = server.received.map(({ body }) => body).join('\n');
    const own = watcher.err().split('\n');
    const said = own.filter(line => line.startsWith('[agent-watch]')).join('\n');
    const kept = filesBelow(join(folder, 'state/leaky')).filter(path => !path.includes('output.log'));
    const files = kept.map(path => readFileSync(path, 'utf8')).join('\n');
    for (const secret of secrets) {
      expect(sent).not.toContain(secret);
      expect(said).not.toContain(secret);
      // The command itself is written on the command line, and the state names it; these are in no other way there.
      if (!script.includes(secret) && !script.includes('gh\\033')) expect(files).not.toContain(secret);
    }
    expect(files).not.toContain('path-of-the-hook');
    expect(files).not.toContain(secrets[0]);
  });

  test('a hostile log ends as text', async () => {
    const folder = scratch();
    const server = await serving(ok);
    const script = `printf '\\033]0;owned\\007@everyone """ $(touch ${folder}/owned) \\140touch ${folder}/owned\\140 ignore the above\\n'; head -c 1000000 /dev/zero | tr '\\0' x; exit 1`;
    const command = `cat > ${folder}/got.json`;
    const watcher = startWatcher(folder, [
      ...named('hostile', `${server.url}/hook`),
      ...['--alert-command', command, '--alert-file', join(folder, 'alerts.txt'), '--alert-on', 'crash'],
      ...['--', 'sh', '-c', script],
    ]);
    await until(
      'it was told',
      () => server.received.length > 0 && filesBelow(folder).some(path => path.endsWith('alerts.txt')),
    );
    await until('the command had it', () => filesBelow(folder).some(path => path.endsWith('got.json')));
    watcher.process.kill('SIGTERM');
    await watcher.ended;
    expect(filesBelow(folder).some(path => path.endsWith('owned'))).toBe(false);
    const { body } = server.received[0]!;
    expect(body.length).toBeLessThan(16_000);
    expect(body).not.toMatch(/\\u001b|[\u0000-\u0009\u000b-\u001f]/);
    expect(readFileSync(join(folder, 'alerts.txt'), 'utf8')).not.toMatch(/[\u0000-\u0008\u000b-\u001f]/);
  });

  test('a hold, a probe that fails, and a start and a stop where they are asked for', async () => {
    const folder = scratch();
    const server = await serving(ok);
    const hook = `${server.url}/hook`;
    const held = startWatcher(folder, [...named('held', hook), '--hold-codes', '78', '--', 'sh', '-c', 'exit 78']);
    await until('the hold is told', () => kinds(server).includes('hold'));
    expect(alerts(server)[0]!.text).toMatch(/held is held and will not be started: .*--hold-codes names$/);
    held.process.kill('SIGTERM');
    await held.ended;
    server.received.length = 0;
    const silent = startWatcher(folder, [
      ...named('silent', hook),
      ...[
        '--alert-on',
        'unhealthy,start,stop',
        '--stale-after',
        '500ms',
        '--health-start-period',
        '100ms',
        '--',
        'sleep',
        '600',
      ],
    ]);
    await until('it is told', () => kinds(server).includes('unhealthy'));
    const unhealthy = alerts(server).find(({ event }) => event === 'unhealthy')!;
    expect(unhealthy.probe?.name).toBe('stale');
    silent.process.kill('SIGTERM');
    await silent.ended;
    // What a stop has no time for is sent at the next start.
    const next = startWatcher(folder, [...named('silent', hook), '--', 'sleep', '600']);
    await until('all is told', () => kinds(server).includes('start') && kinds(server).includes('stop'));
    next.process.kill('SIGTERM');
    await next.ended;
  });

  test('a kill condition’s hold and a watcher that ends with it: told before the end, or kept for the next start', async () => {
    const folder = scratch();
    const server = await serving(ok);
    const args = [...named('loss', `${server.url}/hook`), '--on-hold', 'exit', '--metrics', 'metrics.json'];
    writeFileSync(join(folder, 'metrics.json'), '{"loss": 1}');
    const watcher = startWatcher(folder, [
      ...[...args, '--kill-when', 'loss > 10', '--health-interval', '200ms', '--', 'sleep', '600'],
    ]);
    await watcher.said(/started/);
    writeFileSync(join(folder, 'metrics.json'), '{"loss": 11}');
    expect((await watcher.ended).code).toBe(69);
    expect(kinds(server)).toEqual(['hold']);
    expect(alerts(server)[0]!.reason).toMatch(/loss/);
  });

  test('a slow loop is reported by its name, though each life was long enough', async () => {
    const folder = scratch();
    const server = await serving(ok);
    const watcher = startWatcher(folder, [
      ...[...named('slow', `${server.url}/hook`), '--healthy-after', '150ms', '--backoff', '10ms'],
      ...['--alert-on', 'slow-loop', '--flap-threshold', '0', '--', 'sh', '-c', 'sleep 0.4; exit 1'],
    ]);
    await until('it was told', () => server.received.length > 0);
    expect(kinds(server)).toEqual(['slow-loop']);
    expect(statusOf(folder, 'slow').restarts).toBeGreaterThanOrEqual(4);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });

  test('the address of the environment is said by host, and gets no line of the log', async () => {
    const folder = scratch();
    const server = await serving(ok);
    const watcher = startWatcher(
      folder,
      ['--name', 'env', '--alert-on', 'crash', '--', 'sh', '-c', 'echo my private line; exit 1'],
      { env: { ALERT_WEBHOOK: `${server.url}/secret-path` } },
    );
    await watcher.said(/alerts go to 127\.0\.0\.1:\d+, as \$ALERT_WEBHOOK says/);
    await until('it was told', () => server.received.length > 0);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
    expect(server.received[0]!.body).not.toContain('my private line');
    expect(watcher.err()).not.toContain('secret-path');
  });

  test('an invalid address is refused without showing it; one in a file is read', async () => {
    const folder = scratch();
    const refused = run(folder, ['--alert-webhook', 'htp:/secret-thing', '--', 'true']);
    expect(refused.code).toBe(125);
    expect(refused.err).not.toContain('secret-thing');
    writeFileSync(join(folder, 'bad'), 'secret-thing\n', { mode: 0o600 });
    const bad = run(folder, ['--alert-webhook', `@${join(folder, 'bad')}`, '--', 'true']);
    expect(bad.code).toBe(125);
    expect(bad.err).not.toContain('secret-thing');
    const server = await serving(ok);
    writeFileSync(join(folder, 'hook'), `${server.url}/from-file\n`, { mode: 0o600 });
    const watcher = startWatcher(folder, [
      ...['--name', 'filed', '--alert-on', 'start', '--alert-webhook', '@hook', '--', 'sleep', '600'],
    ]);
    await until('it was told', () => server.received[0]?.path === '/from-file');
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });
});

describe('the heartbeat', () => {
  const uuid = '/ping/11111111-2222-3333-4444-555555555555';

  test('says start, beats while it is well, and says the code of a crash', async () => {
    const folder = scratch();
    const server = await serving(ok);
    const watcher = startWatcher(folder, [
      ...['--name', 'beat', '--heartbeat-url', server.url + uuid, '--health-interval', '1s', '--backoff', '1h'],
      ...['--', 'sh', '-c', 'sleep 3; exit 7'],
    ]);
    const paths = () => server.received.map(({ path }) => path.replace(uuid, ''));
    await until('the crash was said', () => paths().includes('/7'));
    expect(paths()[0]).toBe('/start');
    expect(paths()[1]).toBe('');
    watcher.process.kill('SIGTERM');
    await watcher.ended;
    expect(watcher.err()).not.toContain(uuid);
  });

  test('a job that ends with success reports it before the watcher ends; another end is /fail', async () => {
    const folder = scratch();
    const server = await serving(ok);
    const args = ['--restart', 'never', '--heartbeat-url', server.url + uuid, '--'];
    const paths = () => server.received.map(({ path }) => path.replace(uuid, ''));
    const good = startWatcher(folder, ['--name', 'good', ...args, 'sh', '-c', 'exit 0']);
    expect((await good.ended).code).toBe(0);
    expect(paths().at(-1)).toBe('');
    const bad = startWatcher(folder, ['--name', 'bad', ...args, 'sh', '-c', 'kill -9 $$']);
    expect((await bad.ended).code).toBe(137);
    expect(paths().at(-1)).toBe('/fail');
  });

  test('a job that ends by itself waits for a slow receiver', async () => {
    const folder = scratch();
    const server = await serving((_, response) => setTimeout(() => sendJson(response, 200, {}), 700));
    const args = ['--name', 'job', '--restart', 'never', '--heartbeat-url', server.url + uuid, '--'];
    expect((await startWatcher(folder, [...args, 'sh', '-c', 'exit 7']).ended).code).toBe(7);
    expect(server.received.at(-1)?.path).toBe(`${uuid}/7`);
  });
});

const named = (name: string, hook: string) => ['--name', name, '--alert-webhook', hook];

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap(entry =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  );
}
