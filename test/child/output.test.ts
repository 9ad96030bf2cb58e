import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import {
  collect,
  driverCommand,
  driverLine,
  event,
  events,
  eventsFile,
  folder,
  openToAll,
  quoted,
  run,
} from './driver-rig.ts';

// A pseudo-terminal that is not read, as after Ctrl-S, then read to the end.
const stallingTerminal = `import os, pty, select, sys, time, json, fcntl
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[2], sys.argv[2:])
events, n, end = sys.argv[1], 0, time.monotonic() + 20
def happened(what): return os.path.exists(events) and what in open(events).read()
while not happened('run-cleared') and time.monotonic() < end: time.sleep(0.02)
last = b''
try:
    while True:
        got = os.read(fd, 65536)
        if not got: break
        n += len(got); last = (last + got)[-20:]
except OSError: pass
print(n, os.waitpid(pid, 0)[1], last)`;

const MiB = 1024 * 1024;
const random = (bytes: number, seed: number) => `import random, sys, threading
def put(f, seed):
    r = random.Random(seed)
    left = ${bytes}
    while left > 0:
        n = min(left, r.randrange(1, 200000))
        f.write(r.randbytes(n)); f.flush(); left -= n
a = threading.Thread(target=put, args=(sys.stdout.buffer, ${seed}))
b = threading.Thread(target=put, args=(sys.stderr.buffer, ${seed + 1}))
a.start(); b.start(); a.join(); b.join()`;

describe('into pipes', () => {
  for (const pipes of [true, false])
    test(`random bytes arrive as they are, on both outputs${pipes ? '' : ', without real pipes too'}`, async () => {
      const program = random(16 * MiB, 7);
      const child = run(driverCommand({ command: ['python3', '-c', program], pipes }));
      const got = collect(child);
      expect(await child.ended).toBe(0);
      await got.closed;
      const plain = run(['python3', '-c', program]);
      const wanted = collect(plain);
      await wanted.closed;
      expect(got.size).toEqual({ stdout: 16 * MiB, stderr: 16 * MiB });
      for (const name of ['stdout', 'stderr'] as const)
        expect(got.hash[name].digest('hex')).toBe(wanted.hash[name].digest('hex'));
    });

  test('a reader that stalls delays nothing but the bytes, and gets them all in the end', async () => {
    const child = run(driverCommand({ command: ['sh', '-c', 'head -c 900000 /dev/zero; printf last'] }));
    await event('run-cleared');
    const exited = await event('child-exited');
    expect(exited['tail']).toMatch(/last$/);
    const got = collect(child);
    expect(await child.ended).toBe(0);
    await got.closed;
    expect(got.size.stdout).toBe(900_004);
  });

  test('a child that outruns a stalled reader waits, and this is reported', async () => {
    const child = run(driverCommand({ command: ['head', '-c', String(50 * MiB), '/dev/zero'] }));
    const blocked = await event('blocked');
    expect(blocked['since']).toMatchObject({ mono: expect.any(Number) });
    expect(events().some(one => one.type === 'child-exited')).toBe(false);
    const got = collect(child);
    expect(await child.ended).toBe(0);
    await got.closed;
    expect(got.size.stdout).toBe(50 * MiB);
    expect(
      events()
        .filter(one => one.type === 'blocked')
        .at(-1),
    ).toMatchObject({ since: null });
    for (const one of events()) expect((one['rss'] as number | undefined) ?? 0).toBeLessThan(120e6);
  });

  test('a crash loop before a stalled reader fills memory to the limit only, and loses nothing', async () => {
    const line = 'for i in 1 2 3 4 5; do head -c 20000 /dev/zero; done; echo end';
    const child = run(driverCommand({ command: ['timeout', '0.3', 'sh', '-c', line], times: 20 }));
    await until('20 runs', () => events().filter(one => one.type === 'run-cleared').length === 20);
    const total = events().at(-1);
    expect(total).toBeDefined();
    const got = collect(child);
    expect(await child.ended).toBe(0);
    await got.closed;
    const flushed = await event('flushed');
    expect(got.size.stdout).toBe((flushed['total'] as { stdout: number }).stdout);
    expect(got.size.stdout).toBeGreaterThan(0);
    expect(flushed).toMatchObject({ left: 0 });
    for (const one of events()) expect((one['rss'] as number | undefined) ?? 0).toBeLessThan(120e6);
  });

  test('what a stalled reader has not taken in time is counted', async () => {
    const line = driverLine({ command: ['head', '-c', '300000', '/dev/zero'], flushMs: 200 });
    const reader = `until grep -q flushed ${eventsFile()}; do sleep 0.05; done; wc -c`;
    const shell = run(['sh', '-c', `${line} | (${reader})`]);
    const got = collect(shell);
    await shell.ended;
    await got.closed;
    const flushed = await event('flushed');
    expect(Number(got.text.stdout) + (flushed['left'] as number)).toBe(300_000);
    expect(Number(got.text.stdout)).toBeGreaterThan(0);
  });

  test('a reader that is gone stops neither the child nor the reading, and nothing spins', async () => {
    const script = 'for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.2; done';
    const shell = run(['sh', '-c', `${driverLine({ command: ['sh', '-c', script] })} | head -1`]);
    const got = collect(shell);
    await shell.ended;
    await got.closed;
    expect(got.text.stdout).toBe('1\n');
    const flushed = await event('flushed');
    expect(flushed).toMatchObject({ left: 0, gone: true, total: { stdout: 21 } });
    expect(await event('child-exited')).toMatchObject({ exit: { code: 0 }, tail: expect.stringMatching(/9\n10\n$/) });
    expect(flushed['cpuMs']).toBeLessThan(1400);
  });

  test('a gigabyte without a newline does not stay in memory', async () => {
    const child = run(driverCommand({ command: ['head', '-c', String(1024 * MiB), '/dev/zero'] }));
    const got = collect(child);
    expect(await child.ended).toBe(0);
    await got.closed;
    expect(got.size.stdout).toBe(1024 * MiB);
    expect((await event('child-exited'))['rss']).toBeLessThan(150e6);
  });

  test("the caller's descriptors keep their flags, after kill -9 too", async () => {
    const check = `import fcntl, os, subprocess, sys, time
r, w = os.pipe(); r2, w2 = os.pipe()
p = subprocess.Popen(sys.argv[1:], stdout=w, stderr=w2)
got = b''
while b'up' not in got: got += os.read(r, 100)
p.kill(); p.wait()
print([bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK) for fd in (w, w2)])`;
    const program = `echo up; head -c 1000000 /dev/zero`;
    const child = run(['python3', '-c', check, ...driverCommand({ command: ['sh', '-c', program] })]);
    const got = collect(child);
    await child.ended;
    await got.closed;
    expect(got.text.stdout).toBe('[False, False]\n');
  });
});

describe('into real pipes, much at once', () => {
  const [python = '', fixture = ''] = ['python3', join(import.meta.dirname, '../fixtures/piped-output.py')];
  async function read(how: object, options: object = {}) {
    const given = { seed: 1, bytes: 12 * MiB, runs: 1, same: false, nonblocking: false, pauses: false, stallS: 0 };
    const spec = { ...given, leaveAt: null, ...how };
    const writer = [python, fixture, 'write', JSON.stringify({ seed: spec.seed, bytes: spec.bytes })];
    const command = driverCommand({ command: writer, times: spec.runs, ...options });
    const reader = run([python, fixture, 'read', JSON.stringify({ ...spec, command })]);
    const got = collect(reader);
    await reader.ended;
    await got.closed;
    expect(got.text.stderr).toBe('');
    return JSON.parse(got.text.stdout) as { pipeBytes: number };
  }
  const whole = (bytes: number) => ({ code: 0, bytes, asWritten: true, flagsKept: true });

  for (const [what, how] of [
    ['two pipes and a fast reader', {}],
    ['one pipe for both', { same: true }],
    ['a reader that pauses', { pauses: true }],
    ['one pipe, which does not block, and a reader that pauses', { same: true, nonblocking: true, pauses: true }],
    ['three runs', { same: true, runs: 3, bytes: 5 * MiB }],
  ] as const)
    test(`random pieces arrive as they were written, in order: ${what}`, async () => {
      const { runs, bytes } = { runs: 1, bytes: 12 * MiB, ...how };
      const results = [await read({ ...how, seed: 2 }), await read({ ...how, seed: 3 })];
      expect(results).toMatchObject([whole(runs * bytes), whole(runs * bytes)]);
    });

  test('a reader that stalls in the middle of it gets all, and the stall is reported', async () => {
    expect(await read({ stallS: 3, same: true, bytes: 8 * MiB })).toMatchObject(whole(8 * MiB));
    // A busy machine may add stalls of its own.
    const told = events().flatMap(one => (one.type === 'blocked' ? [one['since'] !== null] : []));
    expect(told.slice(0, 2)).toEqual([true, false]);
    expect(told).toEqual(told.map((_, at) => at % 2 === 0));
  });

  test('a reader that leaves in the middle of it stops neither the child nor the reading', async () => {
    await read({ leaveAt: 3 * MiB, same: true });
    const flushed = await event('flushed');
    expect(flushed).toMatchObject({ left: 0, gone: true });
    expect(await event('child-exited')).toMatchObject({ exit: { code: 0 } });
    expect((flushed['total'] as { stdout: number }).stdout).toBe(12 * MiB);
  });

  test('only much output makes the pipe larger: its reader then waits for us less often', async () => {
    expect((await read({ bytes: 2000, same: true })).pipeBytes).toBe(65_536);
    expect((await read({ bytes: 8 * MiB, same: true })).pipeBytes).toBe(262_144);
  });
});

describe("into another user's pipe or terminal, which cannot be opened again", () => {
  const canBeNobody = process.getuid?.() === 0 && spawnSync('runuser', ['-u', 'nobody', 'true']).status === 0;
  const why = canBeNobody ? '' : ' (skipped: needs root and runuser)';
  const asNobody = (spec: object) => ['runuser', '-u', 'nobody', '--', ...driverCommand(spec)];
  beforeEach(() => openToAll());

  test.skipIf(!canBeNobody)(`every byte arrives, and the flags are put back at the end${why}`, async () => {
    const check = `import fcntl, os, subprocess, sys, threading
r, w = os.pipe()
p = subprocess.Popen(sys.argv[1:], stdout=w, stderr=subprocess.DEVNULL)
n = 0
while n < 3000000: n += len(os.read(r, 65536))
print(n, p.wait(), bool(fcntl.fcntl(w, fcntl.F_GETFL) & os.O_NONBLOCK))`;
    const child = run(['python3', '-c', check, ...asNobody({ command: ['head', '-c', '3000000', '/dev/zero'] })]);
    const got = collect(child);
    await child.ended;
    await got.closed;
    expect(got.text.stdout).toBe('3000000 0 False\n');
  });

  test.skipIf(!canBeNobody)(`a terminal that stalls delays nothing but the bytes${why}`, async () => {
    const command = asNobody({ command: ['sh', '-c', 'head -c 500000 /dev/zero | tr "\\0" x; printf last'] });
    const child = run(['python3', '-c', stallingTerminal, eventsFile(), ...command]);
    const got = collect(child);
    await child.ended;
    await got.closed;
    expect(got.text.stdout).toBe(`500004 0 b'xxxxxxxxxxxxxxxxlast'\n`);
  });
});

describe('into files', () => {
  test('continues where the caller was, and the caller where it ended', async () => {
    const file = join(folder, 'log');
    const line = `(echo before; ${driverLine({ command: ['printf', 'during\\n'] })}; echo after) > ${quoted(file)}`;
    await run(['sh', '-c', line]).ended;
    expect(readFileSync(file, 'utf8')).toBe('before\nduring\nafter\n');
  });

  test('appends to a log that others append to', async () => {
    const file = join(folder, 'log');
    writeFileSync(file, 'old\n');
    await run(['sh', '-c', `${driverLine({ command: ['sh', '-c', 'echo a; echo b >&2'] })} >> ${quoted(file)} 2>&1`])
      .ended;
    expect(readFileSync(file, 'utf8')).toBe('old\na\nb\n');
  });

  for (const target of ['file', 'pipe'])
    test(`both outputs in one ${target} keep the order in which the child wrote`, async () => {
      const script = 'i=0; while [ $i -lt 500 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done';
      const file = join(folder, 'log');
      const line = `${driverLine({ command: ['sh', '-c', script], say: '[own] line\n' })} 2>&1`;
      await run(['sh', '-c', target === 'file' ? `${line} > ${file} 2>&1` : `${line} | cat > ${file}`]).ended;
      const wanted = Array.from({ length: 500 }, (_, i) => `o${i}\ne${i}\n`).join('');
      await until('the whole', () => readFileSync(file).length >= wanted.length + 11);
      expect(readFileSync(file, 'utf8')).toBe(`[own] line\n${wanted}`);
    });

  test('a full disk loses what it cannot take, as the child itself would, and delays nothing', async () => {
    const full = openSync('/dev/full', 'w');
    const child = run(driverCommand({ command: ['head', '-c', '3000000', '/dev/zero'] }), {
      stdio: ['ignore', full, 'ignore'],
    });
    expect(await child.ended).toBe(0);
    expect(await event('flushed')).toMatchObject({ left: 0, lost: 3_000_000 });
  });

  test('64 MiB arrive as they are', async () => {
    const file = join(folder, 'out');
    const line = `${driverLine({ command: ['python3', '-c', random(64 * MiB, 3)] })} > ${file} 2>/dev/null`;
    await run(['sh', '-c', line]).ended;
    const plain = execFileSync('sh', ['-c', `python3 -c ${quoted(random(64 * MiB, 3))} 2>/dev/null | sha256sum`]);
    expect(`${createHash('sha256').update(readFileSync(file)).digest('hex')}  -\n`).toBe(plain.toString());
  });
});

describe('into what is neither', () => {
  test('closed descriptors are as good as /dev/null', async () => {
    await run(['sh', '-c', `${driverLine({ command: ['sh', '-c', 'cat; echo a; echo b >&2'] })} <&- >&- 2>&-`]).ended;
    expect(await event('child-exited')).toMatchObject({ exit: { code: 0 }, tail: 'a\nb\n' });
    expect(await event('flushed')).toMatchObject({ left: 0 });
  });

  test('a Unix socket, as of a journal, gets every byte', async () => {
    const script = `import hashlib, os, socket, subprocess, sys, time
a, b = socket.socketpair()
p = subprocess.Popen(sys.argv[1:], stdout=a, stderr=a)
a.close()
time.sleep(1)
n = 0
while True:
    got = b.recv(65536)
    if not got: break
    n += len(got)
print(n, p.wait())`;
    const child = run(['python3', '-c', script, ...driverCommand({ command: ['head', '-c', '5000000', '/dev/zero'] })]);
    const got = collect(child);
    await child.ended;
    await got.closed;
    expect(got.text.stdout).toBe('5000000 0\n');
  });

  test('a terminal that stalls delays nothing but the bytes', async () => {
    const script = 'head -c 500000 /dev/zero | tr "\\0" x; printf last';
    const child = run([
      'python3',
      '-c',
      stallingTerminal,
      eventsFile(),
      ...driverCommand({ command: ['sh', '-c', script] }),
    ]);
    const got = collect(child);
    await child.ended;
    await got.closed;
    expect(got.text.stderr).toBe('');
    expect(got.text.stdout).toBe(`500004 0 b'xxxxxxxxxxxxxxxxlast'\n`);
  });

  test('a terminal that is gone is read on for', async () => {
    const script = `import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0:
    import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.setsid
    os.execvp(sys.argv[1], sys.argv[1:])
os.read(fd, 2)
os.close(fd)
print(os.waitpid(pid, 0)[1])`;
    const command = driverCommand({
      command: ['sh', '-c', 'i=0; while [ $i -lt 10 ]; do echo $i; sleep 0.1; i=$((i+1)); done'],
      ignoreHup: true,
    });
    const child = run(['python3', '-c', script, ...command]);
    await child.ended;
    expect(await event('flushed')).toMatchObject({ left: 0, gone: true });
    expect(await event('child-exited')).toMatchObject({ exit: { code: 0 }, tail: expect.stringMatching(/8\n9\n$/) });
  });
});
