import { shellWord } from '../../core/text.ts';
import { runTool } from '../../host/run-command.ts';
import { UsageError } from '../usage-error.ts';

/** The text of a systemd unit that runs one watcher. Pure. Source: systemd.unit(5), systemd.service(5), systemd.syntax(7). */

/** What a unit, a plist or a crontab line is made from. */
export interface ServicePlan {
  readonly name: string;
  readonly scope: 'user' | 'system';
  /** The program, absolute; under a Node of the machine's, Node and the script. */
  readonly program: readonly string[];
  /** Everything behind the program. */
  readonly args: readonly string[];
  /** What everybody may see. */
  readonly environment: Readonly<Record<string, string>>;
  /** The file that secret variables are read from; null: there are none. */
  readonly environmentFile: string | null;
  readonly stopTimeoutMs: number;
  /** A watcher that runs its command once must not be started again because the command failed. */
  readonly once: boolean;
  /** Whether systemd can be told how the watcher is doing. */
  readonly notifies: boolean;
}

/** Exits of the watcher that a new start would not change: held, watched already, bad usage, cannot be executed, not found. */
const FINAL_CODES = '69 75 125 126 127';
/** What the watcher may need beyond the child's own time: last words, the log, the alerts. */
const STOP_SLACK_MS = 10_000;

/** `agent-watch-NAME.service`. A name that ends in @ would be a template's. */
export function unitName(name: string): string {
  return `agent-watch-${name.replace(/@$/, '\\x40')}.service`;
}

/** The whole unit. systemd restarts the watcher if it dies; the watcher restarts the command. */
export function systemdUnit(plan: ServicePlan): string {
  const { name, scope, environment, environmentFile, notifies } = plan;
  const system = scope === 'system';
  return lines([
    '[Unit]',
    `Description=agent-watch: ${percents(name)}`,
    // A user's own systemd knows no network targets.
    system && 'After=network-online.target',
    system && 'Wants=network-online.target',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    `Type=${notifies ? 'notify' : 'exec'}`,
    notifies && 'NotifyAccess=main',
    `ExecStart=${execStart(plan)}`,
    ...Object.entries(environment).map(([key, value]) => `Environment=${quoted(percents(`${key}=${value}`))}`),
    environmentFile !== null && `EnvironmentFile=-${percents(environmentFile)}`,
    `Restart=${plan.once ? 'on-abnormal' : 'on-failure'}`,
    'RestartSec=5s',
    `RestartPreventExitStatus=${FINAL_CODES}`,
    'KillMode=mixed',
    `TimeoutStopSec=${Math.ceil((plan.stopTimeoutMs + STOP_SLACK_MS) / 1000)}s`,
    'OOMPolicy=continue',
    notifies && 'WatchdogSec=60s',
    'TimeoutStartSec=infinity',
    '',
    '[Install]',
    `WantedBy=${system ? 'multi-user.target' : 'default.target'}`,
  ]);
}

function lines(all: readonly (string | false)[]): string {
  return `${all.filter(line => line !== false).join('\n')}\n`;
}

/** Of the first word, the path of the program, no variable is expanded; of all others `$` must be doubled. */
function execStart({ program, args }: ServicePlan): string {
  const [path = '', ...rest] = program;
  const words = [...rest, ...args].map(word => quoted(percents(word).replaceAll('$', '$$$$')));
  return [quoted(percents(path)), ...words].join(' ');
}

function percents(text: string): string {
  return text.replaceAll('%', '%%');
}

/** One word of a line: as it is where nothing in it means anything, else in double quotes with C's escapes. */
function quoted(word: string): string {
  if (/^[\w@%+=:,./$^~-]+$/.test(word)) return word;
  const escaped = word
    .replace(/[\\"]/g, '\\$&')
    .replace(/[\u0000-\u001f\u007f]/g, control => `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return `"${escaped}"`;
}

/**
 * The text of an EnvironmentFile. A shell reads it the same way (`. FILE`): in double quotes only `"`, `\`, `$` and the backtick
 * are escaped in both.
 */
export function environmentFileText(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}="${value.replace(/["\\$`]/g, '\\$&')}"\n`)
    .join('');
}

/**
 * Changes the user's crontab, line by line; an unchanged one is not written. Where there is none yet, crontab(1) fails and says so: that
 * is an empty one. Returns whether it was changed.
 *
 * @throws UsageError where there is no cron, or it refuses.
 */
export async function rewriteCrontab(change: (lines: readonly string[]) => readonly string[]): Promise<boolean> {
  const read = await runTool(['crontab', '-l']);
  if (read.code === null) throw new UsageError('cron is not installed (crontab was not found); --print shows the line');
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
function viaEnvironmentFile(file: string): string {
  return `${readFile(file)} exec "$@"`;
}

function readFile(file: string): string {
  return `set -a; [ ! -r ${file} ] || . ${file}; set +a;`;
}

/** What launchd calls the watcher of a name, and its file without `.plist`. */
export function plistLabel(name: string): string {
  return `agent-watch.${name}`;
}

/**
 * The property list of a launchd job. launchd has no file for secret variables: a shell reads one, and becomes the watcher.
 * Source: launchd.plist(5).
 */
export function launchdPlist(plan: ServicePlan, errorPath: string): string {
  const { name, program, args, environment, environmentFile, once, stopTimeoutMs } = plan;
  const words = [...program, ...args];
  const command =
    environmentFile === null ? words : ['/bin/sh', '-c', viaEnvironmentFile('"$0"'), environmentFile, ...words];
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">',
    '<dict>',
    ...entry('Label', text(plistLabel(name))),
    ...entry('ProgramArguments', list(command)),
    ...entry('EnvironmentVariables', dictionary(environment)),
    ...entry('RunAtLoad', '<true/>'),
    // A watcher that runs its command once has done its work when it ends, however it ends.
    ...entry('KeepAlive', once ? '<false/>' : '<true/>'),
    ...entry('ThrottleInterval', '<integer>10</integer>'),
    ...entry('ExitTimeOut', `<integer>${Math.ceil(stopTimeoutMs / 1000) + 10}</integer>`),
    ...entry('AbandonProcessGroup', '<false/>'),
    ...entry('StandardErrorPath', text(errorPath)),
    '</dict>',
    '</plist>',
    '',
  ].join('\n');
}

function entry(key: string, value: string): string[] {
  return [`  <key>${escaped(key)}</key>`, `  ${value}`];
}

function text(value: string): string {
  return `<string>${escaped(value)}</string>`;
}

function list(values: readonly string[]): string {
  return `<array>\n${values.map(value => `    ${text(value)}\n`).join('')}  </array>`;
}

function dictionary(values: Readonly<Record<string, string>>): string {
  const rows = Object.entries(values).map(([key, value]) => `    <key>${escaped(key)}</key>\n    ${text(value)}\n`);
  return `<dict>\n${rows.join('')}  </dict>`;
}

/** XML 1.0 has no way at all to write most control characters; a carriage return survives only as a reference. */
function escaped(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('\r', '&#13;');
}

/** Whether XML can hold the text. */
export function fitsPlist(value: string): boolean {
  return !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(value);
}
