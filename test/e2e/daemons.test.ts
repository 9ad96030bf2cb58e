import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { asNobody, because, missing, NOBODY } from '../support/fixture.ts';
import { lives, startTicksOf } from '../support/processes.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { run, startWatcher } from '../support/watcher.ts';

const root = process.getuid?.() === 0 ? null : 'only root can be a second user';
const postgres = existsSync('/usr/lib/postgresql')
  ? readdirSync('/usr/lib/postgresql').map(version => `/usr/lib/postgresql/${version}/bin`)[0]
  : undefined;
const quick = ['--name', 'it', '--backoff', '50ms', '--backoff-factor', '1', '--flap-threshold', '0'];

/** A real server that puts itself in the background, and where it writes its pid. */
interface Server {
  name: string;
  why: string | null;
  prepare(folder: string): { command: string[]; pidFile: string };
}

const servers: Server[] = [
  {
    name: 'redis-server --daemonize yes',
    why: missing('redis-server', '--version'),
    prepare(folder) {
      const pidFile = join(folder, 'redis.pid');
      const options = ['--port', '0', '--unixsocket', join(folder, 'redis'), '--dir', folder, '--save', ''];
      return { command: ['redis-server', '--daemonize', 'yes', '--pidfile', pidFile, ...options], pidFile };
    },
  },
  {
    name: 'nginx without "daemon off"',
    why: missing('nginx', '-v'),
    prepare(folder) {
      const pidFile = join(folder, 'nginx.pid');
      const logs = `error_log ${folder}/error.log; pid ${pidFile};`;
      const http = `http { access_log off; server { listen unix:${folder}/nginx; } }`;
      writeFileSync(join(folder, 'nginx.conf'), `${logs} events {} ${http}\n`);
      return { command: ['nginx', '-c', join(folder, 'nginx.conf')], pidFile };
    },
  },
  {
    name: 'pg_ctl start',
    why: root ?? (postgres === undefined ? 'PostgreSQL is not here' : missing(`${postgres}/pg_ctl`, '--version')),
    prepare(folder) {
      const data = join(folder, 'data');
      mkdirSync(data);
      chownSync(data, NOBODY, NOBODY);
      chmodSync(folder, 0o755);
      const as = (...words: string[]) => [...asNobody, ...words];
      const [program = '', ...args] = as(`${postgres}/initdb`, '-D', data, '-A', 'trust', '--no-sync');
      execFileSync(program, args, { stdio: 'ignore', cwd: '/' });
      const options = `-c listen_addresses= -c unix_socket_directories=${data}`;
      const command = as(`${postgres}/pg_ctl`, '-D', data, '-l', join(data, 'log'), '-o', options, '-w', 'start');
      return { command, pidFile: join(data, 'postmaster.pid') };
    },
  },
];

/** The pid in the file and when its process began; null while there is none, also when it vanishes during the look. */
const serverIn = (file: string): { pid: number; startTicks: number } | null => {
  try {
    const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
    return lives(pid) ? { pid, startTicks: startTicksOf(pid) } : null;
  } catch {
    return null;
  }
};

for (const { name, why, prepare } of servers)
  test.skipIf(why !== null)(`${name}: the server is ended with its run, and named${because(why)}`, async () => {
    const folder = scratch();
    const { command, pidFile } = prepare(folder);
    const seen = new Map<number, number>();
    const left = () => [...seen].filter(([pid, startTicks]) => lives(pid) && startTicksOf(pid) === startTicks);
    onTestFinished(() => {
      for (const [pid] of left()) process.kill(pid, 'SIGKILL');
    });
    const watcher = startWatcher(folder, [...quick, '--', ...command]);
    const twoServers = () => {
      const server = serverIn(pidFile);
      if (server !== null) seen.set(server.pid, server.startTicks);
      return seen.size >= 2;
    };
    await until('two runs have left a server', twoServers);
    expect(left().length).toBeLessThanOrEqual(1);
    await watcher.said(
      /ended \d+ process(?:es)? that the last run had left: (?:redis-server|nginx|postgres) \(pid \d+\).* run it in the foreground/,
    );
    expect(run(folder, ['stop', 'it']).code).toBe(0);
    expect(left()).toEqual([]);
  });
