import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCommandLine } from '../../../src/cli/arguments/argv.ts';
import { readConfig, readConfigFolder } from '../../../src/cli/arguments/config.ts';
import type { Settings } from '../../../src/cli/arguments/invocation.ts';
import { parse } from '../../../src/cli/arguments/parse.ts';
import { fleetSettings } from '../../../src/cli/arguments/resolve-settings.ts';
import { UsageError } from '../../../src/cli/usage-error.ts';
import { faultOf, somewhere } from '../somewhere.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'agent-watch-config-'));
  mkdirSync(join(folder, 'conf/work'), { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function watched(yaml: string, ...argv: string[]): Promise<Settings> {
  writeFileSync(join(folder, 'conf/a.yaml'), yaml);
  const invocation = await parse(['--config', 'conf/a.yaml', ...argv], somewhere({ cwd: folder }));
  if (invocation.kind !== 'watch') throw new Error(`it is ${invocation.kind}`);
  return invocation.settings;
}

describe('a file of options', () => {
  test('has the flags’ names, and the command as a list', async () => {
    const settings = await watched(`
# my agent
name: my-agent
command: [python3, agent.py, 5, 1.10, true, "two words", '']
cwd: work
state-dir: ../state
restart: on-failure
backoff: 500ms
max-restarts: 5
stop-signal: 2
hold-codes: [2, 78]
success-codes: 0,3
stdin: null
quiet: true
no-log: false
diagnose: off
env:
  A: 1
  B: "x=y"
  C:
`);
    expect(settings).toMatchObject({
      command: ['python3', 'agent.py', '5', '1.10', 'true', 'two words', ''],
      configFile: join(folder, 'conf/a.yaml'),
      given: [{ name: 'config', text: join(folder, 'conf/a.yaml') }],
      identity: {
        name: 'my-agent',
        cwd: join(folder, 'conf/work'),
        stateDir: join(folder, 'state'),
        stdin: 'null',
        env: { A: '1', B: 'x=y', C: '' },
      },
      restart: {
        restart: 'on-failure',
        backoffMs: 500,
        maxRestarts: 5,
        stopSignal: 'SIGINT',
        stopSignalGiven: true,
        holdCodes: [2, 78],
        successCodes: [0, 3],
      },
      output: { quiet: true, log: { keep: 5 } },
      diagnosis: { diagnose: { kind: 'off' } },
    });
  });

  test('may be JSON', async () => {
    const settings = await watched('{"command": ["x", "y"], "backoff": "2s", "env": ["A=1"]}');
    expect(settings).toMatchObject({
      command: ['x', 'y'],
      restart: { backoffMs: 2000 },
      identity: { env: { A: '1' } },
    });
  });

  test('flags and a command on the command line win, variables add up', async () => {
    const settings = await watched(
      'command: [x]\nbackoff: 5s\nhold-codes: [1]\nenv: [A=1, B=1]\nquiet: true',
      ...['--backoff', '1s', '--hold-codes', '2', '--env', 'A=2', '--quiet=false', '--', 'y', 'z'],
    );
    expect(settings).toMatchObject({
      command: ['y', 'z'],
      restart: { backoffMs: 1000, holdCodes: [2] },
      identity: { env: { A: '2', B: '1' } },
      output: { quiet: false },
    });
  });

  test('relative paths of flags are still taken from where we were started', async () => {
    const settings = await watched('command: [x]\ncwd: work', '--cwd', 'conf');
    expect(settings.identity.cwd).toBe(join(folder, 'conf'));
    expect((await watched('command: [x]')).identity.cwd).toBe(folder);
  });

  test('an environment file lies beside it', async () => {
    writeFileSync(join(folder, 'conf/bot.env'), 'A=file\nB=file\n');
    const settings = await watched('command: [x]\nenv-file: bot.env\nenv: {B: own}');
    expect(settings.identity.env).toEqual({ A: 'file', B: 'own' });
  });
});

describe('what is wrong is named, with file, line and column', () => {
  test.each<[string, string]>([
    ['nmae: x\ncommand: [x]', 'conf/a.yaml:1:1: unknown key "nmae"; did you mean name?'],
    ['command: [x]\nbackof: 1s', 'conf/a.yaml:2:1: unknown key "backof"; did you mean backoff?'],
    ['comand: [x]', 'did you mean command?'],
    ['json: true', '"json" is only a flag'],
    ['config: x', '"config" is only a flag'],
    ['__proto__: x', 'unknown key "__proto__"'],
    ['command: [x]\nbackoff: 5', 'conf/a.yaml:2:10: backoff: "5" has no unit; write 5s'],
    ['command: [x]\nrestart: allways', 'conf/a.yaml:2:10: restart: "allways" is not one of'],
    ['command: [x]\nquiet: yes', 'quiet: "yes" is not one of true, false'],
    ['command: [x]\nname:', 'conf/a.yaml:2:6: name: has no value'],
    ['command: [x]\nname: ~', 'name: has no value'],
    ['command: [x]\nname: ""', 'name: the value is empty'],
    ['command: [x]\nbackoff: [1s, 2s]', 'backoff: takes one value, not a list'],
    ['command: [x]\nbackoff: {a: 1}', 'backoff: a mapping is not a valid value'],
    [
      'command: python3 x.py',
      'conf/a.yaml:1:1: command: is a string; write a list, one item an argument: command: [python3, x.py]',
    ],
    ['command: []', 'command: must be a list'],
    ['command:', 'command: must be a list'],
    ['command: [x, [y]]', 'command: a list cannot be an argument'],
    ['command: [x, ]\ncwd: gone', 'gone does not exist'],
    ['command:\n  - x\n  -\n', 'command: an empty item'],
    ['command: [""]', 'the command to watch is empty'],
    ['name: x', 'no command to watch: neither after -- nor as the key "command"'],
    ['name: a\nname: b', 'conf/a.yaml:2:1: "name" is given twice'],
    ['name: a\n"name": b', 'conf/a.yaml:2:1: "name" is given twice'],
    ['name: x\n---\nname: y', 'conf/a.yaml:2:1: a second document'],
    ['- name', 'conf/a.yaml:1:1: the file is a list; it must be a mapping'],
    ['name', 'the file is a scalar'],
    ['', 'the file is empty'],
    ['# nothing', 'the file is empty'],
    ['name: &a x\nenv: [*a]', 'conf/a.yaml:2:7: an alias (*a) is not supported'],
    ['name: [x', 'conf/a.yaml:1:'],
    ['name: "x', 'conf/a.yaml:1:'],
    ['name: a: b', 'conf/a.yaml:1:'],
    ['command:\n\t- x', 'conf/a.yaml:2:1: YAML does not allow tabs'],
    ['name: !foo x', 'conf/a.yaml:1:'],
    ['[a]: x', 'a list cannot be a key'],
    ['env: {A: [1]}\ncommand: [x]', 'env: the value of A must be a string'],
    ['command: [x]\nenv: [A]', 'conf/a.yaml:2:7: env: "A" has no value; write A=value'],
    [`command: ${'['.repeat(20_000)}`, 'conf/a.yaml'],
  ])('%j', async (yaml, message) => expect(await faultOf(() => watched(yaml))).toContain(message));

  test('an alias bomb costs nothing', async () => {
    const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]'];
    for (let i = 1; i < 12; i++)
      lines.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(',')}]`,
      );
    expect(await faultOf(() => watched(lines.join('\n')))).toContain('an alias');
  });

  test('any text is taken or refused in one line', () => {
    const piece = fc.constantFrom(
      'name',
      'env',
      'command',
      ': ',
      '\n',
      '  ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      '"',
      '&a ',
      '*a',
      '|',
      '~',
      '1s',
      '---\n',
      '\t',
      '#',
      '!x ',
      '? ',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 20 }), parts => {
        try {
          readConfig(parts.join(''), '/x/a.yaml', 'a.yaml');
        } catch (error) {
          if (!(error instanceof UsageError)) throw error;
          expect(error.message).toMatch(/^[^\n\r]+$/);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a folder of files', () => {
  test('is read by name; other files are passed over', () => {
    const fleet = join(folder, 'fleet');
    mkdirSync(fleet);
    for (const [name, text] of Object.entries({
      'b.yml': 'command: [b]',
      'a.yaml': 'command: [a]',
      'c.json': '{"command": ["c"]}',
      '.hidden.yaml': 'nonsense',
      'README.md': 'nonsense',
    }))
      writeFileSync(join(fleet, name), text);
    expect(readConfigFolder(fleet, 'fleet').map(file => file.command)).toEqual([['a'], ['b'], ['c']]);
  });

  test('is refused where one file is meant, and where it is empty', async () => {
    const here = somewhere({ cwd: folder });
    expect(await faultOf(() => parse(['--config', 'conf'], here))).toBe('--config: conf is a folder, not a file');
    mkdirSync(join(folder, 'empty'));
    expect(await faultOf(() => readConfigFolder(join(folder, 'empty'), 'empty'))).toContain('has no .yaml');
  });
});

describe('a fleet', () => {
  const fleetOf = async (files: Record<string, string>, ...argv: string[]) => {
    const fleet = mkdtempSync(join(folder, 'fleet-'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(fleet, name), text);
    return await fleetSettings(readCommandLine(['start', '--config', fleet, ...argv]), somewhere({ cwd: folder }));
  };

  test('is a watcher for each file; flags go to all', async () => {
    const files = { 'a.yaml': 'command: [python3, a.py]', 'b.yaml': 'command: [b]\nname: bee\nbackoff: 9s' };
    const settings = await fleetOf(files, '--backoff', '3s');
    expect(settings.map(({ identity, restart }) => [identity.name, restart.backoffMs])).toEqual([
      ['a', 3000],
      ['bee', 3000],
    ]);
  });

  test('has a name for each', async () => {
    const duplicates = { 'a.yaml': 'command: [x, "1"]', 'b.yaml': 'command: [x, "2"]' };
    expect(await faultOf(() => fleetOf(duplicates))).toContain('a.yaml and b.yaml are both named x');
    expect(await faultOf(() => fleetOf(duplicates, '--name', 'y'))).toContain('holds 2 files');
    expect(await fleetOf({ 'a.yaml': 'command: [x]' }, '--name', 'y')).toMatchObject([{ identity: { name: 'y' } }]);
  });

  test('may be a file, or a plain command', async () => {
    writeFileSync(join(folder, 'conf/a.yaml'), 'command: [x]');
    const here = somewhere({ cwd: folder });
    expect(await fleetSettings(readCommandLine(['start', '--config', 'conf/a.yaml']), here)).toHaveLength(1);
    expect(await fleetSettings(readCommandLine(['start', '--', 'y']), here)).toMatchObject([{ command: ['y'] }]);
  });
});

const root = process.getuid?.() === 0;
describe.skipIf(!root)('files of another user (needs root to make them)', () => {
  const stranger = 65534;
  const here = () => somewhere({ cwd: folder, uid: 0 });
  const file = (name: string) => join(folder, 'conf', name);

  test('a configuration that a stranger owns or may write is refused, naming owner and mode', async () => {
    writeFileSync(file('s.yaml'), 'command: [x]');
    chownSync(file('s.yaml'), stranger, stranger);
    chmodSync(file('s.yaml'), 0o644);
    expect(await faultOf(() => parse(['--config', 'conf/s.yaml'], here()))).toMatch(
      /^--config: conf\/s\.yaml belongs to another user \(owner \w+, mode 0644\)$/,
    );
    chownSync(file('s.yaml'), 0, 0);
    chmodSync(file('s.yaml'), 0o646);
    expect(await faultOf(() => parse(['--config', 'conf/s.yaml'], here()))).toMatch(
      /may be written by other users \(owner root, mode 0646\)$/,
    );
    chmodSync(file('s.yaml'), 0o644);
    expect(await parse(['--config', 'conf/s.yaml'], here())).toMatchObject({ kind: 'watch' });
  });

  test('so is an environment file, and a link that a stranger made', async () => {
    writeFileSync(file('s.env'), 'A=1');
    chownSync(file('s.env'), stranger, stranger);
    expect(await faultOf(() => parse(['--env-file', 'conf/s.env', '--', 'x'], here()))).toContain('belongs to another');
    symlinkSync('a.yaml', file('link.yaml'));
    writeFileSync(file('a.yaml'), 'command: [x]');
    const { lchownSync } = await import('node:fs');
    lchownSync(file('link.yaml'), stranger, stranger);
    expect(await faultOf(() => parse(['--config', 'conf/link.yaml'], here()))).toContain(
      'a link that belongs to another',
    );
  });

  test('so is a fleet’s folder', async () => {
    const fleet = join(folder, 'theirs');
    mkdirSync(fleet);
    writeFileSync(join(fleet, 'a.yaml'), 'command: [x]');
    chmodSync(fleet, 0o777);
    expect(await faultOf(() => readConfigFolder(fleet, 'theirs'))).toContain('may be written by other users');
    chmodSync(fleet, 0o755);
    chownSync(fleet, stranger, stranger);
    expect(await faultOf(() => readConfigFolder(fleet, 'theirs'))).toContain('belongs to another user');
  });
});
