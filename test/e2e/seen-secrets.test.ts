import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { sendJson } from '../servers/local-server.ts';
import { deadPort, serving } from '../servers/serving.ts';
import { incidentsOf } from '../support/incidents.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { run, startWatcher, statusOf } from '../support/watcher.ts';

const secrets = {
  hook: 'hook-4f81c2d7',
  query: 'qk-55aa',
  beat: '2b1c9f04-aaaa-4bbb-8ccc-1234567890ab',
  model: 'tenant-91c7',
  user: 'p4ss-of-the-probe',
  env: 'value-of-the-token',
  bearer: 'bearer-abcdef0123456789',
  argument: 'sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD',
  password: 'db-pw-3321',
};
const none = (text: string) => Object.entries(secrets).filter(([, secret]) => text.includes(secret));

/** Its command line as `ps` shows it. */
const psLine = (pid: number) => execFileSync('ps', ['-ww', '-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });

async function everySecretGiven(folder: string, more: readonly string[], command: readonly string[]) {
  const server = await serving((_, response) => sendJson(response, 200, {}));
  const port = await deadPort();
  const hook = `${server.url}/services/${secrets.hook}?k=${secrets.query}`;
  const beat = `${server.url}/ping/${secrets.beat}`;
  const model = `${server.url}/v1/${secrets.model}`;
  const options = [
    ...['--name', 'shy', '--listen', String(port), '--env', `BOT_TOKEN=${secrets.env}`],
    ...['--alert-webhook', hook, '--alert-on', 'all'],
    `--heartbeat-url=${beat}`,
    ...['--diagnose', 'openai', '--llm-url', model],
    ...['--http', `http://bot:${secrets.user}@${server.host}/health`],
    ...['--check', `echo 'Authorization: Bearer ${secrets.bearer}' | true`, ...more],
  ];
  const env = { OPENAI_API_KEY: 'sk-of-the-test' };
  const watcher = startWatcher(folder, [...options, '--', ...command], { env });
  onTestFinished(() => void watcher.process.kill('SIGTERM'));
  return { watcher, server, port, addresses: [hook, beat, model] };
}

const get = async (port: number, path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text();

describe('what everybody may look at shows no address and no key', () => {
  test('of a watcher that runs: ps, status, health, doctor and --listen', async () => {
    const folder = scratch();
    const secretly = ['--api-key', secrets.argument, `postgres://bot:${secrets.password}@db/main`];
    const { watcher, server, port } = await everySecretGiven(
      folder,
      ['--health-start-period', '0s', '--health-interval', '100ms'],
      ['sh', '-c', 'exec sleep 1000', 'sh', ...secretly],
    );
    await watcher.said(/started/);
    await until('its probe answered', () => statusOf(folder, 'shy').health.some(row => row.ok === true));
    await until('/livez', () => get(port, '/livez').then(Boolean, () => false));
    const [own = ''] = psLine(watcher.pid).split(' -- ');
    expect(none(own)).toEqual([]);
    expect(own).toContain(`--alert-webhook ${server.url}/`);
    const faces = await Promise.all(['/status', '/metrics', '/livez', '/readyz', '/'].map(path => get(port, path)));
    expect(faces[0]).toContain('"shy"');
    expect(faces[1]).toContain('agent_watch_probe_ok');
    for (const face of faces) expect(none(face)).toEqual([]);
    for (const words of [['status'], ['status', '--json'], ['health'], ['health', '--json'], ['brief'], ['doctor']]) {
      expect({ words, shown: none(run(folder, words).out) }).toEqual({ words, shown: [] });
    }
    watcher.process.kill('SIGTERM');
    await watcher.ended;
    expect(none(watcher.err())).toEqual([]);
    expect(none(run(folder, ['status', 'shy', '--json']).out)).toEqual([]);
  });

  test('of a child that prints the addresses it was watched with: incidents, prompts and alerts', async () => {
    const folder = scratch();
    const given = await everySecretGiven(
      folder,
      ['--backoff', '100s'],
      // From a file, so that they stand in the log and not in the command.
      ['sh', '-c', 'until [ -e said ]; do sleep 0.01; done; cat said; echo "$BOT_TOKEN"; exit 1'],
    );
    const { watcher, server } = given;
    const addresses = given.addresses.map(address => `ValueError: refused by ${address}!`);
    writeFileSync(join(folder, 'told'), `${addresses.join('\n')}\n`);
    renameSync(join(folder, 'told'), join(folder, 'said'));
    await until('it was explained', () => incidentsOf(folder, 'shy').length === 1);
    await until('it was told', () => server.received.some(({ body }) => body.includes('crash')));
    watcher.process.kill('SIGTERM');
    await watcher.ended;
    const kept = join(folder, 'state/shy/incidents');
    const files = readdirSync(kept).map(file => readFileSync(join(kept, file), 'utf8'));
    expect(none(files.join('\n'))).toEqual([]);
    expect(none(server.received.map(({ body }) => body).join('\n'))).toEqual([]);
  });
});

describe('a value that the watcher knows', () => {
  const known = {
    option: 'opt-value-81f2',
    inherited: 'env-value-93c4',
    file: 'file-value-57a6',
    unnamed: 'Xq7rT2vHxK9wBnD3sZp4',
  };
  const left = (text: string) => Object.entries(known).filter(([, value]) => text.includes(value.slice(0, 9)));
  const all = `${known.option} ${known.inherited} ${known.file} api_key=${known.unnamed}`;

  /** One that is held by its kill condition, whose probes and metrics quote all of them; what is left in its folder, and what it said. */
  async function held(more: readonly string[]) {
    const folder = scratch();
    writeFileSync(join(folder, 'secrets.env'), `FILE_TOKEN=${known.file}\n`);
    writeFileSync(
      join(folder, 'm.json'),
      JSON.stringify({ loss: 1, note: `a ${known.option} api_key=${known.unnamed}` }),
    );
    writeFileSync(join(folder, 'all'), all);
    const server = await serving((_, response) => sendJson(response, 500, { error: all }));
    const port = await deadPort();
    const options = [
      ...['--name', 'shy', '--env', `OPT_TOKEN=${known.option}`, '--env-file', 'secrets.env', '--listen', String(port)],
      ...['--http', `${server.url}/health`, '--check', 'cat all >&2; exit 3', '--health-start-period', '0s'],
      ...['--health-interval', '100ms', '--kill-when', 'loss > 5 && note != ""', '--metrics', 'm.json', ...more],
      ...['--alert-file', 'alerts', '--alert-on', 'all', '--health-retries', '1000'],
    ];
    const env = { OWN_TOKEN: known.inherited };
    const command = ['sh', '-c', 'cat all; exec sleep 1000', 'sh', known.inherited, `x${known.option}`];
    const watcher = startWatcher(folder, [...options, '--', ...command], { env });
    onTestFinished(() => void watcher.process.kill('SIGTERM'));
    return { folder, watcher, port };
  }

  test('is shown nowhere: status, /status, hold, events, incidents, alerts and terminal', async () => {
    const { folder, watcher, port } = await held([]);
    await watcher.said(/started/);
    await until('its answer is quoted', () => /HTTP 500: .*exit 3: /s.test(run(folder, ['status', '--json']).out));
    await until('/status', () =>
      get(port, '/status').then(
        text => text.includes('HTTP 500'),
        () => false,
      ),
    );
    const faces = [await get(port, '/status'), await get(port, '/metrics')];
    for (const words of [['status'], ['status', 'shy'], ['status', '--json'], ['health'], ['brief'], ['doctor']])
      faces.push(run(folder, words).out);
    writeFileSync(
      join(folder, 'm.json'),
      JSON.stringify({ loss: 9, note: `a ${known.option} api_key=${known.unnamed}` }),
    );
    await until('it is held', () => statusOf(folder, 'shy').phase === 'held');
    await until('it was explained', () => incidentsOf(folder, 'shy').length > 0);
    await until('it was alerted', () => readFileSync(join(folder, 'alerts'), 'utf8').includes('hold'));
    faces.push(
      run(folder, ['status', 'shy']).out,
      run(folder, ['incidents', 'shy', '--json']).out,
      run(folder, ['brief']).out,
    );
    watcher.process.kill('SIGTERM');
    await watcher.ended;
    const kept = [
      'hold.json',
      'events.jsonl',
      ...readdirSync(join(folder, 'state/shy/incidents')).map(file => `incidents/${file}`),
    ];
    for (const file of kept) faces.push(readFileSync(join(folder, 'state/shy', file), 'utf8'));
    faces.push(readFileSync(join(folder, 'alerts'), 'utf8'), watcher.err());
    expect(faces.map(left)).toEqual(faces.map(() => []));
    expect(readFileSync(join(folder, 'state/shy/hold.json'), 'utf8')).toContain('[redacted');
  });
});

test('an address beside --config, where no command follows, is not to be seen in ps', async () => {
  const folder = scratch();
  writeFileSync(join(folder, 'bot.yaml'), 'name: bot\ncommand: [sleep, "60"]\n');
  const hook = `https://hooks.example.com/services/${secrets.hook}`;
  const watcher = startWatcher(folder, ['--config', 'bot.yaml', '--alert-webhook', hook]);
  await until('it is masked', () => /hooks\.example\.com\/\*+/.test(psLine(watcher.pid)));
  expect(psLine(watcher.pid)).not.toContain(secrets.hook);
  watcher.process.kill('SIGTERM');
  await watcher.ended;
});
