import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { asNobody, missing } from '../support/fixture.ts';
import { scratch } from '../support/scratch.ts';
import { executable, run, testEnvironment } from '../support/watcher.ts';

describe('a command that cannot be started', () => {
  test('is missing: 127, with the PATH that was searched', () => {
    const folder = scratch();
    const ended = run(folder, ['--', 'no-such-command-here'], { env: { PATH: '/usr/bin:/bin' } });
    expect(ended.code).toBe(127);
    expect(ended.err).toMatch(/no-such-command-here/);
    expect(ended.err).toMatch(/\/usr\/bin:\/bin/);
  });

  test('is not executable: 126', () => {
    const folder = scratch();
    writeFileSync(join(folder, 'plain'), '#!/bin/sh\n');
    const ended = run(folder, ['--', './plain']);
    expect(ended.code).toBe(126);
    expect(ended.err).toMatch(/plain/);
  });

  test('names an interpreter that is missing: 127, and which', () => {
    const folder = scratch();
    writeFileSync(join(folder, 'script'), '#!/opt/no/such/python\n');
    chmodSync(join(folder, 'script'), 0o755);
    const ended = run(folder, ['--', './script']);
    expect(ended.code).toBe(127);
    expect(ended.err).toMatch(/\/opt\/no\/such\/python/);
  });

  test('is to run in a folder that is missing: 125, and which', () => {
    const folder = scratch();
    const ended = run(folder, ['--cwd', '/no/such/folder', '--', 'true']);
    expect(ended.code).toBe(125);
    expect(ended.err).toMatch(/\/no\/such\/folder/);
  });

  test('vanishes later: then it is a crash like any other', () => {
    const folder = scratch();
    const script = join(folder, 'once');
    writeFileSync(script, '#!/bin/sh\nrm "$0"\nexit 1\n');
    chmodSync(script, 0o755);
    const ended = run(folder, ['--backoff', '1ms', '--max-restarts', '2', '--on-hold', 'exit', '--', './once']);
    expect(ended.code).toBe(69);
    expect(ended.err.match(/could not start/g)).toHaveLength(2);
  });
});

describe('bad usage', () => {
  const cases: [string, string[], RegExp][] = [
    ['an unknown option', ['--backof', '1s', '--', 'touch', 'ran'], /--backof\b.*--backoff/],
    ['an unknown command', ['staus'], /staus.*status/],
    ['a command without --', ['python3', 'x.py'], /agent-watch -- python3 x\.py/],
    ['a bare number where a unit is needed', ['--backoff', '5', '--', 'touch', 'ran'], /backoff.*5/],
    ['an unknown value', ['--restart', 'alwys', '--', 'touch', 'ran'], /alwys.*always/],
    ['a bad name', ['--name', '../x', '--', 'touch', 'ran'], /name.*\.\.\/x/],
    ['a missing command', ['--'], /command/],
    ['an unknown signal', ['--stop-signal', 'SIGTREM', '--', 'touch', 'ran'], /SIGTREM.*SIGTERM/],
    ['a missing config file', ['--config', 'nope.yaml', '--', 'touch', 'ran'], /nope\.yaml/],
  ];
  for (const [what, args, message] of cases) {
    test(`${what} is one line that names it, 125, and nothing is started`, () => {
      const folder = scratch();
      const ended = run(folder, args);
      expect(ended.err).toMatch(message);
      expect(ended.err.trim().split('\n')).toHaveLength(1);
      expect(ended.code).toBe(125);
      expect(existsSync(join(folder, 'ran'))).toBe(false);
      expect(existsSync(join(folder, 'state'))).toBe(false);
    });
  }

  test('in a config file is named with its line', () => {
    const folder = scratch();
    writeFileSync(join(folder, 'bot.yaml'), 'restart: always\nbackof: 1s\n');
    const ended = run(folder, ['--config', 'bot.yaml', '--', 'touch', 'ran']);
    expect(ended.code).toBe(125);
    expect(ended.err).toMatch(/bot\.yaml:2.*backof.*backoff/);
  });

  test('arguments that are not UTF-8 are refused rather than changed', () => {
    const folder = scratch();
    // Node passes only text to a spawn, so a shell makes the byte.
    const script = '"$0" -- touch ran "$(printf "caf\\351")"';
    const ended = spawnSync('sh', ['-c', script, executable], { cwd: folder, env: testEnvironment(folder) });
    expect(ended.status).toBe(125);
    expect(ended.stderr.toString()).toMatch(/not UTF-8/);
    expect(existsSync(join(folder, 'ran'))).toBe(false);
  });
});

test('hostile files in the working directory and NODE_OPTIONS change nothing', () => {
  const folder = scratch();
  writeFileSync(join(folder, '.env'), 'NODE_OPTIONS=--require ./evil.js\n');
  writeFileSync(join(folder, 'package.json'), '{"type": "garbage", "main": ');
  writeFileSync(join(folder, 'evil.js'), 'require("fs").writeFileSync("pwned", "")');
  mkdirSync(join(folder, 'node_modules'));
  const ended = run(folder, ['--restart', 'never', '--', 'sh', '-c', 'echo "$NODE_OPTIONS"'], {
    env: { NODE_OPTIONS: '--require ./evil.js' },
  });
  expect(ended).toMatchObject({ code: 0, out: '--require ./evil.js\n' });
  expect(readdirSync(folder)).not.toContain('pwned');
});

const noOtherUser = missing(asNobody[0] ?? '', ...asNobody.slice(1), 'true');

describe.skipIf(noOtherUser)(`what another user could write${noOtherUser ? ` (skipped: ${noOtherUser})` : ''}`, () => {
  const other = 65534;
  const child = ['--', 'touch', 'ran'];
  const cases: Record<string, { make(folder: string): string[]; names: RegExp }> = {
    'a config file of theirs': {
      make: folder => {
        writeFileSync(join(folder, 'bot.yaml'), 'restart: never\n');
        chownSync(join(folder, 'bot.yaml'), other, other);
        return ['--config', 'bot.yaml', ...child];
      },
      names: /bot\.yaml.*(nobody|65534).*0644/,
    },
    'a config file that everybody may write': {
      make: folder => {
        writeFileSync(join(folder, 'bot.yaml'), 'restart: never\n');
        chmodSync(join(folder, 'bot.yaml'), 0o666);
        return ['--config', 'bot.yaml', ...child];
      },
      names: /bot\.yaml.*root.*0666/,
    },
    'a link of theirs to a config file of ours': {
      make: folder => {
        writeFileSync(join(folder, 'real.yaml'), 'restart: never\n');
        symlinkSync('real.yaml', join(folder, 'bot.yaml'));
        lchownSync(join(folder, 'bot.yaml'), other, other);
        return ['--config', 'bot.yaml', ...child];
      },
      names: /bot\.yaml.*(nobody|65534)/,
    },
    'an env file of theirs': {
      make: folder => {
        writeFileSync(join(folder, 'vars'), 'PATH=/tmp\n');
        chownSync(join(folder, 'vars'), other, other);
        return ['--env-file', 'vars', ...child];
      },
      names: /vars.*(nobody|65534).*0644/,
    },
    "a name's folder of theirs": {
      make: folder => {
        mkdirSync(join(folder, 'state/bot'), { recursive: true });
        chownSync(join(folder, 'state/bot'), other, other);
        return ['--name', 'bot', ...child];
      },
      names: /state\/bot.*65534/,
    },
    "a link in the place of the name's folder": {
      make: folder => {
        mkdirSync(join(folder, 'state'));
        mkdirSync(join(folder, 'elsewhere'));
        symlinkSync(join(folder, 'elsewhere'), join(folder, 'state/bot'));
        return ['--name', 'bot', ...child];
      },
      names: /state\/bot.*link/,
    },
    'a state file of theirs': {
      make: folder => {
        mkdirSync(join(folder, 'state/bot'), { recursive: true, mode: 0o700 });
        writeFileSync(join(folder, 'state/bot/state.json'), '{}');
        chownSync(join(folder, 'state/bot/state.json'), other, other);
        return ['--name', 'bot', ...child];
      },
      names: /state\.json.*65534/,
    },
    'a link in the place of the lock': {
      make: folder => {
        mkdirSync(join(folder, 'state/bot'), { recursive: true, mode: 0o700 });
        writeFileSync(join(folder, 'precious'), 'kept');
        symlinkSync(join(folder, 'precious'), join(folder, 'state/bot/lock'));
        return ['--name', 'bot', ...child];
      },
      names: /lock.*link/,
    },
  };
  for (const [what, { make, names }] of Object.entries(cases)) {
    test(`${what}: 125, one line that names it, nothing started`, () => {
      const folder = scratch();
      const ended = run(folder, make(folder));
      expect(ended.err).toMatch(names);
      expect(ended.err.trim().split('\n')).toHaveLength(1);
      expect(ended.code).toBe(125);
      expect(existsSync(join(folder, 'ran'))).toBe(false);
      if (existsSync(join(folder, 'precious'))) expect(readFileSync(join(folder, 'precious'), 'utf8')).toBe('kept');
    });
  }

  test('the folder of a name is 0700 and its files 0600, whatever the umask, and the state folder keeps its mode', () => {
    const folder = scratch();
    mkdirSync(join(folder, 'state'));
    chmodSync(join(folder, 'state'), 0o755);
    const args = ['--name', 'bot', '--restart', 'never', '--', 'echo', 'x'];
    const ended = spawnSync('sh', ['-c', 'umask 0; exec "$0" "$@"', executable, ...args], {
      cwd: folder,
      env: testEnvironment(folder),
    });
    expect(ended.status).toBe(0);
    const mode = (path: string) => statSync(join(folder, path)).mode & 0o777;
    expect(mode('state')).toBe(0o755);
    expect(mode('state/bot')).toBe(0o700);
    for (const file of readdirSync(join(folder, 'state/bot'))) expect(mode(`state/bot/${file}`), file).toBe(0o600);
  });
});
