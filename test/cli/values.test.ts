import { describe, expect, test } from 'vitest';
import { readDiagnose, readRemedy } from '../../src/cli/options/option.ts';
import { UsageError } from '../../src/cli/usage-error.ts';
import { readDuration, readInteger, readNumber, readRate, readShare, readSize } from '../../src/cli/values/amounts.ts';
import {
  absoluteText,
  readChoice,
  readChoices,
  readCodes,
  readHostAndPort,
  readMetricsSource,
  readName,
  readPair,
  readPath,
  readPlaceAndTime,
  readRegex,
  readSecretUrl,
  readSignal,
  readSizeAndPlace,
  readSwitch,
  readTimezone,
  readUrl,
} from '../../src/cli/values/words.ts';

/** The message of the UsageError that `read` throws. */
function fault(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error('it was taken');
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const mebi = 1024 * 1024;

describe('durations', () => {
  test.each([
    ['500ms', 500],
    ['0ms', 0],
    ['0s', 0],
    ['30s', 30 * second],
    ['20m', 20 * minute],
    ['8h', 8 * hour],
    ['2d', 48 * hour],
    ['1.5h', 90 * minute],
    ['0.25s', 250],
    ['1h30m', 90 * minute],
    ['1m30s500ms', 90_500],
    ['3650d', 3650 * 24 * hour],
  ])('%s', (text, ms) => expect(readDuration(text)).toBe(ms));

  test.each([
    ['5', '5s'],
    ['0', '0s'],
    ['1.5', '1.5s'],
    ['5sec', '5s'],
    ['5 s', '5s'],
    ['10minutes', '10m'],
    ['2hours', '2h'],
    ['3days', '3d'],
    ['5S', '5s'],
    ['5mss', '5ms'],
    ['ten', '30s'],
    ['-5s', '30s'],
    ['', '30s'],
    ['1e3s', '30s'],
    ['1m30', '30s'],
    ['4000d', '3650d'],
  ])('%s is refused, with advice', (text, advice) => expect(fault(() => readDuration(text))).toContain(advice));
});

describe('sizes', () => {
  test.each([
    ['64K', 64 * 1024],
    ['10M', 10 * mebi],
    ['2G', 2 * 1024 * mebi],
    ['1T', 1024 * 1024 * mebi],
    ['300MB', 300 * mebi],
    ['300MiB', 300 * mebi],
    ['0.5G', 512 * mebi],
    ['1.5k', 1536],
    ['512B', 512],
    ['0M', 0],
  ])('%s', (text, bytes) => expect(readSize(text)).toBe(bytes));

  test.each([
    ['300', '300M'],
    ['0', '0M'],
    ['10 M', '10M'],
    ['10Mb/s', '64K'],
    ['10Mbyte', '10M'],
    ['big', '64K'],
    ['-1M', '64K'],
    ['99999999T', 'too large'],
  ])('%s is refused, with advice', (text, advice) => expect(fault(() => readSize(text))).toContain(advice));
});

describe('numbers', () => {
  test.each([
    [readInteger, '0', 0],
    [readInteger, '42', 42],
    [readNumber, '1.5', 1.5],
    [readNumber, '2', 2],
    [readShare, '0', 0],
    [readShare, '1', 1],
    [readShare, '.5', 0.5],
    [readShare, '0.25', 0.25],
  ] as const)('%o of %s', (read, text, value) => expect(read(text)).toBe(value));

  test.each([
    [readInteger, '5.5', '6'],
    [readInteger, '-3', '3'],
    [readInteger, '1e3', '1000'],
    [readInteger, '0x10', '16'],
    [readInteger, 'five', '5'],
    [readInteger, '', '5'],
    [readInteger, '99999999999', '5'],
    [readNumber, '-1', '1.5'],
    [readNumber, 'NaN', '1.5'],
    [readShare, '10%', '0.1'],
    [readShare, '1.1', 'from 0 to 1'],
    [readShare, '-0.1', 'from 0 to 1'],
  ] as const)('%o of %s is refused, with advice', (read, text, advice) =>
    expect(fault(() => read(text))).toContain(advice),
  );

  test('rates', () => {
    expect(readRate('50/1h')).toEqual({ count: 50, windowMs: hour });
    expect(readRate('20/1d')).toEqual({ count: 20, windowMs: 24 * hour });
    expect(fault(() => readRate('50'))).toContain('50/1h');
    expect(fault(() => readRate('50/h'))).toContain('invalid duration "h"');
    expect(fault(() => readRate('/1h'))).toContain('50/1h');
    expect(fault(() => readRate('5/0s'))).toContain('5/1h');
  });
});

describe('names', () => {
  test.each(['a', 'my_agent', 'A-1.b@c_d', '0', 'x'.repeat(64)])('%s', name => expect(readName(name)).toBe(name));

  test.each([
    ['my agent', 'my-agent'],
    ['.hidden', 'hidden'],
    ['a/b', 'a-b'],
    ['../x', 'x'],
    ['x'.repeat(65), 'x'.repeat(64)],
    ['ünï', 'n'],
    ['名前', 'such as my-agent'],
    ['', 'such as my-agent'],
    ['a\n', 'nearest is a'],
  ])('%s is refused, with the nearest', (text, advice) => expect(fault(() => readName(text))).toContain(advice));
});

describe('signals', () => {
  test.each([
    ['TERM', 'SIGTERM'],
    ['SIGTERM', 'SIGTERM'],
    ['term', 'SIGTERM'],
    ['15', 'SIGTERM'],
    ['9', 'SIGKILL'],
    ['usr1', 'SIGUSR1'],
  ])('%s', (text, signal) => expect(readSignal(text)).toBe(signal));

  test.each([
    ['SIGTREM', 'SIGTERM'],
    ['HUPP', 'SIGHUP'],
    ['0', 'such as SIGTERM'],
    ['99', 'such as SIGTERM'],
  ])('%s is refused, with the nearest', (text, advice) => expect(fault(() => readSignal(text))).toContain(advice));
});

describe('codes, choices, switches, patterns, zones', () => {
  test('exit codes', () => {
    expect(readCodes('0,3, 78')).toEqual([0, 3, 78]);
    expect(fault(() => readCodes('256'))).toContain('0 to 255');
    expect(fault(() => readCodes('1,,2'))).toContain('whole number');
    expect(fault(() => readCodes('-1'))).toContain('such as 1');
  });

  test('choices', () => {
    expect(readChoice('always', ['always', 'never'])).toBe('always');
    expect(fault(() => readChoice('alway', ['always', 'never']))).toContain('did you mean always?');
    expect(readChoices('a, b', ['a', 'b'])).toEqual(['a', 'b']);
    expect(fault(() => readChoices('flap,holt', ['flap', 'hold']))).toContain('"holt" is not one of flap, hold');
    expect(readSwitch('true')).toBe(true);
    expect(fault(() => readSwitch('yes'))).toContain('true, false');
  });

  test('patterns', () => {
    expect(readRegex('^done \\d+$')).toEqual(/^done \d+$/);
    expect(readRegex('(?i)error')).toEqual(/error/i);
    expect(fault(() => readRegex('(('))).toContain('invalid regular expression');
  });

  test('time zones', () => {
    expect(readTimezone('local')).toBe('local');
    expect(readTimezone('Europe/Berlin')).toBe('Europe/Berlin');
    expect(fault(() => readTimezone('Europe/Berlni'))).toContain('Europe/Berlin');
  });
});

describe('places', () => {
  test('paths are taken from their base', () => {
    expect(readPath('a/../b', '/base')).toBe('/base/b');
    expect(readPath('/abs', '/base')).toBe('/abs');
    expect(fault(() => readPath('a\0b', '/base'))).toContain('NUL');
  });

  test('pairs', () => {
    expect(readPair('A=b=c')).toEqual({ key: 'A', value: 'b=c' });
    expect(readPair('A=')).toEqual({ key: 'A', value: '' });
    expect(fault(() => readPair('A'))).toContain('A=value');
    expect(fault(() => readPair('=x'))).toContain('NAME=x');
  });

  test('a path or glob with a time', () => {
    expect(readPlaceAndTime('out/x=1.json=20m', '/b')).toEqual({ place: '/b/out/x=1.json', ms: 20 * minute });
    expect(readPlaceAndTime('out/*.json=2h', '/b')).toEqual({ place: '/b/out/*.json', ms: 2 * hour });
    expect(fault(() => readPlaceAndTime('out', '/b'))).toContain('out=20m');
    expect(fault(() => readPlaceAndTime('=20m', '/b'))).toContain('PATH=20m');
    expect(fault(() => readPlaceAndTime('out=20', '/b'))).toContain('20m');
    expect(fault(() => readPlaceAndTime('out=0s', '/b'))).toContain('20m');
  });

  test('a size with a folder', () => {
    expect(readSizeAndPlace('1G', '/b')).toEqual({ bytes: 1024 * mebi, place: null });
    expect(readSizeAndPlace('1G=data=1', '/b')).toEqual({ bytes: 1024 * mebi, place: '/b/data=1' });
    expect(fault(() => readSizeAndPlace('1=/x', '/b'))).toContain('1M');
    expect(fault(() => readSizeAndPlace('1G=', '/b'))).toContain('1G=/');
  });

  test.each([
    ['8080', '127.0.0.1', 8080],
    [':8080', '127.0.0.1', 8080],
    ['localhost:80', 'localhost', 80],
    ['[::1]:443', '::1', 443],
    ['0.0.0.0:65535', '0.0.0.0', 65535],
  ])('port %s', (text, host, port) => expect(readHostAndPort(text)).toEqual({ host, port }));

  test.each(['0', '65536', 'http', 'a:b', '::1:80', '', 'http://x:80'])('port %s is refused', text =>
    expect(fault(() => readHostAndPort(text))).toContain('invalid port'),
  );

  test('addresses', () => {
    expect(readUrl('http://localhost:8080/health')).toBe('http://localhost:8080/health');
    expect(fault(() => readUrl('localhost:8080/health'))).toContain('http://localhost:8080/health');
    expect(fault(() => readUrl('ftp://x/'))).toContain('http://');
  });

  test('secret addresses are never repeated', () => {
    expect(readSecretUrl('https://hooks.example/s3cret', '/b')).toEqual({
      url: new URL('https://hooks.example/s3cret'),
    });
    expect(readSecretUrl('@hook.txt', '/b')).toEqual({ file: '/b/hook.txt' });
    const message = fault(() => readSecretUrl('htps://hooks.example/s3cret', '/b'));
    expect(message).toContain('@FILE');
    expect(message).not.toContain('s3cret');
  });

  test('metrics sources', () => {
    expect(readMetricsSource('m.json', '/b')).toEqual({ kind: 'file', path: '/b/m.json' });
    expect(readMetricsSource('https://x/m', '/b')).toEqual({ kind: 'url', url: 'https://x/m' });
    expect(readMetricsSource('exec:./m --x', '/b')).toEqual({ kind: 'exec', command: './m --x' });
    expect(readMetricsSource('output', '/b')).toEqual({ kind: 'output', pattern: null });
    expect(readMetricsSource('output:/loss=(?<loss>\\d+)/', '/b')).toEqual({
      kind: 'output',
      pattern: /loss=(?<loss>\d+)/,
    });
    expect(fault(() => readMetricsSource('output:x', '/b'))).toContain('output:/REGEX/');
    expect(fault(() => readMetricsSource('exec:', '/b'))).toContain('exec:COMMAND');
  });

  test.each([
    ['path', 'x', '/b/x'],
    ['path-time', 'a=1/x=20m', '/b/a=1/x=20m'],
    ['size-path', '1G=data', '1G=/b/data'],
    ['size-path', '1G', '1G'],
    ['secret-url', '@hook', '@/b/hook'],
    ['secret-url', 'https://x', 'https://x'],
    ['metrics', 'm.json', '/b/m.json'],
    ['metrics', 'exec:./m', 'exec:./m'],
    ['metrics', 'output', 'output'],
    ['text', 'x', 'x'],
  ])('written again, %s %s is %s', (kind, text, absolute) => expect(absoluteText(kind, text, '/b')).toBe(absolute));
});

describe('diagnosis', () => {
  test('who diagnoses', () => {
    expect(readDiagnose('rules')).toEqual({ kind: 'rules' });
    expect(readDiagnose('command:llm --x')).toEqual({ kind: 'command', command: 'llm --x' });
    expect(fault(() => readDiagnose('rule'))).toContain('did you mean rules?');
    expect(fault(() => readDiagnose('command:'))).toContain('command:CMD');
  });

  test('remedies', () => {
    expect(readRemedy('disk-full => ./clean-up.sh --all')).toEqual({
      when: { kind: 'word', word: 'disk-full' },
      command: './clean-up.sh --all',
    });
    expect(readRemedy('/no space => left/ => rm -rf tmp')).toEqual({
      when: { kind: 'key-line', pattern: /no space => left/ },
      command: 'rm -rf tmp',
    });
    expect(fault(() => readRemedy('disk-full ./clean-up.sh'))).toContain('WHEN => COMMAND');
    expect(fault(() => readRemedy('disk-full => '))).toContain('WHEN => COMMAND');
  });
});
