import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { missing } from './fixture.ts';
import { until } from './until.ts';
import { executable } from './watcher.ts';

const script = resolve(import.meta.dirname, 'systemd-box');
const systemds = ['/usr/lib/systemd/systemd', '/lib/systemd/systemd'];

/** Why no systemd can be booted here, or null. */
export const noBox =
  process.getuid?.() !== 0
    ? 'only root can boot a systemd'
    : !systemds.some(existsSync)
      ? 'systemd is not here'
      : !/ cgroup2 /.test(readFileSync('/proc/mounts', 'utf8'))
        ? 'no cgroup2 is mounted here'
        : (missing('nsenter', '--version') ?? missing('unshare', '--pid', '--fork', '--mount', '--cgroup', 'true'));

/** A folder that is seen inside too, which the usual place for temporary ones is not, with the executable in it. */
export interface Ground {
  readonly folder: string;
  /** Becomes /etc/systemd/system. */
  readonly units: string;
  readonly program: string;
  /** Goes away. */
  clear(): void;
}

/** Makes one; anybody may look into it. */
export function layGround(): Ground {
  const folder = mkdtempSync('/var/tmp/aw-test-');
  chmodSync(folder, 0o755);
  const [units, program] = [join(folder, 'units'), join(folder, 'agent-watch')];
  mkdirSync(units);
  try {
    linkSync(executable, program);
  } catch {
    // Another file system.
    copyFileSync(executable, program);
  }
  return { folder, units, program, clear: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A systemd that runs. */
export interface Box {
  /** Runs a shell's text inside. */
  sh(text: string): { code: number | null; out: string; err: string };
  /** A property of a unit. */
  show(unit: string, property: string): string;
  /** Pulls the plug. */
  shutdown(): Promise<void>;
}

const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
};

export async function bootBox({ units, folder }: Ground): Promise<Box> {
  const child = spawn(script, [units], { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', text => {
    complaint += text;
  });
  const closed = once(child, 'close');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value } = await lines.next();
  const init = /^booted (\d+)$/.exec(value ?? '')?.[1];
  if (init === undefined) throw new Error(`systemd does not boot: ${complaint}`);
  const sh = (text: string) => {
    const ended = spawnSync('nsenter', ['-t', init, '-a', `--wd=${folder}`, 'sh', '-c', text], {
      encoding: 'utf8',
      env: ENVIRONMENT,
      timeout: 60_000,
    });
    return { code: ended.status, out: ended.stdout, err: ended.stderr };
  };
  return {
    sh,
    show: (unit, property) => sh(`systemctl show -P ${property} '${unit}'`).out.trim(),
    async shutdown() {
      child.stdin.end();
      await closed;
    },
  };
}

/** Waits until a property of a unit matches. */
export function shows(box: Box, unit: string, property: string, pattern: RegExp): Promise<string> {
  return until(`${unit} has ${property} ${pattern}`, () => {
    const value = box.show(unit, property);
    return pattern.test(value) ? value || ' ' : false;
  }).catch(error => {
    throw new Error(`${error.message}\n${box.sh(`systemctl show '${unit}'`).out}`);
  });
}
