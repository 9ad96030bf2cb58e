/**
 * Writes docs/at-night.md: for each kind of trouble the alert, and what the command in it and the next one print. All of it comes from real
 * runs of the built executable:
 *
 *   node scripts/transcripts.ts
 *
 * A test makes the page again and compares it with the one that is there, apart from what differs from run to run ({@link comparable}).
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const root = resolve(import.meta.dirname, '..');
const program = join(root, 'build/agent-watch');
export const page = join(root, 'docs/at-night.md');

/** A service and how it gets into trouble. */
interface Story {
  readonly title: string;
  readonly name: string;
  /** What is said about it. */
  readonly about: string;
  /** Files of its folder. */
  readonly files: Readonly<Record<string, string>>;
  /** Options, then `--`, then the command. */
  readonly command: readonly string[];
  /** What the alert that is shown begins with. */
  readonly alert: RegExp;
  /** Makes the trouble, once the service is up. */
  trouble?(folder: string): void;
  /** What a person does between the two commands, and how that is told. */
  readonly cure?: { readonly told: string; done(folder: string): void };
}

const quick = ['--backoff', '200ms', '--backoff-factor', '1'];

/** As agents write it: `6:34pm`. */
function inThreeHours(): string {
  const at = new Date(Date.now() + 3 * 3_600_000);
  const hours = at.getUTCHours();
  return `${hours % 12 || 12}:${String(at.getUTCMinutes()).padStart(2, '0')}${hours < 12 ? 'am' : 'pm'}`;
}

const scraper = (part: number) => `import time

def price(line):
    parts = line.split(",")
    return float(parts[${part}])

time.sleep(0.3)
print("price", price("ACME,12.5"))
time.sleep(1000)
`;

const stories = (port: number): Story[] => [
  {
    title: 'A crash',
    name: 'scraper',
    about: 'The program raises an exception again and again. It is not restarted for the length of the cooldown.',
    files: { 'scraper.py': scraper(2) },
    cure: {
      told: 'Line 5 of `scraper.py` is mended',
      done: folder => writeFileSync(join(folder, 'scraper.py'), scraper(1)),
    },
    command: [...quick, '--', 'python3', 'scraper.py'],
    alert: /keeps crashing/,
  },
  {
    title: 'A hang',
    name: 'agent',
    about: 'The program is up and does nothing: it waits for an answer that does not come.',
    files: {
      'agent.py': `import socket, time

server = socket.create_server(("127.0.0.1", 0))
print("step 1: reading the inbox", flush=True)
print("step 2: asking the model", flush=True)
socket.create_connection(server.getsockname()).recv(1)
`,
    },
    command: ['--stale-after', '10s', '--health-start-period', '0s', '--backoff', '1m', '--', 'python3', 'agent.py'],
    alert: /is unhealthy/,
  },
  {
    title: 'A failing probe',
    name: 'web',
    about: 'The process is alive and answers every request with an error.',
    files: { 'web.sh': 'echo "listening"\nsleep 1000\n' },
    command: [
      ...['--http', `http://127.0.0.1:${port}/health`, '--health-interval', '2s', '--health-start-period', '0s'],
      ...['--backoff', '1m'],
      ...['--', 'sh', 'web.sh'],
    ],
    alert: /is unhealthy/,
  },
  {
    title: 'A usage limit',
    name: 'claude',
    about: 'An agent has used up its quota. It is started again when the limit ends, without anybody.',
    files: {
      'claude.sh': `echo "Working on issue 12"\nsleep 0.3\necho "You've hit your session limit · resets ${inThreeHours()}"\nexit 1\n`,
    },
    command: ['--', 'sh', 'claude.sh'],
    alert: /has hit a limit/,
  },
  {
    title: 'A kill condition',
    name: 'trader',
    about: 'The numbers of a trading bot have passed a limit. It was stopped, and nothing starts it but a person.',
    files: { 'metrics.json': '{"daily_loss": 3.1}\n', 'trader.sh': 'echo "position opened"\nsleep 1000\n' },
    command: [
      ...['--kill-when', 'daily_loss > $10', '--metrics', 'metrics.json', '--health-interval', '300ms'],
      ...['--', 'sh', 'trader.sh'],
    ],
    alert: /is held/,
    trouble: folder => writeFileSync(join(folder, 'metrics.json'), '{"daily_loss": 12.4}\n'),
    cure: {
      told: 'The positions are closed, and the day is settled',
      done: folder => writeFileSync(join(folder, 'metrics.json'), '{"daily_loss": 0}\n'),
    },
  },
  {
    title: 'A dead login',
    name: 'codex',
    about:
      'The token of an agent has expired. It is tried again every 15 minutes, because a new process reads a new token.',
    files: {
      'codex.sh': `echo "Reading the task"\nsleep 0.3\n[ -f token ] && exec sleep 1000\necho "ERROR: Your access token could not be refreshed. Please log out and sign in again." >&2\nexit 1\n`,
    },
    command: [...quick, '--', 'sh', 'codex.sh'],
    cure: {
      told: '`codex login` has stored a new token',
      done: folder => writeFileSync(join(folder, 'token'), 'new\n'),
    },
    alert: /has hit a limit/,
  },
];

/** Makes the page from runs in a folder of its own. */
export async function transcripts(executable = program): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'agent-watch-night-'));
  const sick = createServer((_request, response) => {
    response.writeHead(503).end('database pool exhausted\n');
  });
  await new Promise<void>(done => void sick.listen(0, '127.0.0.1', done));
  const { port } = sick.address() as AddressInfo;
  try {
    const told = await Promise.all(stories(port).map(story => tell(story, join(folder, story.name), executable)));
    return anywhere([HEAD, ...told, FOOT].join('\n'), folder);
  } finally {
    spawnSync(executable, ['stop', '--all', '--now', '--state-dir', join(folder, 'state')]);
    sick.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Nothing on the page is about the machine on which it was made. */
function anywhere(text: string, folder: string): string {
  return text
    .replaceAll(folder, '/srv')
    .replace(/\S*\/bin\/python3/g, 'python3')
    .replace(new RegExp(`\\b${hostname()}(?=[,:']|$)`, 'gm'), 'box');
}

const HEAD = `# What to do when an alert comes at night

An alert holds one command. What that command prints says what happened, why, and at its end what to type next. The
six transcripts below are real: \`node scripts/transcripts.ts\` runs the services and writes this page, and a test
compares it with what the commands print now. The times are short, so that they take seconds; the texts are those that
arrive by \`--alert-file\`. Slack, Discord, ntfy and Telegram get the same lines, and the last lines of the log below them.
`;

const FOOT = `
## No alert, but something is wrong

\`agent-watch brief\` says what needs attention, each with the command to type. \`agent-watch top\` shows all services live.
`;

async function tell(story: Story, folder: string, executable: string): Promise<string> {
  const { name, files, command } = story;
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  const state = join(folder, '../state');
  const alerts = join(folder, 'alerts.txt');
  const env = { ...process.env, AGENT_WATCH_STATE_DIR: state, TZ: 'UTC' };
  const options = ['--name', name, '--quiet', '--alert-file', alerts, ...command];
  const watcher = spawn(executable, options, { cwd: folder, env, stdio: 'ignore' });
  const ended = new Promise(done => watcher.once('close', done));
  try {
    if (story.trouble !== undefined) {
      await until(() => existsSync(join(state, name, 'output.log')), `${name} is up`);
      story.trouble(folder);
    }
    const alert = await until(() => alertIn(alerts, story.alert), `the alert of ${name}`);
    const run = (line: string) => {
      const { stdout, stderr, status } = spawnSync(executable, line.split(' ').slice(1), {
        cwd: folder,
        env,
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(`${line}: ${stderr}`);
      return stdout.trimEnd();
    };
    const first = commandIn(alert);
    const answer = run(first);
    const next = commandIn(answer);
    story.cure?.done(folder);
    return section(story, alert, [
      { told: '', line: first, output: answer },
      { told: story.cure === undefined ? '' : `${story.cure.told}. Then:`, line: next, output: run(next) },
    ]);
  } finally {
    watcher.kill('SIGTERM');
    await ended;
  }
}

/** The alert that begins with such a line, and the indented lines below it. */
function alertIn(path: string, wanted: RegExp): string | null {
  if (!existsSync(path)) return null;
  const alerts = readFileSync(path, 'utf8').split(/\n(?! )/);
  return alerts.find(alert => wanted.test(alert.split('\n')[0] ?? ''))?.trimEnd() ?? null;
}

/** The last line that is nothing but a command. */
function commandIn(text: string): string {
  const command = text.split('\n').findLast(line => /^\s+agent-watch \S/.test(line));
  if (command === undefined) throw new Error(`no command in:\n${text}`);
  return command.trim();
}

interface Step {
  readonly told: string;
  readonly line: string;
  readonly output: string;
}

function section({ title, about, name, command }: Story, alert: string, steps: readonly Step[]): string {
  const start = ['agent-watch', 'start', '--name', name, ...command].map(word =>
    /^[\w@%+=:,./*-]+$/.test(word) ? word : `'${word}'`,
  );
  const shown = steps.flatMap(({ told, line, output }) => [
    ...(told === '' ? [] : ['', told]),
    ...['', '~~~text', `$ ${line}`, output, '~~~'],
  ]);
  return [
    `\n## ${title}`,
    '',
    about,
    '',
    `Started by \`${start.join(' ')}\`. The alert:`,
    '',
    '~~~text',
    alert,
    '~~~',
    ...shown,
  ].join('\n');
}

async function until<T>(look: () => T | null | false, what: string): Promise<T> {
  const end = Date.now() + 60_000;
  for (;;) {
    const found = look();
    if (found !== null && found !== false) return found as T;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await pause(50);
  }
}

/**
 * The page without what differs from run to run and from machine to machine: times, durations, sizes, pids, ports, ids, memory that was
 * sampled or not, inherited files, and how a Python marks the place in a line.
 */
export function comparable(text: string): string {
  return text
    .replace(/^(?: {4}\| )? *[~^]+ *$\n/gm, '')
    .replace(/The last (?:line|\d+ lines)/g, 'The last lines')
    .replace(/, resident memory .* at most$/gm, '')
    .replace(/^- .* resident memory at its highest, .*\n/gm, '')
    .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::[\d.]+Z?)?/g, 'TIME')
    .replace(/until (?:[A-Z][a-z]{2} \d+ )?\d\d:\d\d/g, 'until TIME')
    .replace(/resets \d+:\d\d[ap]m/g, 'resets TIME')
    .replace(/\b\d+(?:\.\d+)?(?:ms|s|m\d\ds|m|h\d\dm|h)\b/g, 'DURATION')
    .replace(/\bpid \d+|\b127\.0\.0\.1:\d+|^- \d+(?= .*: state )|\b(?:command|watcher) \d+/gm, match =>
      match.replace(/\d+$/, 'N'),
    )
    .replace(/ in \w+(?=; \w+)|; \d+\.\d% CPU|; open: .*$/gm, '')
    .replace(/no CPU time used|CPU use not known|\d+% of a core used/g, 'CPU')
    .replace(/-m[a-z0-9]{7,8}\b/g, '-ID')
    .replace(/fingerprint [0-9a-f]{16}/g, 'fingerprint ID');
}

if (process.argv[1] === import.meta.filename) writeFileSync(page, await transcripts());
