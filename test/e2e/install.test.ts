import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { because, missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { executable, phaseIs, run } from '../support/watcher.ts';

const systemdHere = existsSync('/run/systemd/system') ? 'this machine has a systemd, which is not to be changed' : null;
const secret = 'tok-4c1f9e7a2b';
const hook = 'https://hooks.example.com/services/T0/B0/4c1f9e7a2b';

describe('install --print', () => {
  test('prints the unit and nothing else, with absolute paths, and writes nothing', () => {
    const folder = scratch();
    writeFileSync(join(folder, 'bot.sh'), '#!/bin/sh\n');
    chmodSync(join(folder, 'bot.sh'), 0o755);
    const options = ['--name', 'bot', '--env-file', 'bot.env', '--fresh-file', 'out=1h'];
    writeFileSync(join(folder, 'bot.env'), 'A=1\n', { mode: 0o600 });
    const { code, out } = run(folder, ['install', '--print', '--system', ...options, '--', './bot.sh', '100%', '$X']);
    expect(code).toBe(0);
    expect(out).toMatch(/^\[Unit\]\nDescription=agent-watch: bot\n/);
    expect(out.match(/^ExecStart=(.*)$/m)?.[1]).toBe(
      `${executable} --name bot --state-dir ${folder}/state --cwd ${folder} --env-file ${folder}/bot.env ` +
        `--fresh-file ${folder}/out=1h -- ${folder}/bot.sh 100%% $$X`,
    );
    expect(out).toContain(`\nEnvironment=PATH=${process.env['PATH']}\n`);
    expect(out).toMatch(/^WatchdogSec=60s$/m);
    expect(out).toMatch(/^RestartSec=5s$/m);
    expect(out.endsWith('[Install]\nWantedBy=multi-user.target\n')).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(['bot.env', 'bot.sh']);
  });

  test('shows no secret, and says which file would hold it', () => {
    const folder = scratch();
    const options = ['--name', 'bot', '--env', `BOT_TOKEN=${secret}`, '--alert-webhook', hook, '--env', 'PLAIN=1'];
    for (const format of ['systemd', 'launchd', 'crontab']) {
      const { code, out, err } = run(folder, [
        'install',
        '--print',
        '--format',
        format,
        ...options,
        '--',
        'sleep',
        '1',
      ]);
      expect(code).toBe(0);
      expect(out).toContain(`${folder}/state/bot/environment`);
      expect(err).toMatch(/AGENT_WATCH_OPTION_ENV/);
      expect(err).toMatch(/AGENT_WATCH_OPTION_ALERT_WEBHOOK/);
      expect(out + err).not.toMatch(/4c1f9e7a2b|hooks\.example/);
    }
    expect(existsSync(join(folder, 'state'))).toBe(false);
  });

  test('takes keys of this shell along only for a model that was requested, and names those it leaves', () => {
    const folder = scratch();
    const env = { ANTHROPIC_API_KEY: secret, OTHER_API_KEY: secret };
    const print = (...options: string[]) =>
      run(folder, ['install', '--print', '--name', 'bot', ...options, '--', 'sleep', '1'], { env });
    const plain = print();
    expect(plain.out).not.toContain('EnvironmentFile');
    expect(plain.err).toMatch(/not passed on: .*ANTHROPIC_API_KEY/);
    const asked = print('--diagnose', 'anthropic');
    expect(asked.out).toContain(`EnvironmentFile=-${folder}/state/bot/environment\n`);
    expect(asked.err).toMatch(/environment \(0600\): ANTHROPIC_API_KEY/);
    expect(asked.err).toMatch(/not passed on: .*OTHER_API_KEY/);
    expect(plain.out + plain.err + asked.out + asked.err).not.toContain(secret);
  });

  test('says when the command itself carries a key', () => {
    const folder = scratch();
    const { err } = run(folder, [
      'install',
      '--print',
      '--name',
      'bot',
      '--',
      'sleep',
      '--api-key',
      'sk-4c1f9e7a2b4c1f9e7a2b',
    ]);
    expect(err).toMatch(/the command carries what looks like a key/);
  });

  test('of a folder prints a unit for each file, which stays the source of the command', () => {
    const folder = scratch();
    mkdirSync(join(folder, 'fleet'));
    for (const name of ['one', 'two'])
      writeFileSync(join(folder, 'fleet', `${name}.yaml`), `name: ${name}\ncommand: [sleep, "5"]\n`, { mode: 0o644 });
    const { out } = run(folder, ['install', '--print', '--config', 'fleet']);
    for (const name of ['one', 'two'])
      expect(out).toContain(`ExecStart=${executable} --config ${folder}/fleet/${name}.yaml --name ${name} `);
    expect(out).not.toContain(' -- ');
  });

  const noAnalyze = missing('systemd-analyze', '--version');
  test.skipIf(noAnalyze !== null)(
    `prints what systemd-analyze verify has nothing to say about${because(noAnalyze)}`,
    () => {
      const folder = scratch();
      const command = ['sh', '-c', 'echo "100%" $HOME \'x\' \\\n; sleep 5', ';', 'ü'];
      const { out } = run(folder, [
        'install',
        '--print',
        '--name',
        'bot',
        '--env',
        `A_KEY=${secret}`,
        '--',
        ...command,
      ]);
      writeFileSync(join(folder, 'agent-watch-bot.service'), out);
      const verified = spawnSync('systemd-analyze', ['verify', join(folder, 'agent-watch-bot.service')], {
        encoding: 'utf8',
      });
      expect(verified).toMatchObject({ status: 0, stderr: '' });
    },
  );
});

describe('install', () => {
  test.skipIf(systemdHere !== null)(`says that no systemd runs, and what to do${because(systemdHere)}`, () => {
    const folder = scratch();
    const { code, err } = run(folder, ['install', '--name', 'bot', '--', 'sleep', '1']);
    expect(code).toBe(125);
    expect(err).toMatch(/no systemd runs here.*--format crontab.*--print/);
    expect(existsSync(join(folder, 'state'))).toBe(false);
  });

  test('refuses a command that is not there with 127, and names the PATH', () => {
    const folder = scratch();
    const { code, err } = run(folder, ['install', '--format', 'crontab', '--name', 'bot', '--', 'no-such-command'], {
      env: { PATH: '/usr/bin:/bin' },
    });
    expect(code).toBe(127);
    expect(err).toMatch(/no-such-command was not found; searched PATH \/usr\/bin:\/bin/);
  });

  test('--format crontab adds a line that starts it, once however often; uninstall takes it and the secrets away', async () => {
    const folder = scratch();
    const env = withCrontab(folder, '0 * * * * /usr/bin/true\n');
    const table = () => readFileSync(join(folder, 'crontab'), 'utf8');
    const install = ['install', '--format', 'crontab', '--name', 'bot', '--env', `BOT_TOKEN=${secret}`];
    const command = ['--', 'sh', '-c', 'echo "<$BOT_TOKEN>" 100%; sleep 1000'];
    expect(run(folder, [...install, ...command], { env }).code).toBe(0);
    const { out } = run(folder, [...install, ...command], { env });
    expect(out).toMatch(/environment PATH=/);
    const lines = table().split('\n');
    expect(lines).toHaveLength(3);
    expect(table()).not.toContain(secret);
    expect(statSync(join(folder, 'state/bot/environment')).mode & 0o777).toBe(0o600);
    expect(lines[0]).toBe('0 * * * * /usr/bin/true');
    // As cron would: by sh, in the home folder, with next to no environment.
    const line = lines[1]?.replace('@reboot ', '').replaceAll('\\%', '%') ?? '';
    const booted = spawnSync('/bin/sh', ['-c', line], { cwd: '/', env: { HOME: '/', AW_TEST_FOLDER: folder } });
    expect(booted.status).toBe(0);
    await phaseIs(folder, 'bot', 'running');
    await until('the child has its secret', () => run(folder, ['logs', 'bot']).out === `<${secret}> 100%\n`);
    run(folder, ['stop', 'bot']);
    expect(run(folder, ['uninstall', 'bot'], { env }).code).toBe(0);
    expect(table()).toBe('0 * * * * /usr/bin/true\n');
    expect(existsSync(join(folder, 'state/bot/environment'))).toBe(false);
    expect(run(folder, ['uninstall', 'bot'], { env })).toMatchObject({
      code: 4,
      err: expect.stringMatching(/not installed/),
    });
  });
});

/** A crontab(1) whose table is a file of the test's. */
function withCrontab(folder: string, table: string): Record<string, string> {
  mkdirSync(join(folder, 'bin'));
  const file = join(folder, 'crontab');
  writeFileSync(join(folder, 'bin/crontab'), `#!/bin/sh\n[ "$1" = -l ] && exec cat ${file}\ncat > ${file}\n`);
  chmodSync(join(folder, 'bin/crontab'), 0o755);
  writeFileSync(file, table);
  return { PATH: `${folder}/bin:${process.env['PATH']}` };
}
