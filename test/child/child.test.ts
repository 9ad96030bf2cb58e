import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { freshRunId, rig, runs } from './rig.ts';

const sh = (script: string) => ['/bin/sh', '-c', script];

describe('a run', () => {
  test('passes its bytes on and tells its end', async () => {
    const { start, fact, out, err, child, clear } = await rig(sh('printf out; printf err >&2; exit 7'));
    const run = await start();
    expect((await fact('child-exited')).exit).toEqual({ code: 7, signal: null });
    expect([out.text(), err.text()]).toEqual(['out', 'err']);
    expect(child.tail().toString()).toMatch(/^(outerr|errout)$/);
    clear(run, 'SIGTERM', 1000, true);
    expect((await fact('run-cleared')).ended).toBe(0);
  });

  test('that a signal ended says which', async () => {
    const { start, fact } = await rig(sh('kill -9 $$'));
    await start();
    expect((await fact('child-exited')).exit).toEqual({ code: null, signal: 'SIGKILL' });
  });

  test('finds its number and its id in the environment, and nothing else of the watcher', async () => {
    const { start, fact, out } = await rig(['env'], { env: { A: 'b' } });
    const { runId } = await start();
    await fact('child-exited');
    expect(out.text().trim().split('\n').sort()).toEqual(['A=b', 'AGENT_WATCH_RUN=1', `AGENT_WATCH_RUN_ID=${runId}`]);
  });

  test('leads its own session, and has three descriptors', async () => {
    const list = 'cat /proc/$$/stat; ls /proc/$$/fd';
    // What our own caller leaves open beyond them is passed on by every program.
    const [, ...usual] = spawnSync('/bin/sh', ['-c', list], { encoding: 'utf8' }).stdout.trim().split('\n');
    const { start, fact, out } = await rig(['/bin/sh', '-c', list]);
    const { pid } = await start();
    await fact('child-exited');
    const [stat, ...fds] = out.text().trim().split('\n');
    expect(stat?.split(') ')[1]?.split(' ').slice(2, 4)).toEqual([String(pid), String(pid)]);
    expect(fds).toEqual(usual);
  });

  test('can open /dev/stdout and /dev/stderr', async () => {
    const { start, fact, out, err } = await rig(sh('echo a > /dev/stdout; echo b > /dev/stderr'));
    await start();
    expect((await fact('child-exited')).exit.code).toBe(0);
    expect([out.text(), err.text()]).toEqual(['a\n', 'b\n']);
  });

  test('has no signal ignored or blocked that ours has not', async () => {
    const { start, fact, out } = await rig(['grep', '-E', '^Sig(Ign|Blk)', '/proc/self/status']);
    await start();
    await fact('child-exited');
    expect(out.text()).toMatch(/^SigBlk:\s0+\nSigIgn:\s0+\n$/);
  });

  test('gets its arguments as they are', async () => {
    const args = ['', ' ', '*', '$HOME', '"', "'", '\\', 'a\nb', 'ä', '-n', '--', '%s'];
    const { start, fact, out } = await rig(['python3', '-c', 'import sys; print(sys.argv[1:])', ...args]);
    await start();
    await fact('child-exited');
    expect(out.text().trim()).toBe(`['', ' ', '*', '$HOME', '"', "'", '\\\\', 'a\\nb', 'ä', '-n', '--', '%s']`);
  });

  test('leaves its last bytes without a newline, killed at once, 50 times of 50', async () => {
    const { child, start, fact, out } = await rig(
      sh('i=0; while [ $i -lt 200 ]; do echo $i; i=$((i+1)); done; printf last; kill -9 $$'),
    );
    for (let round = 1; round <= 50; round++) {
      const { runId } = await start();
      await fact('child-exited', runId);
      expect(child.tail().toString()).toMatch(/\n199\nlast$/);
      expect(out.text().match(/last/g)?.length).toBe(round);
    }
  });
});

describe('a tree', () => {
  test('is stopped with its grandchildren, those in a session of their own included', async () => {
    const script = `sleep 1000 & echo $!; setsid sleep 1000 & (setsid sh -c 'echo $$; exec sleep 1000' &) ; wait`;
    const { child, start, fact, out, clear } = await rig(sh(script));
    const run = await start();
    await until('pids', () => out.text().trim().split('\n').length === 2);
    const members = await until('members', () => (child.members().length === 4 ? child.members() : null));
    child.signalTree(run.runId, 'SIGTERM', 'tree');
    expect((await fact('child-exited')).exit).toEqual({ code: null, signal: 'SIGTERM' });
    clear(run, null, 5000, false);
    await fact('run-cleared');
    expect(members.filter(row => runs(row.pid))).toEqual([]);
  });

  test('gets a signal once each', async () => {
    const script = `import os, signal, time
n = {}
main = os.getpid()
def count(*_):
    n[os.getpid()] = n.get(os.getpid(), 0) + 1
signal.signal(signal.SIGTERM, count)
for i in range(3):
    if os.fork() == 0:
        if i == 2: os.setsid()
        break
os.write(1, b'%d ready\\n' % os.getpid())
end = time.monotonic() + 30
while not n and time.monotonic() < end: time.sleep(0.02)
time.sleep(0.5)
os.write(1, b'%d got %d\\n' % (os.getpid(), n.get(os.getpid(), 0)))
if os.getpid() == main:
    for i in range(3): os.wait()`;
    const { child, start, fact, out, clear } = await rig(['python3', '-c', script]);
    const run = await start();
    await until('four of them', () => out.text().match(/ready/g)?.length === 4);
    child.signalTree(run.runId, 'SIGTERM', 'tree');
    await fact('child-exited');
    clear(run, 'SIGTERM', 5000, true);
    await fact('run-cleared');
    expect(out.text().match(/got \d+/g)).toEqual(['got 1', 'got 1', 'got 1', 'got 1']);
  });

  test('of a crashed run is drained, then asked, then killed', async () => {
    const cwd = scratch();
    // It looks for the file without a process of its own: its last word comes as soon as it is let.
    const inner =
      'trap "echo asked" TERM; : >ready; until [ -e say ]; do :; done; echo late; while :; do sleep 0.1; done';
    const { start, fact, out, clear } = await rig(
      sh(`sh -c '${inner}' & echo $!; until [ -e ready ]; do sleep 0.01; done; exit 1`),
      { cwd },
    );
    const run = await start();
    const exited = await fact('child-exited');
    clear(run, 'SIGTERM', 3000, true);
    writeFileSync(join(cwd, 'say'), '');
    const cleared = await fact('run-cleared');
    expect(out.text()).toMatch(/late[\s\S]*asked/);
    expect(cleared.ended).toBeGreaterThanOrEqual(1);
    expect(cleared.mono - exited.mono).toBeGreaterThan(3000);
    expect(runs(Number(out.text().split('\n')[0]))).toBe(false);
  });

  test('whose child has no process group of its own is signalled one by one', async () => {
    const { child, start, fact, clear } = await rig(sh('sleep 1000 & wait'), { detached: false });
    const run = await start();
    const members = await until('both', () => (child.members().length === 2 ? child.members() : null));
    expect(members.every(row => row.group !== run.pid)).toBe(true);
    child.signalTree(run.runId, 'SIGTERM', 'tree');
    await fact('child-exited');
    clear(run, null, 1000, false);
    await fact('run-cleared');
    expect(members.filter(row => runs(row.pid))).toEqual([]);
  });

  test('that is stopped is woken up to take its signal', async () => {
    const { child, start, fact, out } = await rig(
      sh(`trap 'echo bye; exit 0' TERM; echo up; kill -STOP $$; sleep 100 & wait`),
    );
    const run = await start();
    await until('it to stop', () => child.members().some(row => row.halted));
    child.signalTree(run.runId, 'SIGTERM', 'tree');
    expect((await fact('child-exited')).exit.code).toBe(0);
    expect(out.text()).toBe('up\nbye\n');
  });

  test('that forks faster than it can be looked at is ended too', async () => {
    const script = `import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
end = time.monotonic() + 20
while time.monotonic() < end:
    if os.fork() > 0: os._exit(0)
    os.setsid()
    time.sleep(0.002)`;
    const { start, fact, out, clear } = await rig(['python3', '-c', script]);
    const run = await start();
    await fact('child-exited');
    clear(run, 'SIGTERM', 100, false);
    await fact('run-cleared', run.runId);
    const mark = Buffer.from(`AGENT_WATCH_RUN_ID=${run.runId}`);
    const left = readdirSync('/proc').filter(name => {
      try {
        return /^\d+$/.test(name) && readFileSync(`/proc/${name}/environ`).includes(mark);
      } catch {
        return false;
      }
    });
    expect(left).toEqual([]);
    expect(out.text()).toMatch(/^\d+\n/);
  });

  test('kills at once on request in the middle of the grace, and in the drain', async () => {
    for (const drain of [false, true]) {
      const clearedMs: number[] = [];
      for (let round = 0; round < 5; round++) {
        const { child, start, fact, clear } = await rig(
          sh(`sh -c 'trap "" TERM; while :; do echo x; sleep 0.05; done' & exit 1`),
        );
        const run = await start();
        const exited = await fact('child-exited');
        clear(run, 'SIGTERM', 3_600_000, drain);
        child.signalTree(run.runId, 'SIGKILL', 'tree');
        clearedMs.push((await fact('run-cleared')).mono - exited.mono);
      }
      // The best of them, since the machine may have other things to do; a drain alone takes longer.
      expect(Math.min(...clearedMs)).toBeLessThan(900);
    }
  });

  test('finishes in its grace, and is not killed', async () => {
    const script = `trap 'sleep 0.3; echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done`;
    const { child, start, fact, out } = await rig(sh(script));
    const run = await start();
    await until('up', () => out.text() === 'up\n');
    child.signalTree(run.runId, 'SIGTERM', 'tree');
    expect((await fact('child-exited')).exit).toEqual({ code: 3, signal: null });
    expect(out.text()).toBe('up\nbye\n');
  });

  test('a signal for the child alone reaches only it, once', async () => {
    const count = `trap 'echo $0' USR1; trap 'echo $0-end' USR2; echo up; while :; do sleep 0.05; done`;
    const { child, start, out } = await rig([
      'sh',
      '-c',
      `sh -c '${count.replaceAll("'", `'"'"'`)}' inner & ${count}`,
      'outer',
    ]);
    const run = await start();
    await until('both', () => out.text().match(/up/g)?.length === 2);
    child.signalChild(run.runId, 'SIGUSR1');
    await until('the answer', () => out.text().includes('outer'));
    // One that came before this would be answered before it.
    child.signalTree(run.runId, 'SIGUSR2', 'tree');
    await until('both answers', () => out.text().match(/-end/g)?.length === 2);
    const lines = out.text().match(/(?:inner|outer).*/g) ?? [];
    expect(lines.filter(line => line.startsWith('inner'))).toEqual(['inner-end']);
    expect(lines.filter(line => line.startsWith('outer'))).toEqual(['outer', 'outer-end']);
  });

  const canBeNobody = process.getuid?.() === 0 && spawnSync('runuser', ['-u', 'nobody', 'true']).status === 0;
  test.skipIf(!canBeNobody)(
    `spares another user's process that merely bears the id, and ends one that descends${canBeNobody ? '' : ' (skipped: needs root and runuser)'}`,
    async () => {
      const script = `runuser -u nobody -- sh -c 'setsid sh -c "echo a \\$\\$; exec sleep 1000" & sleep 0.2'; runuser -u nobody -- sleep 1000`;
      const { child, start, fact, out, clear } = await rig(sh(script));
      const run = await start();
      const far = Number((await until('the far one', () => out.text().match(/a (\d+)/)))[1]);
      await until('it to be nobody and the other to run', () => child.members().length >= 3);
      await until('it to be on its own', () => readFileSync(`/proc/${far}/stat`, 'latin1').includes(') S 1 '));
      const near = child.members().filter(row => row.pid !== far);
      const alone = await rig(['true']);
      alone.clear(run, 'SIGKILL', 0, false);
      await alone.fact('run-cleared');
      await fact('child-exited');
      expect(near.filter(row => runs(row.pid))).toEqual([]);
      expect(runs(far)).toBe(true);
      process.kill(far, 'SIGKILL');
      clear(run, null, 0, false);
      await fact('run-cleared');
    },
  );

  test('of a dead watcher is ended by pid, start time and id', async () => {
    const first = await rig(
      sh(`(setsid sh -c 'trap "" TERM; while :; do sleep 0.1; done' &); trap '' HUP; sleep 1000 & echo up; wait`),
    );
    const run = await first.start();
    await until('up', () => first.out.text() === 'up\n');
    const members = await until('all', () => (first.child.members().length >= 4 ? first.child.members() : null));
    const second = await rig(['true']);
    second.clear(run, 'SIGTERM', 300, false);
    expect((await second.fact('run-cleared')).ended).toBeGreaterThanOrEqual(3);
    expect(members.filter(row => runs(row.pid))).toEqual([]);
  });

  test('of a dead watcher whose pid is a stranger now leaves that alone', async () => {
    const stranger = await rig(sh('sleep 1000 & wait'));
    const run = await stranger.start();
    await until('both', () => stranger.child.members().length === 2);
    const second = await rig(['true']);
    second.clear({ runId: freshRunId(), pid: run.pid, startTicks: (run.startTicks ?? 0) - 1 }, 'SIGKILL', 0, false);
    expect((await second.fact('run-cleared')).ended).toBe(0);
    expect(stranger.child.members().length).toBe(2);
  });
});
