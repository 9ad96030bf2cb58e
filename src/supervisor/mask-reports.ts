import type { Fact } from '../core/events.ts';
import { KILL_WHEN, type Observation } from '../core/health-model.ts';
import type { Report } from '../core/ports.ts';
import { clipStart } from '../core/text/escape.ts';
import type { NotificationSettings } from './watch-order.ts';

/** What names the secrets that a text may quote. */
interface Known {
  env: Readonly<Record<string, string>>;
  notifications: NotificationSettings;
}

type Clean = (text: string) => string;
type Reports = Extract<Fact, { type: 'probes-reported' }>;

/** So much of what a probe saw is kept and shown. */
const DETAIL_CHARS = 300;
/** Texts of the watcher's own that quote nothing: `HTTP 200 in 3ms`, `512M in 3 processes`. */
const PLAIN = /^[\w .,%()/-]*$/;

/**
 * Cleans what probes saw before the machine keeps it: the answer of a server, a line of the output, a value of the metrics may hold a
 * secret, and from here it would go to the state, the hold, `status`, events and the terminal. What cleans is loaded for the first
 * text that may quote; what comes meanwhile waits, but for the kill condition, which waits for nothing.
 */
export function maskReports(known: Known, report: Report): Report {
  let clean: Clean | null = null;
  let waiting: Reports[] | null = null;

  function cleaned(fact: Reports, by: Clean): Reports {
    const reports = fact.reports.map(({ probe, observation }) => ({
      probe,
      observation: quotes(known, observation) ? cleanedOne(observation, by) : observation,
    }));
    return { ...fact, reports };
  }

  async function load(): Promise<void> {
    const loaded = await loadRedactor(known).catch((): Clean => text => crudely(known.env, text));
    clean = loaded;
    for (const fact of waiting?.splice(0) ?? []) report(cleaned(fact, loaded));
    waiting = null;
  }

  return fact => {
    if (fact.type !== 'probes-reported') return report(fact);
    if (clean !== null) return report(cleaned(fact, clean));
    if (waiting === null && !fact.reports.some(({ observation }) => quotes(known, observation))) return report(fact);
    if (waiting === null) {
      waiting = [];
      void load();
    }
    const urgent = fact.reports.filter(({ probe }) => probe === KILL_WHEN);
    const rest = fact.reports.filter(({ probe }) => probe !== KILL_WHEN);
    if (rest.length > 0) waiting.push({ ...fact, reports: rest });
    if (urgent.length > 0) report(cleaned({ ...fact, reports: urgent }, text => crudely(known.env, text)));
  };
}

function quotes({ env }: Known, seen: Observation): boolean {
  const text = textOf(seen);
  return !PLAIN.test(text) || heldBy(env, text).next().done === false;
}

function textOf(seen: Observation): string {
  if (seen.kind === 'condition') return seen.why;
  return 'detail' in seen && seen.kind !== 'progress' ? seen.detail : '';
}

function cleanedOne(seen: Observation, clean: Clean): Observation {
  if (seen.kind === 'condition') return { ...seen, why: clean(seen.why) };
  return 'detail' in seen
    ? { ...seen, detail: clipStart(clean(seen.detail).replace(/\s+/g, ' '), DETAIL_CHARS) }
    : seen;
}

const NAMES_A_SECRET =
  /key|token|secret|pass|pwd|cred|auth|cookie|session|dsn|url|uri|private|mnemonic|seed|_pat$|_pw$|salt/i;
const SHORTEST_CHARS = 5;

/** The values of the environment that may be secret, as far as the text holds them. */
function* heldBy(env: Known['env'], text: string): Generator<string> {
  for (const [name, value] of Object.entries(env))
    if (value.length >= SHORTEST_CHARS && NAMES_A_SECRET.test(name) && text.includes(value)) yield value;
}

/** Without what cleans thoroughly: the values of the environment, and words that mix letters and digits as no name does. */
function crudely(env: Known['env'], text: string): string {
  let shown = text;
  for (const value of heldBy(env, text)) shown = shown.replaceAll(value, '[redacted value]');
  return shown.replace(/[\w+/=.-]{20,}/g, word =>
    /\d/.test(word) && /[a-z]/i.test(word) && !/^[a-z]+(?:[_.][a-z0-9]+)+$/i.test(word) ? '[redacted value]' : word,
  );
}

async function loadRedactor({ env, notifications }: Known): Promise<Clean> {
  const { configuredSecrets, redactorFor } = await import('./response/redactor.ts');
  return redactorFor(env, configuredSecrets(notifications));
}

/** The command as `status` shows it, where it holds a value that the environment names as a secret; null: as it is. */
export async function commandToShow(command: readonly string[], known: Known): Promise<readonly string[] | null> {
  if (heldBy(known.env, command.join(' ')).next().done === true) return null;
  const clean = await loadRedactor(known);
  return command.map(clean);
}
