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
