import { spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { listeningPortsOf } from '../support/processes.ts';
import { processesWithEnvironment, scratch } from '../support/scratch.ts';
import { startInTerminal, withoutPython } from '../support/terminal.ts';
import { until } from '../support/until.ts';
import { executable, phaseIs, run, startWatcher, statusOf, testEnvironment, type Watcher } from '../support/watcher.ts';

const alive = (folder: string) => processesWithEnvironment(`AW_TEST_FOLDER=${folder}`);
const text = (folder: string, file: string) =>
  existsSync(join(folder, file)) ? readFileSync(join(folder, file), 'utf8') : '';
const sh = (script: string) => ['--', 'sh', '-c', script];

/** Cleans up for 300 ms when it is told to end, and notes that it was told, and that it was done. */
const careful = sh(
  `trap 'echo told >> log; sleep 0.3; echo done >> log; exit 0' TERM; echo up; while :; do sleep 0.02; done`,
);
/** Notes each signal it gets. */
const noting = sh(
  `for each in HUP INT QUIT USR1 USR2 WINCH; do trap "echo $each >> log" $each; done
   trap 'echo TERM >> log; exit 0' TERM; echo up; while :; do sleep 0.02; done`,
);
/** Ends only by SIGKILL. */
const stubborn = sh(`trap 'echo told >> log' TERM INT; echo up; while :; do sleep 0.02; done`);

async function endedOrderly(folder: string, watcher: Watcher): Promise<void> {
  expect(await watcher.ended).toEqual({ code: 0, signal: null });
  expect(alive(folder)).toEqual([]);
}

describe('SIGTERM is one orderly stop', () => {
  test('50 times within 100 ms: the child gets one signal and finishes its clean-up', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, ['--name', 'many', ...careful]);
    await watcher.printed(/up/);
    for (let sent = 0; sent < 50; sent++) {
      watcher.process.kill('SIGTERM');
      await pause(2);
    }
    await endedOrderly(folder, watcher);
    expect(text(folder, 'log')).toBe('told\ndone\n');
    expect(watcher.err().match(/stopping: /g)).toHaveLength(1);
    expect(statusOf(folder, 'many')).toMatchObject({ phase: 'stopped', lastExit: { cause: 'stopped', code: 0 } });
  });

  test('while it is starting, at any moment: nothing is left, and the child was told or never was', async () => {
    const folder = scratch();
    const since = performance.now();
    const first = startWatcher(folder, ['--name', 'early', '--quiet', ...careful]);
    await first.printed(/up/);
    const startMs = performance.now() - since;
    first.process.kill('SIGTERM');
    await endedOrderly(folder, first);
    for (let round = 0; round < 25; round++) {
      const watcher = startWatcher(folder, ['--name', 'early', '--quiet', ...careful]);
      await pause((round / 25) * 1.2 * startMs);
      watcher.process.kill('SIGTERM');
      const { code, signal } = await watcher.ended;
      // Before our code runs there is nobody to take the signal, and nothing to stop.
      if (signal !== 'SIGTERM') expect(code).toBe(0);
      // A helper that made the pipes may be about to end; a child would stay.
      await until('nothing is left', () => alive(folder).length === 0);
      expect(['stopped', 'held']).toContain(statusOf(folder, 'early').phase);
    }
    const [told, done] = ['told', 'done'].map(word => text(folder, 'log').split(word).length);
    expect(told).toBe(done);
  });

  test('while it is stopping already: the clean-up continues', async () => {
    const folder = scratch();
    const held = sh(
      `trap 'echo told >> log; until [ -e let ]; do sleep 0.02; done; echo done >> log; exit 0' TERM
       echo up; while :; do sleep 0.02; done`,
    );
    const watcher = startWatcher(folder, ['--name', 'twice', '--stop-timeout', '1h', ...held]);
    await watcher.printed(/up/);
    const restart = startWatcher(folder, ['restart', 'twice']);
    await until('the child is told', () => text(folder, 'log') === 'told\n');
    watcher.process.kill('SIGTERM');
    await until('the signal is taken', () => {
      const status = readFileSync(`/proc/${watcher.pid}/status`, 'utf8');
      return /^SigPnd:\t0+$/m.test(status) && /^ShdPnd:\t0+$/m.test(status);
    });
    writeFileSync(join(folder, 'let'), '');
    expect((await restart.ended).code).toBe(1);
    await endedOrderly(folder, watcher);
    expect(restart.err()).toMatch(/twice: no new run: stopped/);
    expect(text(folder, 'log')).toBe('told\ndone\n');
  });

  test('in a long backoff', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, ['--name', 'wait', '--backoff', '1h', ...sh('exit 1')]);
    await phaseIs(folder, 'wait', 'backoff');
    watcher.process.kill('SIGTERM');
    await endedOrderly(folder, watcher);
  });

  test('in a hold: the hold stays', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, ['--name', 'held', '--hold-codes', '78', ...sh('exit 78')]);
    await phaseIs(folder, 'held', 'held');
    watcher.process.kill('SIGTERM');
    await endedOrderly(folder, watcher);
    expect(statusOf(folder, 'held')).toMatchObject({ phase: 'held', watcherPid: null });
  });

  test('while the leftovers of a crash are ended', async () => {
    const folder = scratch();
    const script = `(trap '' TERM; exec sleep 1000) & exit 1`;
    const watcher = startWatcher(folder, ['--name', 'rest', '--backoff', '0ms', '--stop-timeout', '3s', ...sh(script)]);
    await watcher.said(/exited with code 1/);
    watcher.process.kill('SIGTERM');
    await endedOrderly(folder, watcher);
    expect(statusOf(folder, 'rest').restarts).toBe(0);
  });
});

describe('escalation', () => {
  test('a child that ignores SIGTERM is killed at --stop-timeout', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, ['--name', 'deaf', '--stop-timeout', '1s', ...stubborn]);
    await watcher.printed(/up/);
    const asked = performance.now();
    watcher.process.kill('SIGTERM');
    await endedOrderly(folder, watcher);
    expect(performance.now() - asked).toBeGreaterThan(950);
    expect(text(folder, 'log')).toBe('told\n');
    expect(statusOf(folder, 'deaf').lastExit).toMatchObject({ signal: 'SIGKILL', cause: 'stopped' });
  });

  test('`stop --now` kills at once', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, ['--name', 'now', '--stop-timeout', '1h', ...stubborn]);
    await watcher.printed(/up/);
    expect(run(folder, ['stop', 'now', '--now']).code).toBe(0);
    await endedOrderly(folder, watcher);
  });

  test('a second SIGINT kills, but not within the first second', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, ['--name', 'int', '--stop-timeout', '1h', ...stubborn]);
    await watcher.printed(/up/);
    const began = performance.now();
    watcher.process.kill('SIGINT');
    await watcher.said(/stopping: /);
    const isEarly = performance.now() - began < 500;
    // On a machine so busy that half a second is gone, whether the second one comes within the first second is chance.
    if (isEarly) watcher.process.kill('SIGINT');
    await until('the child is told', () => text(folder, 'log') === 'told\n');
    await until('a second has passed', () => performance.now() - began > 1100);
    expect(statusOf(folder, 'int').phase).toBe('stopping');
    expect(text(folder, 'log')).toBe('told\n');
    watcher.process.kill('SIGTERM');
    watcher.process.kill('SIGINT');
    await endedOrderly(folder, watcher);
  });
});

describe('signals for the child', () => {
  for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGQUIT'] as const) {
    test(`${signal} is forwarded once`, async () => {
      const folder = scratch();
      const watcher = startWatcher(folder, ['--name', 'forward', ...noting]);
      await watcher.printed(/up/);
      watcher.process.kill(signal);
      await until('it is there', () => text(folder, 'log') !== '');
      watcher.process.kill('SIGTERM');
      await endedOrderly(folder, watcher);
      expect(text(folder, 'log')).toBe(`${signal.slice(3)}\nTERM\n`);
    });
  }

  test('SIGINT stops and arrives as SIGINT, once', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, [
      '--name',
      'int',
      ...sh(`trap 'echo INT >> log; sleep 0.2; exit 0' INT; echo up; while :; do sleep 0.02; done`),
    ]);
    await watcher.printed(/up/);
    watcher.process.kill('SIGINT');
    await endedOrderly(folder, watcher);
    expect(text(folder, 'log')).toBe('INT\n');
  });

  test('SIGINT arrives as --stop-signal where that was given', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, ['--name', 'int', '--stop-signal', 'TERM', ...noting]);
    await watcher.printed(/up/);
    watcher.process.kill('SIGINT');
    await endedOrderly(folder, watcher);
    expect(text(folder, 'log')).toBe('TERM\n');
  });

  test('SIGHUP is forwarded where there is no terminal at all', async () => {
    const folder = scratch();
    const out = openSync(join(folder, 'out'), 'w');
    // A session of its own, and so no controlling terminal.
    const service = spawn(executable, ['--name', 'hup', ...noting], {
      cwd: folder,
      env: testEnvironment(folder),
      detached: true,
      stdio: ['ignore', out, out],
    });
    const ended = new Promise(done => service.once('close', done));
    await until('it is up', () => /^up$/m.test(text(folder, 'out')));
    service.kill('SIGHUP');
    await until('it is there', () => text(folder, 'log') !== '');
    service.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(text(folder, 'log')).toBe('HUP\nTERM\n');
  });
});

describe.skipIf(withoutPython)(`in a terminal${withoutPython ? ` (skipped: ${withoutPython})` : ''}`, () => {
  const interrupted = sh(
    `trap 'echo INT >> log; sleep 0.2; exit 0' INT; trap 'echo TERM >> log; exit 0' TERM; echo up; while :; do sleep 0.02; done`,
  );

  test('Ctrl-C gives the child exactly one SIGINT', async () => {
    const folder = scratch();
    const terminal = await startInTerminal(folder, ['--name', 'ctrl-c', ...interrupted]);
    terminal.read();
    await until('it is up', () => /^up$/m.test(terminal.screen().toString()));
    terminal.type('\x03');
    expect(await terminal.ended).toBe(0);
    expect(text(folder, 'log')).toBe('INT\n');
    expect(alive(folder)).toEqual([]);
  });

  test('the end of the terminal stops it', async () => {
    const folder = scratch();
    const terminal = await startInTerminal(folder, ['--name', 'closed', ...careful]);
    terminal.read();
    await until('it is up', () => /^up$/m.test(terminal.screen().toString()));
    terminal.hangUp();
    expect(await terminal.ended).toBe(0);
    expect(text(folder, 'log')).toBe('told\ndone\n');
    expect(alive(folder)).toEqual([]);
  });

  test('SIGHUP is ignored where the terminal is only the controlling one', async () => {
    const folder = scratch();
    const terminal = await startInTerminal(folder, ['--name', 'nohup', ...noting], 'elsewhere');
    await until('it is up', () => /^up$/m.test(text(folder, 'screen.out')));
    process.kill(terminal.pid, 'SIGHUP');
    // Signals are taken in order, so that one that was not ignored would be noted before this one.
    process.kill(terminal.pid, 'SIGUSR2');
    await until('the next one is there', () => text(folder, 'log').includes('USR2'));
    terminal.hangUp();
    process.kill(terminal.pid, 'SIGUSR1');
    await until('it outlived the terminal', () => text(folder, 'log').includes('USR1'));
    process.kill(terminal.pid, 'SIGTERM');
    expect(await terminal.ended).toBe(0);
    expect(text(folder, 'log')).toBe('USR2\nUSR1\nTERM\n');
  });
});

describe('no debugger is opened', () => {
  test('by SIGUSR1, at any moment of the first tenth of a second', async () => {
    const folder = scratch();
    for (let round = 0; round < 25; round++) {
      const watcher = startWatcher(folder, [
        '--name',
        `usr1-${round}`,
        ...sh('trap "" USR1; echo up; exec sleep 1000'),
      ]);
      const isUp = round === 24;
      await (isUp ? watcher.printed(/up/) : pause(round * 4));
      watcher.process.kill('SIGUSR1');
      // In the very first milliseconds the kernel's own answer is the only one.
      const ended = () => watcher.process.signalCode;
      await until('it is up or has ended', () => /up/.test(watcher.out()) || ended() !== null);
      if (ended() === null) expect(listeningPortsOf(watcher.pid)).toEqual([]);
      else expect({ ended: ended(), isUp }).toEqual({ ended: 'SIGUSR1', isUp: false });
      watcher.process.kill('SIGKILL');
      await watcher.ended;
      expect(watcher.err()).not.toMatch(/listening/);
    }
  });

  test('by NODE_OPTIONS=--inspect', async () => {
    const folder = scratch();
    const watcher = startWatcher(folder, ['--name', 'inspect', ...sh('echo "$NODE_OPTIONS"; exec sleep 1000')], {
      env: { NODE_OPTIONS: '--inspect=127.0.0.1:0' },
    });
    await watcher.printed(/--inspect/);
    expect(listeningPortsOf(watcher.pid)).toEqual([]);
    expect(watcher.err()).not.toMatch(/Debugger/);
    watcher.process.kill('SIGTERM');
    await watcher.ended;
  });
});
