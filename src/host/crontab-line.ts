import type { ServicePlan } from './systemd-unit.ts';

/** Marks a line of ours in a crontab. */
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

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
