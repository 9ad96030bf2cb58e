import { describe, expect, test } from 'vitest';
import { collect, driverCommand, driverLine, event, events, run } from './driver-rig.ts';

const count = ['sh', '-c', 'wc -c'];

describe('standard input', () => {
  test('of a pipe reaches the first run whole and once, the later ones its end', async () => {
    const shell = run(['sh', '-c', `head -c 200000 /dev/zero | ${driverLine({ command: count, times: 3 })}`]);
    const got = collect(shell);
    expect(await shell.ended).toBe(0);
    await got.closed;
    expect(got.text.stdout).toBe('200000\n0\n0\n');
  });

  test('of a file is passed on where it is', async () => {
    const shell = run(['sh', '-c', `(read first; ${driverLine({ command: ['cat'] })}) < /etc/passwd`]);
    const whole = run(['sh', '-c', 'tail -n +2 /etc/passwd']);
    const [got, wanted] = [collect(shell), collect(whole)];
    await Promise.all([got.closed, wanted.closed]);
    expect(got.text.stdout).toBe(wanted.text.stdout);
  });

  test('is not passed on with null', async () => {
    const shell = run([
      'sh',
      '-c',
      `echo abc | ${driverLine({ command: ['readlink', '/proc/self/fd/0'], stdin: 'null' })}`,
    ]);
    const got = collect(shell);
    await shell.ended;
    await got.closed;
    expect(got.text.stdout).toBe('/dev/null\n');
  });

  test('of a terminal is not passed on', async () => {
    const script = `import os, pty, sys
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
got = b''
try:
    while True: got += os.read(fd, 4096)
except OSError: pass
print(os.waitpid(pid, 0)[1], got)`;
    const child = run(['python3', '-c', script, ...driverCommand({ command: ['readlink', '/proc/self/fd/0'] })]);
    const got = collect(child);
    await child.ended;
    await got.closed;
    expect(got.text.stdout).toBe("0 b'/dev/null\\r\\n'\n");
  });

  test('that is not read stays for the next reader', async () => {
    const shell = run(['sh', '-c', `printf 'a\\nb\\n' | (${driverLine({ command: ['true'], times: 2 })}; cat)`]);
    const got = collect(shell);
    await shell.ended;
    await got.closed;
    expect(got.text.stdout).toBe('a\nb\n');
  });

  test('keeps its flags: the child is not surprised by EAGAIN', async () => {
    const script = `import fcntl, os, sys
print(bool(fcntl.fcntl(0, fcntl.F_GETFL) & os.O_NONBLOCK))`;
    const shell = run(['sh', '-c', `(sleep 0.2; echo) | ${driverLine({ command: ['python3', '-c', script] })}`]);
    const got = collect(shell);
    await shell.ended;
    await got.closed;
    expect(got.text.stdout).toBe('False\n');
  });
});

describe('the folder and the mask', () => {
  test('are as we found them', async () => {
    const shell = run(['sh', '-c', `umask 027; cd /usr/lib; ${driverLine({ command: ['sh', '-c', 'umask; pwd'] })}`]);
    const got = collect(shell);
    await shell.ended;
    await got.closed;
    expect(got.text.stdout).toBe('0027\n/usr/lib\n');
  });
});

describe('many runs', () => {
  test('leave descriptors and memory as they were', async () => {
    const child = run(driverCommand({ command: ['sh', '-c', 'echo $AGENT_WATCH_RUN; exit 1'], times: 400 }));
    const got = collect(child);
    expect(await child.ended).toBe(0);
    await got.closed;
    expect(got.text.stdout).toBe(Array.from({ length: 400 }, (_, i) => `${i + 1}\n`).join(''));
    const exits = events().filter(one => one.type === 'child-exited') as { rss?: number; fds?: number }[];
    expect(exits.at(-1)?.fds).toBe(exits.at(20)?.fds);
    // V8 lets its young space grow to 48 MB before it collects; a kilobyte kept for each run would not show, a buffer would.
    expect((exits.at(-1)?.rss ?? 0) - (exits.at(100)?.rss ?? 0)).toBeLessThan(50e6);
    expect((await event('flushed'))['zombies']).toBe(0);
  });
});
