import type { HelpTopic } from '../invocation.ts';
import { helpText } from '../render/help.ts';
import { print } from '../render/terminal.ts';
import { version } from '../version.ts';

export function helpCommand(topic: HelpTopic): number {
  print(helpText(topic));
  return 0;
}

export function versionCommand(): number {
  print(`agent-watch ${version}\n`);
  return 0;
}
