import type { IncidentSeed } from '../../core/events.ts';
import type { Remedy } from '../../core/model.ts';
import { durationText } from '../../core/units.ts';
import type { ShellEnd } from '../../host/run-command.ts';
import type { Incident } from '../../incidents/incident.ts';
import type { IncidentAttachments, Observer } from '../observers/observer.ts';

/** What an incident offers for a match. */
interface RemedyCase {
  readonly category: string;
  /** Names of the probes that failed. */
  readonly probes: readonly string[];
  readonly keyLine: string;
}

/** A key line may be long, and a pattern slow. */
const KEY_LINE_CHARS = 400;

/**
 * The first remedy that fits, or null. A probe's name fits whole, or as its part before the colon: `http` is the remedy of
 * `http:http://127.0.0.1/`.
 */
export function remedyFor(remedies: readonly Remedy[], found: RemedyCase): Remedy | null {
  const keyLine = found.keyLine.slice(0, KEY_LINE_CHARS);
  const words = new Set([found.category, ...found.probes.flatMap(name => [name, name.replace(/:.*$/s, '')])]);
  const fits = ({ when }: Remedy) =>
    when.kind === 'word' ? words.has(when.word) : keyLine.search(when.pattern) !== -1;
  return remedies.find(fits) ?? null;
}

/** What remedies need of the watcher. */
export interface RemedyWorld {
  remedies: readonly Remedy[];
  /** The child's, and its folder. */
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** Where the outcome of a remedy is kept. */
  desk: Pick<IncidentAttachments, 'attachRemedy'>;
  monoMs(): number;
  /** How long a remedy may take, where it is not the usual time. */
  limitMs?: number;
  /** One line for people. */
  warn(line: string): void;
}

/** Commands of the user's before a start. A stop ends a remedy and the start that waits for it. */
export interface Remedies extends Observer {
  /** Calls `start`: at once, or when the remedy for the last incident has ended. Calls `refuse` where a stop comes first, or where `start` fails later. */
  before(start: () => void, refuse: (why: string) => void): void;
}

/** A remedy that takes longer is ended, since the service is down meanwhile. */
const REMEDY_LIMIT_MS = 60_000;
/** How long a start waits for the incident to be explained, to know whether a remedy fits. */
const EXPLAIN_LIMIT_MS = 2000;

/** The last incident, and what was found out about it; null: nothing in time. */
interface Trouble {
  seed: IncidentSeed;
  known: Promise<Incident | null>;
  tell(incident: Incident | null): void;
  /** A start has waited for it: a remedy is tried once. */
  treated: boolean;
}

/**
 * Runs the first remedy that fits the last incident when the next start is due, and holds that start until it has ended.
 * Without a fitting one a start is as quick as ever.
 */
export function createRemedies(world: RemedyWorld): Remedies {
  let last: Trouble | null = null;
  let stop: AbortController | null = null;

  /** Resolves when a start may go ahead. */
  async function cured({ known, tell }: Trouble, abort: AbortSignal): Promise<void> {
    const late = setTimeout(tell, EXPLAIN_LIMIT_MS, null);
    abort.addEventListener('abort', () => tell(null));
    const found = await known;
    clearTimeout(late);
    if (found !== null && !abort.aborted) await Promise.race([cure(world, found, abort), aborted(abort)]);
    stop = null;
  }

  return {
    before(start, refuse) {
      if (last === null || last.treated) return start();
      last.treated = true;
      stop = new AbortController();
      const { signal } = stop;
      cured(last, signal)
        .then(() => (signal.aborted ? refuse('a stop was requested before it started') : start()))
        .catch((error: unknown) => refuse(String(error)));
    },
    happened(seed) {
      last = null;
      // After a hold a person starts it again, who has looked at it.
      if (seed.next.kind === 'hold' || seed.next.kind === 'finish' || seed.next.kind === 'leave') return;
      const { promise, resolve } = Promise.withResolvers<Incident | null>();
      last = { seed, known: promise, tell: resolve, treated: false };
    },
    opened(incident, seed) {
      if (last?.seed === seed) last.tell(incident);
    },
    counted(seed) {
      if (last?.seed === seed) last.tell(null);
    },
    fact(fact) {
      if (fact.type === 'stop-requested') stop?.abort();
    },
  };
}

const aborted = (abort: AbortSignal): Promise<void> =>
  new Promise(resolve => abort.addEventListener('abort', () => resolve(), { once: true }));

/** Runs the remedy for an incident, if there is one, and has its outcome written into it. Never rejects. */
async function cure(world: RemedyWorld, incident: Incident, abort: AbortSignal): Promise<void> {
  const { category, reasons, keyLine } = incident;
  const remedy = remedyFor(world.remedies, {
    category,
    probes: reasons.map(({ name }) => name),
    keyLine: keyLine ?? '',
  });
  if (remedy === null) return;
  const { runShell } = await import('../../host/run-command.ts');
  const { redactorFor } = await import('./redactor.ts');
  const clean = redactorFor(world.env, []);
  const startedAt = world.monoMs();
  try {
    const end = await runShell({
      command: remedy.command,
      input: '',
      cwd: world.cwd,
      env: { ...world.env, AGENT_WATCH_INCIDENT: incident.id, AGENT_WATCH_CATEGORY: category },
      timeLimitMs: world.limitMs ?? REMEDY_LIMIT_MS,
      outputLimitBytes: 0,
      dropRest: true,
      abort,
    });
    const ms = Math.round(world.monoMs() - startedAt);
    world.desk.attachRemedy(incident.id, { command: clean(remedy.command), exitCode: end.code, ms });
    world.warn(
      `the remedy for ${incident.id} (${category}) ${outcome(end)} after ${durationText(ms)}${lastWords(end, clean)}`,
    );
  } catch (error) {
    world.warn(`the remedy for ${incident.id} (${category}) could not be run: ${clean(String(error))}`);
  }
}

function outcome({ code, signal, over }: ShellEnd): string {
  if (over === 'time') return 'took too long and was ended';
  if (over === 'aborted') return 'was ended for a stop';
  return code === null ? `was ended by ${signal}` : `ended with code ${code}`;
}

/** What it complained of, where it failed. */
function lastWords({ code, complaint }: ShellEnd, clean: (text: string) => string): string {
  const words = code === 0 ? '' : (clean(complaint).trimEnd().split('\n').at(-1)?.trim() ?? '');
  return words === '' ? '' : `: ${words.slice(0, 200)}`;
}
