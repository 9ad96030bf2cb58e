import type { HelpTopic } from '../invocation.ts';
import { helpText } from '../render/help.ts';

/** Set by the build. */
declare const AGENT_WATCH_VERSION: string | undefined;

export function helpCommand(topic: HelpTopic): number {
  process.stdout.write(helpText(topic));
  return 0;
}

export function versionCommand(): number {
  process.stdout.write(`agent-watch ${typeof AGENT_WATCH_VERSION === 'string' ? AGENT_WATCH_VERSION : 'unbuilt'}\n`);
  return 0;
}
