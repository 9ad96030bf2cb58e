import { shellWord } from '../../core/text/escape.ts';
import { runTool } from '../../host/run-command.ts';
import { UsageError } from '../usage-error.ts';
import type { ServicePlan } from './systemd-unit.ts';

/**
 * Changes the user's crontab, line by line; an unchanged one is not written. Where there is none yet, crontab(1) fails and says so: that
 * is an empty one. Returns whether it was changed.
 *
 * @throws UsageError where there is no cron, or it refuses.
 */
export async function rewriteCrontab(change: (lines: readonly string[]) => readonly string[]): Promise<boolean> {
  const read = await runTool(['crontab', '-l']);
  if (read.code === null) throw new UsageError('no cron is here (crontab was not found); --print shows the line');
  if (read.code !== 0 && !/no crontab/i.test(read.complaint))
    throw new UsageError(`the crontab cannot be read: ${read.complaint.trim()}`);
  const lines = read.code === 0 ? read.output.replace(/\n$/, '').split('\n') : [];
  const before = lines.filter((line, index) => line !== '' || index < lines.length - 1);
  const after = change(before).map(line => line.replace(/\n$/, ''));
  if (JSON.stringify(after) === JSON.stringify(before)) return false;
  const written = await runTool(['crontab', '-'], after.map(line => `${line}\n`).join(''));
  if (written.code !== 0) throw new UsageError(`the crontab cannot be written: ${written.complaint.trim()}`);
  return true;
}

/** Marks our line in a crontab. */
export function crontabMark(name: string): string {
  return `# agent-watch: ${name}`;
}

/**
 * The line that starts a watcher at boot, for a machine without a service manager. cron's lines end at the first line feed, and a `%`
 * in them is one unless it has a backslash. Source: crontab(5).
 */
export function crontabLine({ program, args, environment, environmentFile, name }: ServicePlan): string {
  const set = Object.entries(environment).map(([key, value]) => shellWord(`${key}=${value}`));
  const [path = '', ...script] = program;
  const words = [path, ...script, 'start', ...args].map(shellWord);
  const read = environmentFile === null ? [] : [`${readFile(shellWord(environmentFile))} `];
  const line = `${read.join('')}env ${[...set, ...words].join(' ')} ${crontabMark(name)}`;
  return `@reboot ${line.replaceAll('%', '\\%')}\n`;
}

/** Whether a line of a crontab can hold the text. */
export function fitsCrontab(value: string): boolean {
  return !/[\n\r\0]/.test(value);
}

/** A shell's text that reads the file, if it is there, and then becomes the command in "$@". */
export function viaEnvironmentFile(file: string): string {
  return `${readFile(file)} exec "$@"`;
}

function readFile(file: string): string {
  return `set -a; [ ! -r ${file} ] || . ${file}; set +a;`;
}
