import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Invocation, Settings } from '../../../src/cli/arguments/invocation.ts';
import { parse } from '../../../src/cli/arguments/parse.ts';
import { optionNames } from '../../../src/cli/options/index.ts';
import { UsageError } from '../../../src/cli/usage-error.ts';
import { faultOf, somewhere } from '../somewhere.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'agent-watch-parse-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function watched(...argv: string[]): Promise<Settings> {
  const invocation = await parse(argv, somewhere({ cwd: folder }));
  if (invocation.kind !== 'watch') throw new Error(`it is ${invocation.kind}`);
  return invocation.settings;
}

describe('watching a command', () => {
  test('without options: the contract’s defaults', async () => {
    const settings = await watched('--', 'python3', 'my_agent.py');
    expect(settings).toMatchObject({
      command: ['python3', 'my_agent.py'],
      configFile: null,
      given: [],
      identity: {
        name: 'my_agent',
        nameGiven: false,
        stateDir: '/home/someone/.local/state/agent-watch',
        cwd: folder,
        env: {},
        stdin: 'auto',
      },
      restart: {
        restart: 'always',
        backoffMs: 1000,
        backoffFactor: 2,
        backoffMaxMs: 3_600_000,
        jitter: 0,
        healthyAfterMs: 120_000,
        flapThreshold: 5,
        flapWindowMs: 300_000,
        flapCooldownMs: 600_000,
        maxRestarts: null,
        successCodes: [0],
        holdCodes: [],
        onCause: { 'rate-limited': { kind: 'wait', everyMs: null }, 'auth-failed': { kind: 'wait', everyMs: 900_000 } },
        maxWaitMs: 691_200_000,
        resumeCommand: null,
        patterns: { success: null, failAtExit: null, done: null, doneGraceMs: 30_000 },
        onHold: 'wait',
        stopSignal: 'SIGTERM',
        stopSignalGiven: false,
        stopTimeoutMs: 10_000,
        stopTo: 'main',
        maxRuntimeMs: null,
        expectDurationMs: null,
        schedule: null,
      },
      output: { quiet: false, log: { maxBytes: 10 * 1024 ** 2, keep: 5 }, tailLines: 20, bufferBytes: 256 * 1024 },
      diagnosis: { diagnose: { kind: 'rules' }, timeoutMs: 10_000, maxCalls: { count: 20, windowMs: 86_400_000 } },
      health: { probes: [], intervalMs: 30_000, timeoutMs: 5000, retries: 3, startPeriodMs: 60_000, killWhen: null },
      alerts: {
        webhooks: [],
        on: new Set(['flap', 'slow-loop', 'hold', 'limited', 'unhealthy', 'recovered']),
        cooldownMs: 900_000,
      },
      service: { listen: null, notifyReady: 'up' },
    });
  });

  test('every built option reaches its setting', async () => {
    mkdirSync(join(folder, 'work'));
    const settings = await watched(
      ...['--name', 'bot', '--state-dir', 'st', '--cwd', 'work', '--env', 'A=1', '--env', 'B=x=y', '--stdin', 'null'],
      ...['--restart', 'on-failure', '--backoff', '0ms', '--backoff-factor', '1.5', '--backoff-max', '5m'],
      ...['--jitter', '0.1', '--healthy-after', '1s', '--flap-threshold', '3', '--flap-window', '10s'],
      ...['--flap-cooldown', '20s', '--max-restarts', '9', '--success-codes', '0,3', '--success-codes', '4'],
      ...['--hold-codes', '78', '--on-hold', 'exit', '--stop-signal', 'INT', '--stop-timeout', '3s'],
      ...['--max-runtime', '8h', '--expect-duration', '1h', '--quiet', '--no-log', '--log-max-size', '1M'],
      ...['--log-keep', '2', '--tail-lines', '5', '--buffer-size', '64K', '--diagnose', 'off', '--', 'x'],
    );
    expect(settings).toMatchObject({
      identity: {
        name: 'bot',
        nameGiven: true,
        stateDir: join(folder, 'st'),
        cwd: join(folder, 'work'),
        env: { A: '1', B: 'x=y' },
        stdin: 'null',
      },
      restart: {
        restart: 'on-failure',
        backoffMs: 0,
        backoffFactor: 1.5,
        backoffMaxMs: 300_000,
        jitter: 0.1,
        healthyAfterMs: 1000,
        flapThreshold: 3,
        flapWindowMs: 10_000,
        flapCooldownMs: 20_000,
        maxRestarts: 9,
        successCodes: [0, 3, 4],
        holdCodes: [78],
        onCause: { 'rate-limited': { kind: 'wait', everyMs: null }, 'auth-failed': { kind: 'wait', everyMs: 900_000 } },
        maxWaitMs: 691_200_000,
        resumeCommand: null,
        patterns: { success: null, failAtExit: null, done: null, doneGraceMs: 30_000 },
        onHold: 'exit',
        stopSignal: 'SIGINT',
        stopSignalGiven: true,
        stopTimeoutMs: 3000,
        maxRuntimeMs: 8 * 3_600_000,
        expectDurationMs: 3_600_000,
      },
      output: { quiet: true, log: null, tailLines: 5, bufferBytes: 65_536 },
      diagnosis: { diagnose: { kind: 'off' } },
    });
    expect(settings.given.find(({ name }) => name === 'state-dir')?.text).toBe(join(folder, 'st'));
  });

  test('an option that has nothing to act on is no error', async () => {
    const settings = await watched('--backoff', '2h', '--backoff-max', '1s', '--no-log', '--log-keep', '3', '--', 'x');
    expect(settings.restart.backoffMs).toBe(7_200_000);
  });

  test('under journald one rotated log is kept, unless told otherwise', async () => {
    const here = somewhere({ cwd: folder, underJournal: true });
    expect(await parse(['--', 'x'], here)).toMatchObject({ settings: { output: { log: { keep: 1 } } } });
    const told = await parse(['--log-keep', '5', '--', 'x'], here);
    expect(told).toMatchObject({ settings: { output: { log: { keep: 5 } } } });
  });

  test('unusual runs are alerted by default where there is a schedule or a judge', async () => {
    const on = async (...options: string[]) => (await watched(...options, '--', 'x')).alerts.on.has('unusual');
    expect(await on('--schedule', '0 7 * * *')).toBe(true);
    expect(await on('--schedule', '0 7 * * *', '--alert-on', 'crash')).toBe(false);
    expect(await on('--alert-on', 'unusual')).toBe(true);
    expect(await on()).toBe(false);
    writeFileSync(join(folder, 'rubric.txt'), 'It names a line.', { mode: 0o600 });
    const judge = ['--judge', 'rubric.txt', '--judge-with', 'ollama'];
    expect(await on(...judge)).toBe(true);
    expect(await on(...judge, '--alert-on', 'crash')).toBe(false);
  });

  test('what is after the -- is exact, whatever it looks like', async () => {
    const { command } = await watched('--', 'status', '--', '--help', '', '-', 'a\nb');
    expect(command).toEqual(['status', '--', '--help', '', '-', 'a\nb']);
  });

  test('an environment file, a variable of --env over it', async () => {
    writeFileSync(join(folder, 'bot.env'), '# keys\nexport A=1\nB="two words"\n');
    const { identity } = await watched('--env', 'A=9', '--env-file', 'bot.env', '--', 'x');
    expect(identity.env).toEqual({ A: '9', B: 'two words' });
    writeFileSync(join(folder, 'bad.env'), 'A=1\nno assignment\n');
    expect(await faultOf(() => watched('--env-file', 'bad.env', '--', 'x'))).toContain('bad.env:2: "no assignment"');
    expect(await faultOf(() => watched('--env-file', 'gone', '--', 'x'))).toBe('--env-file: gone does not exist');
  });
});

describe('the other commands', () => {
  const stateDir = '/home/someone/.local/state/agent-watch';
  const of = (...names: string[]) => ({ names, all: false, allUsers: false, stateDir, stateDirGiven: false });
  test.each<[string, Invocation]>([
    ['runs a* -n 5', { kind: 'runs', lines: 5, json: false, ...of('a*') }],
    ['runs show a 7 --json', { kind: 'run', name: 'a', run: 7, lines: null, json: true, ...of() }],
    ['runs show a', { kind: 'run', name: 'a', run: null, lines: null, json: false, ...of() }],
    ['status', { kind: 'status', json: false, watch: false, detailed: false, ...of() }],
    ['ls', { kind: 'status', json: false, watch: false, detailed: false, ...of() }],
    ['status a --json', { kind: 'status', json: true, watch: false, detailed: false, ...of('a') }],
    ['show a b', { kind: 'status', json: false, watch: false, detailed: true, ...of('a', 'b') }],
    ['stop a --now', { kind: 'stop', now: true, ...of('a') }],
    ['kill a', { kind: 'stop', now: true, ...of('a') }],
    ['stop --all', { kind: 'stop', now: false, ...of(), all: true }],
    ['stop a --state-dir /s', { kind: 'stop', now: false, ...of('a'), stateDir: '/s', stateDirGiven: true }],
    ['restart a b*', { kind: 'restart', watcher: false, ...of('a', 'b*') }],
    ['restart a --watcher', { kind: 'restart', watcher: true, ...of('a') }],
    ['reset a', { kind: 'reset', yes: false, ...of('a') }],
    ['reset a --yes', { kind: 'reset', yes: true, ...of('a') }],
    ['signal a usr1', { kind: 'signal', signal: 'SIGUSR1', ...of('a') }],
    ['signal a b usr1', { kind: 'signal', signal: 'SIGUSR1', ...of('a', 'b') }],
    ['signal --all HUP', { kind: 'signal', signal: 'SIGHUP', ...of(), all: true }],
    ['-v', { kind: 'version' }],
    ['-V', { kind: 'version' }],
    ['--help', { kind: 'help', topic: 'usual' }],
    ['-h', { kind: 'help', topic: 'usual' }],
    ['help', { kind: 'help', topic: 'usual' }],
    ['--help all', { kind: 'help', topic: 'all' }],
    ['help all', { kind: 'help', topic: 'all' }],
    ['all --help', { kind: 'help', topic: 'all' }],
    ['stop --help', { kind: 'help', topic: 'stop' }],
    ['logs --help', { kind: 'help', topic: 'logs' }],
    ['help status', { kind: 'help', topic: 'status' }],
    ['--help -- x', { kind: 'help', topic: 'usual' }],
    ['--version', { kind: 'version' }],
    ['version', { kind: 'version' }],
  ])('%s', async (line, invocation) =>
    expect({ ...(await parse(line.split(' '), somewhere())), word: undefined }).toEqual(invocation),
  );

  test('no arguments at all on a terminal are a request for help', async () => {
    expect(await parse([], somewhere({ onTerminal: () => true }))).toEqual({ kind: 'help', topic: 'usual' });
  });
});

describe('one line names what is wrong', () => {
  test.each<[string, string]>([
    ['', 'no command to watch; write: agent-watch -- command'],
    ['--', 'no command after --'],
    ['--name x', 'no command to watch'],
    ['--backoff 5 -- x', '--backoff: "5" has no unit; write 5s, 5m or 5ms'],
    ['--backoff= -- x', '--backoff: the value is empty'],
    ['--buffer-size 256 -- x', '--buffer-size: "256" has no unit; write 256M, 256K or 256G'],
    ['--buffer-size 1B -- x', 'the smallest is 1K'],
    ['--buffer-size 2G -- x', 'the largest is 1G'],
    ['--restart allways -- x', '--restart: "allways" is not one of always, on-failure, never; did you mean always?'],
    ['--stop-signal TREM -- x', '--stop-signal: unknown signal "TREM"; did you mean SIGTERM?'],
    ['--flap-threshold -1 -- x', '--flap-threshold needs a value'],
    ['--backoff-factor 0.5 -- x', 'the smallest is 1'],
    ['--max-runtime 0s -- x', 'the smallest is 1ms'],
    ['--success-codes 0,256 -- x', '--success-codes: invalid exit code "256"'],
    ['--name a/b -- x', '--name: invalid name "a/b"'],
    ['--env A -- x', '--env: "A" has no value; write A=value'],
    ['--cwd gone -- x', 'gone does not exist'],
    ['--diagnose ruels -- x', 'did you mean rules?'],
    ['doctor a b', 'unexpected argument "b"; usage: agent-watch doctor [name]'],
    ['stop', 'stop: missing name, or --all; usage: agent-watch stop <name...>'],
    ['stop a --all', 'stop: give names or --all, not both'],
    ['kill', 'kill: missing name'],
    ['show', 'show: missing name; usage: agent-watch show <name...>'],
    ['stop a -- x', 'stop takes no command after --'],
    ['stop --name a', '--name is not an option of stop; agent-watch help stop lists its options'],
    ['status --jsn a', 'unknown option "--jsn"; did you mean --json?'],
    ['signal a', 'signal needs names and a signal; write: agent-watch signal a SIGUSR1'],
    ['signal HUP', 'signal needs names and a signal; write: agent-watch signal NAME HUP'],
    ['signal a USR3', 'unknown signal "USR3"; did you mean SIGUSR'],
    ['--json -- x', '--json is not an option of watching a command; it is for status'],
    ['--progress-pattern x -- y', '--progress-pattern: has no effect without --stale-after'],
    ['--metrics m.json -- y', '--metrics: has no effect without --kill-when'],
    ['--help stauts', 'no help on "stauts"; did you mean status?'],
    ['help frob', 'no help on "frob"'],
    ['--config gone.yaml', '--config: gone.yaml does not exist'],
    ['--config= -- x', '--config: the value is empty'],
  ])('agent-watch %s', async (line, message) => {
    const argv = line === '' ? [] : line.split(' ');
    expect(await faultOf(() => parse(argv, somewhere({ cwd: folder })))).toContain(message);
  });

  test('control characters do not reach the terminal', async () => {
    const message = await faultOf(() => parse(['--name', 'a\u001b[31m\nb', '--', 'x'], somewhere()));
    expect(message).not.toMatch(/[\u0000-\u001f]/);
  });
});

const written = fc.oneof(
  fc.constantFrom(...optionNames.filter(name => name !== 'config' && name !== 'env-file')).chain(name =>
    fc.oneof(
      fc.constant([`--${name}`]),
      fc
        .constantFrom('1s', '5', '0', '1G', 'a', 'A=b', 'rules', 'always', 'true', 'local', '0.5')
        .map(value => [`--${name}`, value]),
      fc.string({ unit: 'binary' }).map(value => [`--${name}=${value}`]),
    ),
  ),
  fc.constantFrom('status', 'stop', 'signal', 'help', 'logs', 'incidents', 'x', 'SIGTERM').map(word => [word]),
);

test('any command line is taken, or refused in one line', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(written, { maxLength: 5 }), fc.option(fc.array(fc.string())), async (words, command) => {
      const argv = [...words.flat(), ...(command === null ? [] : ['--', ...command])];
      try {
        const invocation = await parse(argv, somewhere({ cwd: folder }));
        if (invocation.kind === 'watch') expect(invocation.settings.command).toEqual(command);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        expect(error.message).toMatch(/^[^\n\r]+$/);
      }
    }),
    { numRuns: 2000 },
  );
});
