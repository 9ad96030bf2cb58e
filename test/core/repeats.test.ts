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

// Lines of programs as they are: the random parts differ in each line, and are the same in each run of this test.
let seed = 7;
const random = (): number => {
  seed = (seed * 1103515245 + 12345) & 0x7fffffff;
  return seed / 0x7fffffff;
};
const below = (most: number): number => Math.floor(random() * most);
const letters = (count: number, from: string): string =>
  Array.from({ length: count }, () => from[below(from.length)]).join('');
const hex = (count: number) => letters(count, '0123456789abcdef');
const mixed = (count: number) => letters(count, 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz');
const podName = () => `${letters(9, 'bcdfghjklmnpqrstvwxz2456789')}-${letters(5, 'bcdfghjklmnpqrstvwxz2456789')}`;
const uuid = () => `${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}`;
const any = () => words[below(words.length)]!;
const iso = (index: number) => new Date(1.77e12 + index * 2000).toISOString();
const clock = (index: number) => iso(index).slice(11, 19);
const inTurn =
  (...lines: ((index: number) => string)[]) =>
  (index: number) =>
    lines[index % lines.length]!(index);

const loopingPrograms: Record<string, (index: number) => string> = {
  'an alarm with the load in it': index =>
    `load ${(random() * 9).toFixed(2)} ${below(9)}.${below(99)}, waiting for the lock of run ${index}`,
  'opencode retry with session id': index =>
    `${iso(index)} INFO  service=session.prompt session=ses_${mixed(12)} step=${index} loop`,
  'python log warn': index =>
    `${clock(index)},${below(999)} - urllib3.connectionpool - WARNING - Retrying (Retry(total=${5 - (index % 5)}, connect=None)) after connection broken by 'NewConnectionError(<HTTPSConnection object at 0x${hex(12)}>: Failed)': /v1/chat`,
  'gemini quota': index =>
    `Attempt ${index} failed with status 429. Retrying with backoff... ApiError: {"error":{"code":429,"message":"Resource exhausted, request ${hex(16)}"}}`,
  'docker short hash': () => `Error response from daemon: No such container: ${hex(12)}`,
  'git short hash': () => `HEAD is now at ${hex(7)} wip`,
  'windows path': index => `cannot open C:\\build\\tmp${index}\\out_${index}.obj: Permission denied`,
  'k8s pod crash': index =>
    `pod/worker-${podName()} CrashLoopBackOff (back-off ${index % 5}m restarting failed container)`,
  'json agent thinking differing ids': () =>
    json({
      type: 'assistant',
      message: {
        id: `msg_${mixed(20)}`,
        content: [{ type: 'tool_use', id: `toolu_${mixed(20)}`, name: 'Bash', input: { command: 'cat status.txt' } }],
      },
    }),
  'codex exec same command': inTurn(
    index =>
      json({
        type: 'item.started',
        item: {
          id: `item_${index}`,
          type: 'command_execution',
          command: "bash -lc 'npm test'",
          aggregated_output: '',
          status: 'in_progress',
        },
      }),
    index =>
      json({
        type: 'item.completed',
        item: {
          id: `item_${index}`,
          type: 'command_execution',
          command: "bash -lc 'npm test'",
          aggregated_output: '1 failing',
          exit_code: 1,
          status: 'failed',
        },
      }),
  ),
  'codex reconnect': index =>
    json({
      type: 'error',
      message: `Reconnecting... ${(index % 5) + 1}/5 (stream disconnected before completion: ${hex(8)})`,
    }),
  'four-line loop with blank': inTurn(
    () => '● Let me try again.',
    () => '',
    () => '● Bash(pytest -q)',
    () => '  ⎿  Error: exit 1',
  ),
  'exception of two lines and header': inTurn(
    index => `${iso(index)} [error] Unhandled rejection ${uuid()}`,
    () => '    at fetch (node:internal/deps/undici/undici:13510:13)',
    () => 'TypeError: fetch failed',
  ),
  'words in id: request id letters only': () => `request_id=${mixed(22)} status=timeout`,
  'percent same stuck': index => `[${clock(index)}] epoch 3:  45% step ${index} loss nan`,
  'nan training': index =>
    `step ${index * 10} | loss nan | lr ${(1e-4 * (1 - index / 500)).toExponential(2)} | ${below(900)} tok/s`,
  'scientific numbers': () => `residual = ${(random() * 1e-3).toExponential(4)}, not converged`,
  'roman kv with quotes': index =>
    `level=error ts=${iso(index)} caller=client.go:${100 + (index % 9)} msg="dial tcp 10.0.${index % 255}.7:443: index/o timeout" attempt=${index}`,
  ipv6: index => `connect to [2001:db8::${(index % 65535).toString(16)}]:443 failed: Network is unreachable`,
  'mail that bounces': () => `bounce job ${hex(10)}@mail.example.org deferred`,
  'dates in words': index =>
    `${['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'][index % 7]} ${['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'][index % 12]} ${(index % 28) + 1} ${clock(index)} 2026 cron: lock held, skipping`,
  'dots of growing length': index => `waiting for server${'.'.repeat(index % 30)}`,
  'spinner lines': index => `${'⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'[index % 10]} Retrying request…`,
  'emoji & colours': index => `\x1b[38;5;${index % 255}m❌ build failed in ${index}ms\x1b[0m`,
  aider: inTurn(
    () => 'The LLM did not conform to the edit format.',
    () => 'https://aider.chat/docs/troubleshooting/edit-errors.html',
    index =>
      `Tokens: ${index}.2k sent, 310 received. Cost: $0.0${index % 9} message, $${(index * 0.01).toFixed(2)} session.`,
  ),
  units: index => `RSS ${['12KB', '3MB', '1.2GB', '900MB'][index % 4]} over budget, gc again`,
  'true/false words': index => `healthcheck ok=${index % 2 ? 'true' : 'false'} id=${index}`,
  'thread names': index =>
    `[pool-${index % 8}-thread-${index % 32}] WARN c.z.h.pool.HikariPool - HikariPool-1 - Connection is not available, request timed out after ${30000 + index}ms.`,
  'attempts of many': index => `Attempt ${index} of 500: connection refused`,
  'a part that does not move': index => `${clock(index)} 45/1000 done, waiting for worker ${index}`,
};

const healthyPrograms: Record<string, (index: number) => string> = {
  'a recording': index => `frame=${index * 24} fps=24 size=${index * 90}kB time=00:00:${index % 60}.00 speed=1.0x`,
  'a training log in JSON': index => json({ train_loss: 2 / (index + 1), step: index }),
  'a training event in JSON': index => json({ event: 'step', train_loss: 2 / (index + 1), step: index }),
  'a bar that grows': index => `[${'#'.repeat(index / 5)}${'.'.repeat(40 - index / 5)}] building`,
  'pytest -v': index => `tests/test_${any()}.py::test_${any()}_${any()} PASSED [${index % 100}%]`,
  jest: index => `PASS src/${any()}/${any()}.test.ts (${index}.2 s)`,
  'go test': index => `--- PASS: Test${any()[0]!.toUpperCase()}${any()} (0.0${index % 9}s)`,
  'cargo build': index => `   Compiling ${any()}-${any()} v0.${index % 9}.${index % 7}`,
  npm: index => `npm http fetch GET 200 https://registry.example.org/${any()}-${any()} ${index}ms`,
  pip: index => `Collecting ${any()}-${any()}>=${index % 4}.0`,
  rsync: index => `${any()}/${any()}/${any()}.${['jpg', 'png', 'txt'][index % 3]}`,
  tar: () => `./src/${any()}/${any()}/${any()}.c`,
  find: () => `/srv/data/${any()}/${any()}/${any()}.csv`,
  'wget urls': () => `https://example.org/${any()}/${any()}/${any()}.html`,
  crawler: () => `200 https://example.org/${any()}/${any()}/${any()}.html`,
  make: () => `gcc -O2 -c -o obj/${any()}_${any()}.o src/${any()}_${any()}.c`,
  'training log': index =>
    `epoch ${Math.floor(index / 20)} step ${index} loss ${(3 * Math.exp(-index / 60)).toFixed(4)} acc ${(1 - Math.exp(-index / 60)).toFixed(4)}`,
  'progress lines': index => `processed ${index * 500} of 100000 rows`,
  'progress percent lines': index => `uploading backup.tar: ${(index / 2).toFixed(1)}%`,
  'db migration': index => `Applying ${String(index).padStart(4, '0')}_${any()}_${any()}... OK`,
  'agent reads files': () =>
    json({
      type: 'assistant',
      message: {
        content: [{ type: 'tool_use', name: 'Read', input: { file_path: `/repo/src/${any()}/${any()}.ts` } }],
      },
    }),
  'agent tool pairs': inTurn(
    () =>
      json({
        type: 'assistant',
        message: {
          content: [
            { type: 'tool_use', name: 'Bash', input: { command: `pytest tests/test_${any()}.py -k ${any()}` } },
          ],
        },
      }),
    () => json({ type: 'user', message: { content: [{ type: 'tool_result', content: '1 passed' }] } }),
  ),
  'stream deltas': () => json({ type: 'content_block_delta', delta: { type: 'text_delta', text: ` ${any()}` } }),
  'codex commands': index =>
    json({
      type: 'item.completed',
      item: {
        id: `item_${index}`,
        type: 'command_execution',
        command: `sed -n '${index * 40},${index * 40 + 40}p' src/${any()}.rs`,
        status: 'completed',
      },
    }),
  'claude text UI': index => (index % 2 ? `● Read(src/${any()}/${any()}.ts)` : `  ⎿  Read ${below(300)} lines`),
  'orders by customer': index => `order ${1000 + index}: ${any()} bought ${below(9) + 1} × ${any()}`,
  'web server access': index =>
    `10.0.0.${index % 250} - - [${iso(index)}] "GET /${any()}/${any()} HTTP/1.1" 200 ${below(9999)}`,
  'access log few endpoints': index =>
    `10.0.0.${below(250)} - - [${iso(index)}] "${['GET', 'GET', 'POST', 'PUT'][below(4)]} /api/${['users', 'orders', 'items', 'carts', 'login', 'stock'][below(6)]} HTTP/1.1" ${[200, 200, 201, 304][below(4)]} ${below(9999)}`,
  mail: () => `delivered to ${any()}.${any()}@example.org in ${below(900)}ms`,
  'image render frames': index => `Fra:${index} Mem:12.3M | ${clock(index)} | Rendering ${index} / 250 samples`,
  'git clone': index => `remote: Compressing objects: ${Math.floor(index / 2)}% (${index}/400)`,
  'translation csv': () => `${any()};${any()};${any()}`,
  linter: () => `src/${any()}.ts:${below(300)}:${below(80)} warning ${any()} is ${any()}`,
  'backtest trades': index =>
    `${iso(index)} ${['BUY', 'SELL'][below(2)]} ${['AAPL', 'MSFT', 'NVDA', 'TSLA', 'AMZN', 'META', 'GOOG'][below(7)]} ${below(90)} @ ${(random() * 300).toFixed(2)} pnl ${(random() * 50 - 20).toFixed(2)}`,

  'a trading bot': index => `${iso(index)} BTC/USDT price=${(60000 + random() * 100).toFixed(2)} signal=HOLD`,
};

describe('a loop of 200 lines is found, with', () => {
  test.each(Object.entries({ ...looping, ...loopingPrograms }))('%s', (_name, line) => expect(loops(line)).toBe(true));
});

describe('a healthy program is not taken for a loop, with', () => {
  test.each(Object.entries({ ...healthy, ...healthyPrograms }))('%s', (_name, line) => expect(loops(line)).toBe(false));
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
