import { type Asked, ask } from '../../control/client.ts';
import type { Request } from '../../control/protocol.ts';
import { forgetTroubles, readSnapshot, type Snapshot } from '../../core/snapshot.ts';
import { bootId } from '../../host/clock.ts';
import { StateFolderRefused } from '../../state/private-folder.ts';
import { socketFolders } from '../../state/read-status.ts';
import { type ResetResult, resetOffline } from '../../state/reset-offline.ts';
import type { Invocation } from '../arguments/commands.ts';
import { print } from '../render/terminal.ts';
import { UsageError } from '../usage-error.ts';
import { requireKnown } from './status.ts';

type RequestInvocation = Extract<Invocation, { kind: 'stop' | 'restart' | 'reset' | 'signal' }>;

/** A watcher's loop never waits, so an answer that takes longer means that it is stopped or starved. */
const ANSWER_MS = 10_000;
/** How long a stop may take: any --stop-timeout that makes sense, twice. */
const STOP_MS = 24 * 3_600_000;

/** Asks the watcher of a name for something, and says what came of it. */
export async function requestCommand(invocation: RequestInvocation): Promise<number> {
  const { name, stateDir, kind } = invocation;
  requireKnown(stateDir, name);
  const asked = await ask(socketFolders(stateDir, name), requestOf(invocation), ANSWER_MS);
  if (asked.kind === 'failed') throw new UsageError(`${name}: ${asked.why}`);
  if (asked.kind === 'nobody') return await withoutWatcher(invocation);
  if (!asked.answer.ok) {
    asked.hangUp();
    throw new UsageError(`${name}: ${asked.answer.why}`);
  }
  if (kind === 'stop') return await waitForEnd(name, asked);
  asked.hangUp();
  say(DONE[kind](name));
  return 0;
}

const DONE = {
  restart: (name: string) => `${name}: a new run is on its way`,
  reset: (name: string) => `${name}: reset`,
  signal: (name: string) => `${name}: signal sent to the child`,
};

function requestOf(invocation: RequestInvocation): Request {
  if (invocation.kind === 'stop') return { verb: 'stop', now: invocation.now };
  if (invocation.kind === 'signal') return { verb: 'signal', signal: invocation.signal };
  return invocation.kind === 'reset' ? { verb: 'reset', pid: process.pid } : { verb: 'restart' };
}

async function waitForEnd(name: string, asked: Extract<Asked, { kind: 'answered' }>): Promise<number> {
  if (!(await asked.ended(STOP_MS))) throw new UsageError(`${name}: it is still stopping after a day`);
  say(`${name}: stopped`);
  return 0;
}

/** A stop of what does not run has its wish; a reset works on the files; the rest needs a watcher. */
async function withoutWatcher({ kind, name, stateDir }: RequestInvocation): Promise<number> {
  if (kind === 'stop') {
    say(`${name}: not running`);
    return 0;
  }
  if (kind !== 'reset') throw new UsageError(`${name} is not running; start it with agent-watch -- <command>`);
  say(resetText(name, await reset(stateDir, name)));
  return 0;
}

async function reset(stateDir: string, name: string): Promise<ResetResult> {
  try {
    return await resetOffline<Snapshot>({
      stateDir,
      name,
      read: readSnapshot,
      ofThisBoot: saved => saved.bootId === bootId(),
      clear: saved => ({ ...saved, state: forgetTroubles(saved.state) }),
      now: new Date(),
    });
  } catch (error) {
    throw error instanceof StateFolderRefused ? new UsageError(error.message) : error;
  }
}

function resetText(name: string, result: ResetResult): string {
  if (result.kind === 'refused') throw new UsageError(`${name}: ${result.why}`);
  if (result.kind === 'watched')
    throw new UsageError(
      `${name} is being watched (pid ${result.pid ?? 'unknown'}), but its watcher takes no requests`,
    );
  if (result.kind === 'unknown-name') throw new UsageError(`no watcher is called "${name}"`);
  const lifted = result.lifted === null ? '' : `; the hold is lifted (it was: ${result.lifted.why})`;
  return `${name}: reset; nobody watches it now${lifted}`;
}

function say(text: string): void {
  print(`${text}\n`);
}
