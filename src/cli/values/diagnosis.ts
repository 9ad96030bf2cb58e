/** Readers of --diagnose and --remedy. */
import type { DiagnoseChoice, Remedy } from '../options/option.ts';
import { quoted, UsageError } from '../usage-error.ts';
import { readChoice, readRegex } from './words.ts';

const diagnosers = ['off', 'rules', 'anthropic', 'openai', 'ollama'] as const;

/** `off`, `rules`, a provider, or `command:CMD`. */
export function readDiagnose(text: string): DiagnoseChoice {
  if (text.startsWith('command:')) {
    const command = text.slice('command:'.length);
    if (command.trim() === '') throw new UsageError('"command:" names no command; write command:CMD');
    return { kind: 'command', command };
  }
  const kind = readChoice(text, [...diagnosers, 'command:CMD'] as const);
  if (kind === 'command:CMD') return { kind: 'command', command: 'CMD' };
  return { kind };
}

/** `WHEN => COMMAND`, where WHEN is a category, a probe's name, or a /regex/ on the key line. */
export function readRemedy(text: string): Remedy {
  const match = /^\s*(?:\/(.*?)\/|([^\s/](?:.*?\S)?))\s*=>\s*(\S[\s\S]*)$/.exec(text);
  if (match === null)
    throw new UsageError(`${quoted(text)} is no remedy; write 'WHEN => COMMAND', such as 'disk-full => ./clean-up.sh'`);
  const command = match[3]!.trimEnd();
  if (match[1] === undefined) return { when: { kind: 'word', word: match[2]! }, command };
  return { when: { kind: 'key-line', pattern: readRegex(match[1]) }, command };
}
