import { brief } from '../../incidents/brief.ts';
import { briefText } from '../../incidents/brief-text.ts';
import { namesIn } from '../../state/names.ts';
import type { Invocation } from '../arguments/commands.ts';
import { keptIncidents } from '../kept-incidents.ts';
import { ownTerminal, print } from '../render/terminal.ts';
import { readStatuses } from './status.ts';

type BriefInvocation = Extract<Invocation, { kind: 'brief' }>;

const DEFAULT_SINCE_MS = 24 * 60 * 60 * 1000;
/** Where nobody tells the width. */
const COLUMNS = 100;

/** What happened while nobody looked, on one screen; from the files alone. */
export function briefCommand({ sinceMs, json, stateDir }: BriefInvocation): number {
  const names = namesIn(stateDir);
  const { incidents, said } = keptIncidents(stateDir, names, Number.NEGATIVE_INFINITY);
  for (const line of said) process.stderr.write(`agent-watch: ${line}\n`);
  const states = readStatuses(stateDir, null);
  const found = brief({ incidents, states, sinceMs: sinceMs ?? DEFAULT_SINCE_MS, nowMs: Date.now() });
  const columns = ownTerminal()?.columns ?? COLUMNS;
  print(json ? `${JSON.stringify(found, null, 2)}\n` : `${briefText(found, columns)}\n`);
  return 0;
}
