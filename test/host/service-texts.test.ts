import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  crontabLine,
  environmentFileText,
  fitsCrontab,
  fitsPlist,
  launchdPlist,
  type ServicePlan,
  systemdUnit,
  unitName,
} from '../../src/cli/service/systemd-unit.ts';
import { because, missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { python, withoutPython } from '../support/terminal.ts';

const plan: ServicePlan = {
  name: 'bot',
  scope: 'system',
  program: ['/usr/bin/env'],
  args: ['--name', 'bot', '--', '/usr/bin/python3', 'my agent.py'],
  environment: { PATH: '/usr/bin:/bin' },
  environmentFile: null,
  stopTimeoutMs: 10_000,
  once: false,
  notifies: true,
};
/** Texts that mean something to somebody on the way: to systemd, a shell, cron, XML. */
const awkward = fc
  .array(
    fc.oneof(
      fc.string(),
      fc.constantFrom('%', '$HOME', '$\u007bX}', '$$', '"', "'", '\\', ';', '`id`', '\n', ' ', '&lt;', 'ü'),
    ),
  )
  .map(parts => parts.join('').replaceAll('\0', ''));

describe('a systemd unit', () => {
  test('has what makes systemd restart the watcher, and only the watcher', () => {
    expect(systemdUnit({ ...plan, environmentFile: '/var/lib/agent-watch/bot/environment' })).toBe(
      [
        '[Unit]',
        'Description=agent-watch: bot',
        'After=network-online.target',
        'Wants=network-online.target',
        'StartLimitIntervalSec=0',
        '',
        '[Service]',
        'Type=notify',
        'NotifyAccess=main',
        'ExecStart=/usr/bin/env --name bot -- /usr/bin/python3 "my agent.py"',
        'Environment=PATH=/usr/bin:/bin',
        'EnvironmentFile=-/var/lib/agent-watch/bot/environment',
        'Restart=on-failure',
        'RestartSec=5s',
        'RestartPreventExitStatus=69 75 125 126 127',
        'KillMode=mixed',
        'TimeoutStopSec=20s',
        'OOMPolicy=continue',
        'WatchdogSec=60s',
        'TimeoutStartSec=infinity',
        '',
        '[Install]',
        'WantedBy=multi-user.target',
        '',
      ].join('\n'),
    );
  });

  test('doubles % and $, quotes the rest, and keeps the path of the program free of variables', () => {
    const unit = systemdUnit({
      ...plan,
      program: ['/opt/a b/$x%'],
      args: ['100%', '$HOME', 'say "hi"\\', ';', 'a\nb'],
    });
    expect(unit).toContain('ExecStart="/opt/a b/$x%%" 100%% $$HOME "say \\"hi\\"\\\\" ";" "a\\x0ab"\n');
  });

  test('restarts a watcher that runs its command once only if it died', () => {
    expect(systemdUnit({ ...plan, once: true })).toContain('Restart=on-abnormal\n');
  });

  test('asks for no messages where none can be sent', () => {
    const unit = systemdUnit({ ...plan, notifies: false });
    expect(unit).toContain('Type=exec\n');
    expect(unit).not.toMatch(/Watchdog|NotifyAccess/);
  });

  test('of a user belongs to their own default target, and to no network', () => {
    const unit = systemdUnit({ ...plan, scope: 'user' });
    expect(unit).toContain('WantedBy=default.target\n');
    expect(unit).not.toContain('network');
  });

  test('is named after the watcher, and is never a template', () => {
    expect(['bot', 'a@b', 'a@'].map(unitName)).toEqual([
      'agent-watch-bot.service',
      'agent-watch-a@b.service',
      'agent-watch-a\\x40.service',
    ]);
  });

  const cannot = missing('systemd-analyze', '--version');
  test.skipIf(cannot !== null)(`passes systemd-analyze verify${because(cannot)}`, () => {
    const folder = scratch();
    const path = join(folder, unitName('bot'));
    const args = ['--name', 'bot', '--', '/bin/sh', '-c', 'echo 100% "$HOME" \\ ;\n\'x\'', ';', 'ü'];
    writeFileSync(path, systemdUnit({ ...plan, program: [process.execPath], args, environmentFile: '/nowhere/100%' }));
    const verified = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
    expect(verified).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('an environment file', () => {
  test('is read by a shell as it was meant', () => {
    const folder = scratch();
    fc.assert(
      fc.property(awkward, value => {
        writeFileSync(join(folder, 'environment'), environmentFileText({ SECRET: value }));
        const read = spawnSync('sh', ['-c', `set -a; . ${folder}/environment; set +a; printenv SECRET`]);
        expect(read.stdout.toString()).toBe(`${value}\n`);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a line of a crontab', () => {
  test('runs the command as it was given, once cron has taken its % away', () => {
    const folder = scratch();
    fc.assert(
      fc.property(awkward.filter(fitsCrontab), awkward.filter(fitsCrontab), (one, two) => {
        writeFileSync(join(folder, 'environment'), environmentFileText({ SECRET: two }));
        const script = 'printf "%s\\0" "$@" "$SECRET" "$SHOWN"';
        const line = crontabLine({
          ...plan,
          program: ['/bin/sh', '-c', script, 'sh'],
          args: [one],
          environment: { SHOWN: one },
          environmentFile: join(folder, 'environment'),
        });
        const [, command = ''] = /^@reboot (.*)\n$/.exec(line) ?? [];
        expect(/(?<!\\)%/.test(command)).toBe(false);
        const ran = spawnSync('/bin/sh', ['-c', command.replaceAll('\\%', '%')]);
        expect(ran.stdout.toString().split('\0')).toEqual(['start', one, two, one, '']);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a property list', () => {
  test.skipIf(withoutPython !== null)(
    `is read by a parser of such lists as it was meant${because(withoutPython)}`,
    () => {
      const folder = scratch();
      const path = join(folder, 'bot.plist');
      const read = 'import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], "rb"))))';
      const parsed = (text: string) => {
        writeFileSync(path, text);
        return JSON.parse(spawnSync(python ?? '', ['-c', read, path], { encoding: 'utf8' }).stdout);
      };
      fc.assert(
        fc.property(awkward.filter(fitsPlist), value => {
          const { ProgramArguments: command, EnvironmentVariables: environment } = parsed(
            launchdPlist({ ...plan, args: [value], environment: { X: value } }, '/err'),
          );
          expect([command, environment]).toEqual([['/usr/bin/env', value], { X: value }]);
        }),
        { numRuns: 15 },
      );
      expect(parsed(launchdPlist(plan, '/err'))).toMatchObject({
        Label: 'agent-watch.bot',
        KeepAlive: true,
        RunAtLoad: true,
        ThrottleInterval: 10,
        AbandonProcessGroup: false,
        StandardErrorPath: '/err',
      });
      expect(parsed(launchdPlist({ ...plan, once: true }, '/err')).KeepAlive).toBe(false);
    },
  );

  test('reads secret variables from its file', () => {
    const folder = scratch();
    const file = join(folder, 'environment');
    writeFileSync(file, environmentFileText({ SECRET: 'a b' }));
    const text = launchdPlist(
      { ...plan, program: ['/bin/sh'], args: ['-c', 'echo $SECRET'], environmentFile: file },
      '/err',
    );
    const strings = [...text.matchAll(/<string>(.*)<\/string>/g)].map(match => match[1] ?? '').slice(1, 8);
    const words = strings.map(word => word.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&'));
    const [program = '', ...args] = words.slice(0, words.indexOf('echo $SECRET') + 1);
    expect(spawnSync(program, args, { encoding: 'utf8' }).stdout).toBe('a b\n');
    expect(readFileSync(file, 'utf8')).not.toBe('');
  });
});
