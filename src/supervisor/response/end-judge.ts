import type { EndReading } from '../../core/events.ts';
import type { Exit, State } from '../../core/model.ts';
import { incidentId } from '../../core/snapshot.ts';
import { clipStart, shellWord } from '../../core/text.ts';
import type { Wall } from '../../core/units.ts';
import { stampNow } from '../../host/clock.ts';
import { fingerprint } from '../../incidents/explain.ts';
import { judgeEnd, localZone, type Outcome, readOutcome } from '../../incidents/outcome/read-outcome.ts';
import type { Reader } from '../../incidents/outcome/reset-time.ts';
import { readOne } from '../../incidents/store.ts';
import { triage } from '../../incidents/triage/triage.ts';
import type { NotificationSettings } from '../watch-order.ts';
import { configuredSecrets, redactorFor } from './redactor.ts';

/** What it needs of the watcher. */
export interface EndJudgeWorld {
  env: Readonly<Record<string, string>>;
  notifications: NotificationSettings;
  /** Ends of any category are asked for, not only limits and refused logins. */
  anyCause: boolean;
  /** Where the incidents are kept. */
  incidentsFolder: string;
  name: string;
  command: readonly string[];
  warn(line: string): void;
  state(): State;
}

/** A suspicion is no reason to do anything but restart. */
const SURE = 0.7;
const LINE_CHARS = 400;
const AT_ONCE_MS = 3000;
const REFUSAL = /auth|log ?in|credential|api.?key|token|40[13]|forbidden|permission/i;

/** What the end of the output says of an exit; null: nothing. `silentMs`: it was stopped after so long a silence; null: it was not. */
export type EndJudge = (exit: Exit, output: string, silentMs: number | null) => EndReading | null;

/** Judges the end of the run that is up: by its own last words, else by the rules of triage where those may decide what follows. */
export function createEndJudge(world: EndJudgeWorld): EndJudge {
  const clean = redactorFor(world.env, configuredSecrets(world.notifications));
  const shown = (line: string | null) => (line === null ? null : clipStart(clean(line).trim(), LINE_CHARS));

  let told = false;
  /** Once, and only where it ends at once: a program that has run for a while has a terminal, or needs none. */
  function sayTerminal(): void {
    const { phase } = world.state();
    if (told || phase.kind !== 'running' || stampNow().mono - phase.live.since.mono > AT_ONCE_MS) return;
    told = true;
    const command = world.command.map(shellWord).join(' ');
    world.warn(clean(`the command wants a terminal; to give it one: script -qfec ${shellWord(command)} /dev/null`));
  }

  return (exit, output, silentMs) => {
    if (silentMs !== null) return waitedFor(output, silentMs, shown);
    const { phase } = world.state();
    const healthy = phase.kind === 'running' && phase.live.healthy;
    const outcome = readOutcome({ output, code: exit.code, healthy }, readerAt(stampNow().wall));
    if (outcome.statement?.id === 'agent.wants-terminal') sayTerminal();
    const same = isSame(world, exit, output) ? { same: true as const } : {};
    const said = saidBy(outcome, exit);
    if (said !== null) return { ...said, line: shown(outcome.line), ...same };
    if (exit.code === 0 && outcome.verdict !== 'failure') return null;
    const byRules = world.anyCause || REFUSAL.test(output.slice(-REFUSAL_CHARS)) ? causeByRules(exit, output) : null;
    if (byRules === null && outcome.verdict === null && same.same === undefined) return null;
    return {
      ...verdictOf(outcome),
      cause: byRules?.cause ?? null,
      limit: null,
      line: shown(byRules?.line ?? null),
      ...same,
    };
  };
}

/** A clock without a zone is the machine's, which takes a while to find out and most ends do not ask. */
const readerAt = (now: number): Reader => ({
  now,
  get zone() {
    return localZone();
  },
});

/** The limit that a run waited out in silence, by its last words; they are as old as the silence. */
function waitedFor(output: string, silentMs: number, shown: (line: string | null) => string | null): EndReading | null {
  const outcome = readOutcome({ output, code: null, healthy: true }, readerAt(stampNow().wall - silentMs));
  const said = saidBy(outcome, { code: null, signal: null });
  if (said === null || said.limit === null) return null;
  return { ...said, success: null, why: null, line: shown(outcome.line), waited: true };
}

/** Whether a run that was called healthy ended like the last incident; one that nothing explains is like no other. */
function isSame({ state, incidentsFolder, name }: EndJudgeWorld, exit: Exit, output: string): boolean {
  const { phase, incident } = state();
  if (phase.kind !== 'running' || !phase.live.healthy || incident === null) return false;
  const found = readOne(incidentsFolder, incidentId(name, incident.at));
  if (found === null || 'fault' in found) return false;
  const verdict = judgeEnd({ exit, output, healthy: true }, { now: incident.at, zone: 'UTC' });
  if (verdict.category === 'unknown') return false;
  return fingerprint({ kind: 'crash', exit, triage: verdict }) === found.incident.fingerprint;
}

const REFUSAL_CHARS = 16 * 1024;

/** A statement in the last lines. One about anything but limits and logins does not make a failure of exit code 0. */
function saidBy(outcome: Outcome, exit: Exit): Omit<EndReading, 'line'> | null {
  const { statement, until, verdict } = outcome;
  if (statement === null) return null;
  const { category, kind, own } = statement;
  if (exit.code === 0 && verdict === null && category !== 'rate-limited' && category !== 'auth-failed') return null;
  const limit =
    kind === 'quota' || kind === 'throttle' ? { kind, until: until === null ? null : (until as Wall), own } : null;
  return { ...verdictOf(outcome), cause: category, limit };
}

function verdictOf({ verdict }: Outcome): Pick<EndReading, 'success' | 'why'> {
  if (verdict === 'failure') return { success: false, why: 'its last JSON event reports an error' };
  return { success: verdict === 'success' ? true : null, why: null };
}

function causeByRules(exit: Exit, output: string): { cause: string; line: string | null } | null {
  const { category, confidence, keyLine } = triage({ exit, output });
  // A limit that was survived, or stands far up, is not what it ended with.
  return confidence < SURE || category === 'rate-limited' ? null : { cause: category, line: keyLine };
}
