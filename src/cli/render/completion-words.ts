/** What completions offer: the commands, the options, and the values of those that have choices. */
import { type CommandName, commandRow, commandWords } from '../arguments/commands.ts';
import { type OptionName, optionRow } from '../options/index.ts';

/** Commands whose first operand is the name of a watcher. */
export const takeName: readonly CommandName[] = [
  'status',
  'logs',
  'incidents',
  'diagnose',
  'stop',
  'restart',
  'reset',
  'signal',
  'uninstall',
  'doctor',
];

/** The options that a command takes. */
export function optionsOf(word: CommandName): OptionName[] {
  return [...commandRow(word).options, 'help', ...(word === 'watch' ? ['version' as const] : [])];
}

/** Every option of every command. */
export const allOptions = () => [...new Set((['watch', ...commandWords] as const).flatMap(optionsOf))];

/** Whether the value is a path, so that the shell can offer files. */
export function takesFile(name: OptionName): boolean {
  return ['path', 'path-time', 'secret-url', 'metrics'].includes(optionRow(name).kind);
}

/** Whether a value follows. */
export function takesValue(name: OptionName): boolean {
  return optionRow(name).kind !== 'switch';
}

/** What can be offered as a value: choices, without those that only begin one. */
export function offered(name: OptionName): string[] {
  const { choices } = optionRow(name);
  return (choices ?? []).filter(choice => !choice.endsWith(':CMD'));
}

/** Folders of the state folder are the names; without --state-dir, as the watcher itself finds it. */
export const listNames = `if [ -n "\${AGENT_WATCH_STATE_DIR-}" ]; then
    dir=$AGENT_WATCH_STATE_DIR
  elif [ "$(id -u)" = 0 ]; then
    dir=/var/lib/agent-watch
  else
    dir=\${XDG_STATE_HOME:-$HOME/.local/state}/agent-watch
  fi`;
