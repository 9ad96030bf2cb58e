import type { HelpTopic } from '../invocation.ts';
import { helpText } from '../render/help.ts';
import { version } from '../version.ts';

export function helpCommand(topic: HelpTopic): number {
  process.stdout.write(helpText(topic));
  return 0;
}

export function versionCommand(): number {
  process.stdout.write(`agent-watch ${version}\n`);
  return 0;
}
