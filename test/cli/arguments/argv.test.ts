import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readCommandLine } from '../../../src/cli/arguments/argv.ts';
import { commandWords } from '../../../src/cli/arguments/commands.ts';
import { optionNames } from '../../../src/cli/options/index.ts';
import { UsageError } from '../../../src/cli/usage-error.ts';
import { faultOf } from '../somewhere.ts';

function given(...argv: string[]): Record<string, readonly string[]> {
  return Object.fromEntries(readCommandLine(argv).given);
}

describe('what is before the --', () => {
  test.each<[string[], Record<string, string[]>]>([
    [['--name', 'x'], { name: ['x'] }],
    [['--name=x'], { name: ['x'] }],
    [['--max-restarts', '5'], { 'max-restarts': ['5'] }],
    [['--max-restarts=007'], { 'max-restarts': ['007'] }],
    [['--name', '0x10'], { name: ['0x10'] }],
    [['--env', 'A=1', '--env=B==2'], { env: ['A=1', 'B==2'] }],
    [['--no-log'], { 'no-log': ['true'] }],
    [['--no-log=false'], { 'no-log': ['false'] }],
    [['--quiet', '--name', 'x'], { quiet: ['true'], name: ['x'] }],
    [['--check=-x'], { check: ['-x'] }],
    [['--fail-pattern=--'], { 'fail-pattern': ['--'] }],
    [['--check', 'a\nb'], { check: ['a\nb'] }],
    [['--check=a\nb=c'], { check: ['a\nb=c'] }],
    [['--name='], { name: [''] }],
    [['--name', ''], { name: [''] }],
    [['--name', '-'], { name: ['-'] }],
    [['--success-codes', '0', '--success-codes', '3'], { 'success-codes': ['0', '3'] }],
  ])('%j', (argv, expected) => expect(given(...argv)).toEqual(expected));

  test('letters', () => {
    expect(given('logs', 'x', '-n', '5')).toEqual({ lines: ['5'] });
    expect(given('logs', 'x', '-n5')).toEqual({ lines: ['5'] });
    expect(given('logs', 'x', '-n=5')).toEqual({ lines: ['5'] });
    expect(given('logs', 'x', '-fn', '5')).toEqual({ follow: ['true'], lines: ['5'] });
    expect(given('logs', 'x', '-fn5')).toEqual({ follow: ['true'], lines: ['5'] });
    expect(given('logs', '-f', 'x')).toEqual({ follow: ['true'] });
  });

  test('a word after a switch is an operand, true and false included', () => {
    expect(readCommandLine(['status', '--json', 'true']).operands).toEqual(['true']);
    expect(readCommandLine(['status', '--json', '5']).operands).toEqual(['5']);
    expect(readCommandLine(['status', '--json=false']).given.get('json')).toEqual(['false']);
  });

  test('the command’s word, wherever its options stand', () => {
    expect(readCommandLine(['--state-dir', '/x', 'stop', 'a', '--now'])).toMatchObject({
      word: 'stop',
      operands: ['a'],
      command: null,
    });
    expect(readCommandLine([])).toMatchObject({ word: 'watch', operands: [], command: null });
  });
});

describe('what is wrong is named, with the nearest valid one', () => {
  test.each([
    [['--backof', '1s', '--', 'x'], 'unknown option "--backof"; did you mean --backoff?'],
    [['--Name', 'x', '--', 'x'], 'did you mean --name?'],
    [['--stale', '5m', '--', 'x'], 'did you mean --stale-after?'],
    [['--max-memory-restart', '1G', '--', 'x'], 'did you mean --max-memory?'],
    [['--cooldown', '1m', '--', 'x'], 'did you mean --flap-cooldown?'],
    [['--no-quiet', '--', 'x'], 'unknown option "--no-quiet"; did you mean --quiet?'],
    [['--no-logs', '--', 'x'], 'did you mean --no-log?'],
    [['-q', '--', 'x'], 'unknown option "-q"'],
    [['-5', '--', 'x'], 'unknown option "-5"'],
    [['--==', '--', 'x'], 'unknown option "--"'],
    [['--__proto__=1', '--', 'x'], 'unknown option "--__proto__"'],
    [['--constructor', '--', 'x'], 'unknown option "--constructor"'],
    [['--name.x=1', '--', 'x'], 'did you mean --name?'],
    [['--quiet\nfoo', '--', 'x'], 'unknown option'],
    [['---', '--', 'x'], 'unknown option "---"'],
    [['--name', '--', 'x'], '--name needs a value'],
    [['--name', '--quiet', '--', 'x'], '--name needs a value; one that begins with "-" is written --name=--quiet'],
    [['--max-restarts', '-5', '--', 'x'], '--max-restarts=-5'],
    [['--name', 'a', '--name', 'b', '--', 'x'], '--name may be given only once'],
    [['--name=a', '--name=b', '--', 'x'], '--name may be given only once'],
    [['--quiet', '--quiet', '--', 'x'], '--quiet may be given only once'],
    [['--quiet=maybe', '--', 'x'], '"maybe" is not one of true, false'],
    [['--no-log=0', '--', 'x'], '"0" is not one of true, false'],
    [['staus'], 'unknown command "staus"; did you mean status?'],
    [['stats'], 'did you mean status?'],
    [['lgos', 'x'], 'did you mean logs?'],
    [['strat', '--', 'x'], 'unknown command "strat"; did you mean start?'],
    [['python3', 'x.py'], 'to watch a program, write: agent-watch -- python3 x.py'],
    [['python3', 'x.py', '--verbose'], 'write: agent-watch -- python3 x.py --verbose'],
    [['--name', 'a', './bot', 'a b'], "write: agent-watch --name a -- ./bot 'a b'"],
    [['sleep', '10'], 'write: agent-watch -- sleep 10'],
    [['watch', 'x'], 'agent-watch [options] -- command'],
    [['foo', '--', 'x'], 'unknown command "foo"; agent-watch --help lists the commands'],
    [['info', 'bot'], 'unknown command "info"; did you mean status NAME?'],
    [['stpo', 'bot'], 'unknown command "stpo" (to watch a program, write: agent-watch -- stpo bot)'],
    [['rest', 'bot'], 'unknown command "rest" (to watch'],
    [['delte', 'bot', '--nwo'], 'unknown command "delte" (to watch'],
  ])('%j', async (argv, message) => expect(await faultOf(() => readCommandLine(argv))).toContain(message));
});

/** Words that command lines are made of, and the traps among them. */
const word = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...optionNames.map(name => `--${name}`)) },
  { weight: 2, arbitrary: fc.constantFrom(...commandWords) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('true', 'false', '5', '1s', '-', '---', '-n', '-f5', '--no-log', '--==', 'x', ''),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom(...optionNames), fc.string()).map(([name, text]) => `--${name}=${text}`),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
);

test('whatever is typed is taken or refused in one line', () => {
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), argv => {
      try {
        readCommandLine(argv);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        expect(error.message).toMatch(/^[^\n\r]+$/);
      }
    }),
    { numRuns: 2000 },
  );
});

test('what is after the first -- is the command, exactly', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(word, fc.constant('--'))), command => {
      expect(readCommandLine(['--name', 'x', '--', ...command]).command).toEqual(command);
    }),
  );
});

test('values that are given with = come back exactly', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (first, second) => {
      expect(given(`--check=${first}`, `--check=${second}`)).toEqual({ check: [first, second] });
    }),
  );
});
