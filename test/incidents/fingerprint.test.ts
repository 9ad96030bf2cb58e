import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fingerprint, fnv1a64 } from '../../src/incidents/explain.ts';
import { triage } from '../../src/incidents/triage/triage.ts';
import { readTails } from './triage/crash-tails.ts';

const one = { code: 1, signal: null };
const of = (output: string, exit: { code: number | null; signal: string | null } = one, kind = 'crash'): string =>
  fingerprint({ kind, exit, triage: triage({ exit, output }) });

const trace = (file: string, name: string, message: string, line = 12): string =>
  `Traceback (most recent call last):\n  File "/srv/app/${file}", line ${line}, in ${name}\n    run()\n${message}\n`;
const stack = (message: string, name = 'plan', line = 3): string =>
  `/srv/bot/index.js:${line}\n  throw new Error();\n  ^\n\n${message}\n    at ${name} (/srv/bot/index.js:${line}:9)\n    at node:internal/main/run_main_module:28:49\n\nNode.js v24.1.0\n`;

const same: readonly (readonly [string, string])[] = [
  ['2026-03-02 10:00:00,123 ERROR db: connection refused', '2026-11-30 23:59:59,999 ERROR db: connection refused'],
  ['[10:00:01] ERROR upstream said 503 Service Unavailable', '[22:17:45] ERROR upstream said 503 Service Unavailable'],
  [
    'Mar 02 09:15:04 node-7 agent[4242]: Error: connection reset by peer',
    'Apr 12 19:25:14 node-7 agent[977]: Error: connection reset by peer',
  ],
  ['Error: worker 4242 (pid 4242) timed out', 'Error: worker 991 (pid 991) timed out'],
  [
    'Error: request 3f2504e0-4f89-11d3-9a0c-0305e82c3301 failed: 502 Bad Gateway',
    'Error: request 9b2e1c7a-0d4f-4c6b-8f37-aa10bb20cc30 failed: 502 Bad Gateway',
  ],
  ['Error: req_011CQx8ab9Kd2 failed: overloaded_error', 'Error: req_742LMn5yz1Qp8 failed: overloaded_error'],
  [
    'RuntimeError: <Queue at 0x7f35bdfe1270 maxsize=0> is closed',
    'RuntimeError: <Queue at 0x55d0c1e4f2a8 maxsize=0> is closed',
  ],
  [
    "OSError: [Errno 28] No space left on device: '/tmp/tmpab12cd/out.bin'",
    "OSError: [Errno 28] No space left on device: '/tmp/tmpzz98yx/out.bin'",
  ],
  [
    "Error: ENOENT: no such file or directory, open '/var/folders/ab/xy12/T/run-1.json'",
    "Error: ENOENT: no such file or directory, open '/var/folders/cd/zw34/T/run-1.json'",
  ],
  ['attempt 3/5 failed: Connection refused', 'attempt 5/5 failed: Connection refused'],
  ['ERROR retry 1: Read timed out after 30001ms', 'ERROR retry 7: Read timed out after 30123ms'],
  [
    'panic: assignment to entry in nil map\n\ngoroutine 18 [running]:\nmain.add(0xc00011e000)\n\t/srv/x/main.go:14 +0x1d',
    'panic: assignment to entry in nil map\n\ngoroutine 512 [running]:\nmain.add(0xc0009ae1c0)\n\t/srv/x/main.go:19 +0x2f',
  ],
  [
    "thread 'main' (1481) panicked at src/main.rs:14:9:\nledger does not balance",
    "thread 'main' (99) panicked at src/main.rs:18:9:\nledger does not balance",
  ],
  [trace('a.py', 'step', "KeyError: 'usage'", 10), trace('a.py', 'step', "KeyError: 'usage'", 44)],
  [stack('TypeError: x.map is not a function', 'plan', 3), stack('TypeError: x.map is not a function', 'plan', 31)],
  [
    'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has 1.02 GiB free',
    'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 224.00 MiB. GPU 0 has 84.00 MiB free',
  ],
  ['Error: 429 Too Many Requests, retry after 20', 'Error: 429 Too Many Requests, retry after 57'],
  [
    'read tcp 10.0.0.4:53422->10.0.0.9:5432: connection reset by peer',
    'read tcp 10.0.0.4:41288->10.0.0.9:5432: connection reset by peer',
  ],
  ['Error: connection from 203.0.113.6 refused', 'Error: connection from 198.51.100.77 refused'],
  [
    'java.lang.IllegalStateException: pool com.x.Pool@54716c8d is closed',
    'java.lang.IllegalStateException: pool com.x.Pool@2d597bb6 is closed',
  ],
  [
    './run.sh: line 4:  3121 Segmentation fault      ./engine',
    './run.sh: line 4: 88112 Segmentation fault      ./engine',
  ],
  [
    '\u001b[31mError: listen EADDRINUSE: address already in use :::3000\u001b[0m',
    'Error: listen EADDRINUSE: address already in use :::3000',
  ],
  ["web-1  | Error: Cannot find module 'zod'", "web-2  | Error: Cannot find module 'zod'"],
  [
    'ERROR job 8f14e45fceea167a5a36dedd4bea2543 failed: disk quota exceeded',
    'ERROR job c9f0f895fb98ab9159f51fd0297e236d failed: disk quota exceeded',
  ],
  [
    'Error: cannot open /proc/4242/status: No such file or directory',
    'Error: cannot open /proc/99/status: No such file or directory',
  ],
  ['prompt is too long: 208310 tokens > 200000 maximum', 'prompt is too long: 231077 tokens > 200000 maximum'],
  [
    'slurmstepd: error: *** JOB 123 ON gpu54 CANCELLED AT 2026-01-01T10:00:00 ***',
    'slurmstepd: error: *** JOB 456 ON gpu54 CANCELLED AT 2026-02-02T11:11:11 ***',
  ],
  [
    'E0711 19:10:32.605000 1389313 api/server.py:12] RuntimeError: bad shard',
    'E0912 01:02:03.000004 22 api/server.py:12] RuntimeError: bad shard',
  ],
  ['step 1\nstep 2\nstep 3', 'step 1\nstep 2\nstep 3\nstep 4'],
  [
    'ERROR Dead line: batch 17 of 200 could not be written in 12.5s',
    'ERROR Dead line: batch 3 of 180 could not be written in 9.1s',
  ],
  ['sqlite3.OperationalError: database is locked', 'sqlite3.OperationalError: database is locked\n'],
  ['Error: job_4411 of shard_7 was rejected', 'Error: job_9 of shard_12 was rejected'],
  [
    'Segmentation fault\n/srv/app/engine.node(+0x2f5a)[0x7f8b1c0a5f5a]',
    'Segmentation fault\n/srv/app/engine.node(+0x31b0)[0x7f11aa0a5f5a]',
  ],
]; // prettier-ignore

const different: readonly (readonly [string, string])[] = [
  [
    'Segmentation fault\n/srv/app/engine.node(+0x2f5a)[0x7f8b1c0a5f5a]',
    'Segmentation fault\n/srv/app/canvas.node(+0x2f5a)[0x7f8b1c0a5f5a]',
  ],
  ["ModuleNotFoundError: No module named 'zod'", "ModuleNotFoundError: No module named 'yaml'"],
  ["Error: Cannot find module 'express'", "Error: Cannot find module 'fastify'"],
  [
    'Error: listen EADDRINUSE: address already in use :::3000',
    'Error: listen EADDRINUSE: address already in use :::3001',
  ],
  ['Error: connect ECONNREFUSED 127.0.0.1:5432', 'Error: connect ECONNREFUSED 127.0.0.1:6379'],
  ["KeyError: 'SLACK_BOT_TOKEN'", "KeyError: 'DISCORD_TOKEN'"],
  ['DATABASE_URL is not set', 'REDIS_URL is not set'],
  [
    "AttributeError: 'NoneType' object has no attribute 'group'",
    "AttributeError: 'NoneType' object has no attribute 'append'",
  ],
  [trace('a.py', 'step', "KeyError: 'usage'"), trace('a.py', 'plan', "KeyError: 'usage'")],
  [trace('a.py', 'step', "KeyError: 'usage'"), trace('b.py', 'step', "KeyError: 'usage'")],
  [trace('a.py', 'step', "KeyError: 'usage'"), trace('a.py', 'step', "KeyError: 'model'")],
  [stack('TypeError: x.map is not a function', 'plan'), stack('TypeError: x.map is not a function', 'act')],
  [
    stack("TypeError: Cannot read properties of undefined (reading 'items')"),
    stack("TypeError: Cannot read properties of undefined (reading 'title')"),
  ],
  [
    "FileNotFoundError: [Errno 2] No such file or directory: 'state.json'",
    "FileNotFoundError: [Errno 2] No such file or directory: 'config.json'",
  ],
  ['Error: getaddrinfo ENOTFOUND db.internal', 'Error: getaddrinfo ENOTFOUND cache.internal'],
  [
    'HTTPError: 502 Server Error: Bad Gateway for url: https://a.example.com/x',
    'HTTPError: 503 Server Error: Service Unavailable for url: https://a.example.com/x',
  ],
  [
    'HTTPError: 429 Client Error: Too Many Requests for url: https://a.example.com/x',
    'HTTPError: 401 Client Error: Unauthorized for url: https://a.example.com/x',
  ],
  ['run.sh: line 3: ffmpeg: command not found', 'run.sh: line 3: convert: command not found'],
  ['sqlite3.OperationalError: no such table: runs', 'sqlite3.OperationalError: no such table: agents'],
  [
    "OSError: [Errno 28] No space left on device: '/data/out.bin'",
    "OSError: [Errno 24] Too many open files: '/data/out.bin'",
  ],
  ['panic: assignment to entry in nil map', 'panic: close of closed channel'],
  [
    "thread 'main' panicked at src/main.rs:14:9:\nledger does not balance",
    "thread 'main' panicked at src/main.rs:14:9:\norder book is crossed",
  ],
  ['java.lang.ClassNotFoundException: com.example.A', 'java.lang.ClassNotFoundException: com.example.B'],
  [
    './a: error while loading shared libraries: libpq.so.5: cannot open shared object file',
    './a: error while loading shared libraries: libssl.so.3: cannot open shared object file',
  ],
  ['CUDA error: device-side assert triggered', 'CUDA error: an illegal memory access was encountered'],
  ['train.py: error: unrecognized arguments: --lr', 'train.py: error: unrecognized arguments: --batch'],
  ['decouple.UndefinedValueError: REDIS_HOST not found.', 'decouple.UndefinedValueError: REDIS_PASSWORD not found.'],
  [
    "PermissionError: [Errno 13] Permission denied: '/var/log/a.log'",
    "PermissionError: [Errno 13] Permission denied: '/etc/passwd'",
  ],
  ['assertion failed: queue.len() > 0', 'assertion failed: ready'],
  ['The model `gpt-9` does not exist', 'The model `claude-9` does not exist'],
  ["cannot import name 'AsyncClient' from 'x'", "cannot import name 'Client' from 'x'"],
  [
    'ssl.SSLError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed',
    'ssl.SSLError: [SSL: WRONG_VERSION_NUMBER] wrong version number',
  ],
]; // prettier-ignore

describe('pairs', () => {
  test('there are at least 60', () => expect(same.length + different.length).toBeGreaterThanOrEqual(60));
  test.each(same)('the same: %j %j', (first, second) => expect(of(first)).toBe(of(second)));
  test.each(different)('different: %j %j', (first, second) => expect(of(first)).not.toBe(of(second)));
});

describe('what else it depends on', () => {
  test('another exit or kind is another failure', () => {
    const log = 'KeyError: 1';
    expect(of(log, { code: 2, signal: null })).not.toBe(of(log));
    expect(of(log, one, 'stalled')).not.toBe(of(log));
    expect(of('', { code: null, signal: 'SIGKILL' })).not.toBe(of('', { code: null, signal: 'SIGTERM' }));
  });

  test('the reasons count, their order does not', () => {
    const found = triage({ exit: one, output: 'x' });
    const by = (...reasons: string[]) => fingerprint({ kind: 'unhealthy', exit: one, triage: found, reasons });
    expect(by('port:80', 'memory')).toBe(by('memory', 'port:80'));
    expect(by('port:80')).not.toBe(by('memory'));
  });
});

describe('the hash', () => {
  test('is FNV-1a with 64 bits', () => {
    expect(fnv1a64('')).toBe('cbf29ce484222325');
    expect(fnv1a64('a')).toBe('af63dc4c8601ec8c');
    expect(fnv1a64('foobar')).toBe('85944171f73967e8');
  });
});

describe('what differs from one occurrence to the next never changes it', () => {
  const hexDigits = (length: number) =>
    fc.array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length }).map(all => all.join(''));
  const occurrence = fc.record({
    at: fc.date({ min: new Date('2001-01-01'), max: new Date('2099-12-31'), noInvalidDate: true }),
    pid: fc.integer({ min: 2, max: 4_194_304 }),
    address: hexDigits(12),
    uuid: fc.uuid(),
    attempt: fc.integer({ min: 1, max: 99 }),
    temporary: fc.stringMatching(/^tmp[a-z0-9_]{8}$/),
    goroutine: fc.integer({ min: 1, max: 99_999 }),
  });
  type Occurrence = typeof occurrence extends fc.Arbitrary<infer T> ? T : never;
  const templates: readonly ((o: Occurrence) => string)[] = [
    o => `${o.at.toISOString()} ERROR [${o.pid}] request ${o.uuid} failed: Connection refused (attempt ${o.attempt})`,
    o => `[${o.at.toISOString().slice(0, 19).replace('T', ' ')}] RuntimeError: <Task at 0x${o.address}> was destroyed`,
    o => `OSError: [Errno 28] No space left on device: '/tmp/${o.temporary}/part.bin'`,
    o =>
      `panic: send on closed channel\n\ngoroutine ${o.goroutine} [running]:\nmain.work(0x${o.address})\n\t/srv/app/main.go:${o.attempt} +0x${o.attempt}`,
    o => `${trace('agent.py', 'step', `ValueError: bad reply in ${o.uuid}`, o.attempt)}`,
    o => `worker[${o.pid}]: Error: timed out after ${o.attempt}s (pid=${o.pid})`,
  ];

  test.each(templates.map((template, index) => [index, template] as const))('template %i', (_, template) => {
    fc.assert(
      fc.property(occurrence, occurrence, (first, second) => {
        expect(of(template(first))).toBe(of(template(second)));
      }),
    );
  });

  test('in the recorded tails: other times, pids, addresses and uuids in every line', () => {
    const tails = readTails(`${import.meta.dirname}/../fixtures/crash-tails`);
    for (const { log, exit, id } of tails) {
      const later = log
        .replaceAll(/\b2\d{3}-(\d{2})-(\d{2})([T ])\d{2}:\d{2}:\d{2}/g, '2031-12-24$318:30:59')
        .replaceAll(/0x[0-9a-f]{6,16}/g, '0x7fabcdef0123');
      expect(of(later, exit), id).toBe(of(log, exit));
    }
  });
});
