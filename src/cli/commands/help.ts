import type { HelpTopic } from '../arguments/commands.ts';
import { version } from '../environment.ts';
import { helpText } from '../render/help.ts';
import { print } from '../render/terminal.ts';

export function helpCommand(topic: HelpTopic): number {
  print(helpText(topic));
  return 0;
}

export function versionCommand(): number {
  print(`agent-watch ${version}\n`);
  return 0;
}
