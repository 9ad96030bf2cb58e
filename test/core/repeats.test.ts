import { describe, expect, test } from 'vitest';
import { createRepeatCounter, isLoop, shapeOf } from '../../src/core/repeats.ts';

const WINDOW_MS = 600_000;
const AT_LEAST = 100;

/** Whether 200 lines, one every two seconds, are taken for a loop. */
function loops(line: (index: number) => string, everyMs = 2000): boolean {
  const counter = createRepeatCounter(WINDOW_MS);
  for (let index = 0; index < 200; index++) counter.add(index * everyMs, line(index), 1);
  return isLoop(counter.look(200 * everyMs), AT_LEAST);
}

const json = (value: unknown) => JSON.stringify(value);
const tool = (name: string, input: unknown) =>
  json({ type: 'assistant', message: { id: Math.random(), content: [{ type: 'tool_use', name, input }] } });
const result = (text: string) => json({ type: 'user', message: { content: [{ type: 'tool_result', content: text }] } });
const turns =
  (...lines: string[]) =>
  (index: number) =>
    lines[index % lines.length]!;
const words =
  'amber birch cedar delta ember flint grove hazel iris jade kelp lotus maple north olive pearl quartz'.split(' ');
const word = (index: number) => words[(index * 7 + Math.floor(index / 5)) % words.length]!;
/** Text that does not repeat: ten words, chosen by the number. */
const prose = (index: number) => Array.from({ length: 6 }, (_, at) => word(index * (at + 3) + at)).join(' ');

const looping: Record<string, (index: number) => string> = {
  'the same line': () => 'Trying again',
  'a counter': index => `attempt ${index} failed`,
  'a clock': index => `2026-05-0${index % 9} 10:${index % 60}:07 ERROR connection refused`,
  'an identifier': index => `request 7f3a${(index * 7919).toString(16)}b2 timed out`,
  'a UUID': index => `job 0b1c2d3e-0000-4000-8000-${String(index).padStart(12, '0')} not found`,
  'a path': index => `cannot open /tmp/run-${index}/out/${index}.json`,
  'a URL': index => `GET https://api.example.com/v1/items/${index}?page=2 503`,
  'two lines in turn': turns('Reading config', 'Config is invalid'),
  'three lines in turn': turns('Plan', 'Edit app.py', 'Tests fail: 1 error'),
  colours: index => `\x1b[3${index % 8}mwarning:\x1b[0m token expired`,
  indentation: index => `${' '.repeat(index % 7)}waiting for lock`,
  'one line in seven is another': index => (index % 7 === 0 ? prose(index) : 'Retrying in 5s'),
  'a tool call with the same input': () => tool('Bash', { command: 'npm test' }),
  'a tool call and its result': turns(tool('Read', { path: 'a.py' }), result('file not found')),
  'results that differ in numbers': index => result(`exit code ${index}`),
  'an edit that is made and undone': turns(tool('Edit', { old: 'a', new: 'b' }), tool('Edit', { old: 'b', new: 'a' })),
  'a command of another agent': () =>
    json({ type: 'item.completed', item: { type: 'command_execution', command: 'ls' } }),
  'an error event': index => json({ type: 'error', error: `overloaded, try ${index}`, seq: index }),
  'a log in JSON': index => json({ level: 'warn', time: 1_700_000_000 + index, msg: `poll ${index} failed` }),
  'the same sentence of a model': () =>
    json({ type: 'assistant', message: { content: [{ type: 'text', text: 'Let me check.' }] } }),
  'an exception': turns('Traceback (most recent call last):', 'ValueError: no price'),
  'a rate limit': index => `429 Too Many Requests; retry after ${index % 30}s`,
  'a reconnect': index => `websocket closed (1006), reconnect #${index}`,
  'a login': turns('Opening login page', 'Session expired'),
  'a compiler that is started again': index =>
    `[${index}:00] File change detected. Starting incremental compilation...`,
  'a page that is fetched again': index => `fetched 0 of 25 rows (offset ${index * 25})`,
  'a price that does not come': index => `BTC-USD: no quote at ${1000 + index}`,
  'memory addresses': index => `dangling pointer 0x${(index * 4096 + 65536).toString(16)}`,
  durations: index => `step took ${index}.5s, restarting step`,
  sizes: index => `downloaded ${index} MB, checksum differs, downloading again`,
};

const healthy: Record<string, (index: number) => string> = {
  prose: index => prose(index),
  'a test run': index => `ok ${index} - ${prose(index)}`,
  'a test run with ticks': index => `✓ ${word(index)}.${word(index + 3)} ${prose(index + 1)} (12 ms)`,
  'a build': index => `CC ${word(index)}_${word(index * 3)}.o ${prose(index)}`,
  'an installer': index => `Unpacking lib${word(index)}-${word(index * 5)} (1.${index}) ...`.repeat(1 + (index % 3)),
  'a crawler by title': index => `${prose(index)}: 200`,
  'a chat': index => `<${word(index)}> ${prose(index * 3)}`,
  'tool calls with other inputs': index => tool('Bash', { command: `grep ${word(index)} ${index}` }),
  'tool calls that read on': index => tool('Read', { path: 'big.txt', offset: index * 100 }),
  edits: index => tool('Edit', { old: prose(index), new: prose(index + 1) }),
  'tools and results': index => (index % 2 ? result(prose(index)) : tool('Grep', { pattern: prose(index) })),
  'text of a model': index => json({ type: 'assistant', message: { content: [{ type: 'text', text: prose(index) }] } }),
  'commands of another agent': index =>
    json({ type: 'item.completed', item: { type: 'command_execution', command: prose(index) } }),
  'a log in JSON': index => json({ level: 'info', msg: prose(index) }),
  'four lines in turn': turns('north is up', 'olive trees', 'quartz found', 'kelp grows'),
  'one repeated line in two': index => (index % 2 ? 'heartbeat' : prose(index)),
  'two repeated lines in three': index => (index % 3 ? 'heartbeat' : prose(index)),
  'a stack trace now and then': index => (index % 10 < 3 ? 'Traceback (most recent call last):' : prose(index)),
  orders: index => `${word(index)} bought ${word(index + 1)} for ${word(index + 2)}`,
  SQL: index => `SELECT ${word(index)} FROM ${word(index * 3)} WHERE ${word(index * 5)} = 1`,
  'file names': index => `${word(index)}-${word(index * 3)} ${word(index * 7)}.txt`,
  'a changelog': index => `* ${prose(index)} (#${index})`,
  'a game that is tried again': index => `move ${word(index)} to ${word(index * 2)}: score ${index}`,
  'a training log of words': index => `sample: ${prose(index)} | loss ${1 / (index + 1)}`,
  'a translation': index => `${word(index)} -> ${word(index * 11)} / ${word(index * 13)}`,
};
/** Few lines are no loop, whatever they say. */
const slow: Record<string, (index: number) => string> = {
  'a poller every ten seconds': index => `poll ${index}: nothing new`,
  'a heartbeat': () => 'alive',
  'a health check': () => 'GET /healthz 200',
  'a timer': index => `tick ${index}`,
  'a queue that is empty': () => 'queue is empty, sleeping',
};

describe('a loop of 200 lines is found, with', () => {
  test.each(Object.entries(looping))('%s', (_name, line) => expect(loops(line)).toBe(true));
});

describe('a healthy program is not taken for a loop, with', () => {
  test.each(Object.entries(healthy))('%s', (_name, line) => expect(loops(line)).toBe(false));
  test.each(Object.entries(slow))('%s', (_name, line) => expect(loops(line, 10_000)).toBe(false));
});

test('what has left the window counts no more', () => {
  const counter = createRepeatCounter(WINDOW_MS);
  for (let index = 0; index < 200; index++) counter.add(index * 100, 'again', 1);
  expect(isLoop(counter.look(20_000), AT_LEAST)).toBe(true);
  expect(counter.look(20_000 + WINDOW_MS)).toEqual({ lines: 0, share: 0, shapes: 0, example: null });
});

test('blank lines and control sequences have no shape', () => {
  expect(['', '   ', '\x1b[0m'].map(shapeOf)).toEqual(['', '', '']);
});
