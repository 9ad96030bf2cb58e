/**
 * Asks a model about an incident, off every path that a restart waits for: one question at a time, at most once for each
 * fingerprint, within the budget, and never in a way that throws.
 */

import { clipStart } from '../core/text.ts';
import {
  type BudgetLedger,
  type BudgetState,
  type BudgetStore,
  budgetLedger,
  called,
  costUsd,
  mayCall,
  paused,
  recall,
  remembering,
} from './budget.ts';
import {
  type Answer,
  anthropicBase,
  anthropicCredentials,
  type Base,
  type Failure,
  failure,
  isLoopback,
  ollamaBase,
  ollamaCredentials,
  openaiBase,
  openaiCredentials,
  type Provider,
  type Question,
  type Site,
} from './endpoint.ts';
import { type Case, type Clean, promptFor, readAnswer } from './prompt.ts';

// From the settings to the one provider that is asked.

/** What `--diagnose` and the `--llm-*` options ask for; null: the option was not given. */
export interface DiagnosisSettings {
  readonly provider:
    | { readonly kind: 'anthropic' | 'openai' | 'ollama' }
    | { readonly kind: 'command'; readonly command: string };
  readonly model: string | null;
  /** A secret: only its host is ever shown. */
  readonly url: URL | null;
  readonly timeoutMs: number;
  readonly maxCalls: { readonly count: number; readonly windowMs: number };
  /** A path, absolute. */
  readonly keyFile: string | null;
  /** The watcher's own environment: keys, base addresses and proxy are looked up in it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where a command runs: the folder the watcher was started in. */
  readonly cwd: string;
}

/** The provider and where it is (a host, or "the command"); or why there is none, as a clause. */
export type Chosen = { readonly provider: Provider; readonly where: string } | { readonly refused: string };

/** Loads the one provider that was asked for. Asks nothing yet. */
export async function chooseProvider(settings: DiagnosisSettings): Promise<Chosen> {
  const { provider: wanted, model, env } = settings;
  if (wanted.kind === 'command') {
    const { command } = await import('./providers.ts');
    return { provider: command(wanted.command, settings.cwd, env), where: 'the command' };
  }
  const site = siteOf(wanted.kind, settings);
  if ('refused' in site) return site;
  const where = site.base.host;
  if (wanted.kind === 'anthropic') return { provider: (await import('./providers.ts')).anthropic(site, model), where };
  if (wanted.kind === 'openai') return { provider: (await import('./providers.ts')).openai(site, model), where };
  return { provider: (await import('./providers.ts')).ollama(site, model), where };
}

/** Why no question could be asked as things stand (a bad address, no key), as a clause; null: nothing is seen. Asks nobody. */
export function obstacleTo(settings: DiagnosisSettings): string | null {
  if (settings.provider.kind === 'command') return null;
  const site = siteOf(settings.provider.kind, settings);
  if ('refused' in site) return site.refused;
  const credentials = site.credentials();
  return 'refused' in credentials ? credentials.refused : null;
}

/** The address that would be asked; null for a command, or where it is none. A secret: only its host is ever shown. */
export function addressAsked({ provider, url, env }: DiagnosisSettings): URL | null {
  if (provider.kind === 'command') return null;
  const found = addressOf(provider.kind, url, env);
  return 'refused' in found ? null : found.base;
}

type Kind = 'anthropic' | 'openai' | 'ollama';

function siteOf(kind: Kind, { url, keyFile, env }: DiagnosisSettings): Site | { readonly refused: string } {
  const found = addressOf(kind, url, env);
  if ('refused' in found) return found;
  const { base } = found;
  return {
    base,
    onThisMachine: isLoopback(base.hostname),
    credentials: () => credentialsFor[kind](base, keyFile, env),
    env,
  };
}

const credentialsFor = { anthropic: anthropicCredentials, openai: openaiCredentials, ollama: ollamaCredentials };

function addressOf(kind: Kind, url: URL | null, env: DiagnosisSettings['env']): Base {
  if (kind === 'anthropic') return anthropicBase(url ?? (env['ANTHROPIC_BASE_URL'] || undefined));
  if (kind === 'openai') return openaiBase(url ?? (env['OPENAI_BASE_URL'] || undefined));
  return ollamaBase(url ?? (env['OLLAMA_HOST'] || undefined));
}

// One question to a model: whether it may be asked, how often it is tried, what is remembered of it.

/** What a diagnosis needs of its world. */
export interface DiagnosisPorts {
  readonly wallMs: () => number;
  readonly monoMs: () => number;
  /** 64 or more fresh random bits, in hex. */
  readonly token: () => string;
  /** Takes secrets and control sequences out. */
  readonly clean: Clean;
  readonly store: BudgetStore;
  /** Resolves after that long, or at once when aborted; never rejects. */
  readonly wait: (delayMs: number, abort: AbortSignal) => Promise<void>;
}

/** A model's guess. `costUsd` is null where it is not known. */
export interface Diagnosed {
  readonly source: string;
  readonly model: string | null;
  readonly text: string;
  readonly costUsd: number | null;
  readonly ms: number;
}

/** No guess. `news`: this reason has not been given before, so it is worth a line. */
export interface Undiagnosed {
  readonly failed: string;
  readonly news: boolean;
}

// Of what a model wrote; its thinking may be long, its answer is not.
const maxRawUnits = 200_000;
const maxRetryAfterMs = 60_000;
const defaultRetryAfterMs = 2000;

/** What a question ends with when the watcher does. */
const stopping: Undiagnosed = { failed: 'cancelled because the watcher is stopping', news: false };
const pause = 'not asked: the last question failed less than 15 min ago';

/** Asks now, and once; the caller sees to the order. */
type Consult = (subject: Case, byHand: boolean) => Promise<Diagnosed | Undiagnosed>;

/** A consultant with a memory: of what it said, of what can never succeed, and, by the store, of its answers and calls. */
function consultant(settings: DiagnosisSettings, ports: DiagnosisPorts, abort: AbortSignal): Consult {
  const desk = budgetLedger(ports.store, settings.maxCalls, ports.wallMs);
  const said = new Set<string>();
  let chosen: Promise<Chosen> | null = null;
  let never: string | null = null;
  const fail = (reason: string): Undiagnosed => {
    const news = !said.has(reason);
    said.add(reason);
    return { failed: reason, news };
  };
  return async (subject, byHand) => {
    chosen ??= chooseProvider(settings);
    const choice = await chosen;
    if ('refused' in choice) return fail(`no model is asked: ${choice.refused}`);
    const { provider, where } = choice;
    // Another model, or the same one elsewhere, has not answered yet.
    const asked = `${provider.source} ${where} ${settings.model ?? ''}`.slice(0, 1000);
    const { fingerprint } = subject;
    const known = recall(desk.look(), asked, fingerprint);
    if (known !== null)
      return { source: provider.source, model: known.model || null, text: known.text, costUsd: 0, ms: 0 };
    const hindrance = never ?? hindranceOf(provider, subject, desk.look(), settings, byHand);
    if (hindrance !== null) return fail(hindrance);
    const startedMono = ports.monoMs();
    const question = promptFor(subject, ports.clean, ports.token());
    const reply = withText(await askTwice(provider, question, settings, ports, desk, abort), ports.clean);
    const ms = Math.round(ports.monoMs() - startedMono);
    if (reply.kind === 'answer') {
      said.clear();
      const { text, model } = reply;
      desk.change((state, at) => remembering(state, { asked, fingerprint, model: model ?? '', text, at }));
      return { source: provider.source, model, text, costUsd: costUsd(model ?? '', reply.tokens), ms };
    }
    if (abort.aborted) return stopping;
    const reason = clipStart(ports.clean(`${provider.source} (${where}): ${reply.why}`), 500);
    if (reply.verdict === 'never') {
      // Not written down: the next life may have another key.
      never = `${reason}; not asked again before a restart`;
      return fail(never);
    }
    desk.change(paused);
    said.add(pause);
    return fail(reason);
  };
}

// What the model wrote as clean text; an answer that is nothing but thinking is none.
function withText(reply: Answer | Failure, clean: Clean): Answer | Failure {
  if (reply.kind === 'failure') return reply;
  const text = readAnswer(clean(reply.text.slice(0, maxRawUnits)));
  if (text === null) return failure('later', 'its answer is empty but for its thinking');
  return { ...reply, text, model: reply.model === null ? null : clipStart(clean(reply.model), 200) };
}

function hindranceOf(
  provider: Provider,
  subject: Case,
  budget: BudgetState,
  { maxCalls }: DiagnosisSettings,
  byHand: boolean,
): string | null {
  const shortOfMemory =
    subject.category === 'out-of-memory' || subject.reasons.some(reason => reason.name === 'memory');
  if (provider.onThisMachine && shortOfMemory)
    return 'not asked: memory is short, and the model would take more of it on this machine';
  return spentIn(budget, maxCalls, byHand);
}

/** Why the budget allows no call now; null: it does. */
export function spentIn(budget: BudgetState, maxCalls: DiagnosisSettings['maxCalls'], byHand = false): string | null {
  if (budget.pausedUntil !== null && !byHand) return pause;
  return mayCall(budget, maxCalls) ? null : `not asked: the budget of ${maxCalls.count} calls is used up for now`;
}

// One retry where the provider's own table says that it can help, each try paid from the budget.
export async function askTwice(
  provider: Provider,
  question: Question,
  settings: DiagnosisSettings,
  ports: DiagnosisPorts,
  desk: BudgetLedger,
  abort: AbortSignal,
): Promise<Answer | Failure> {
  const patience = { timeoutMs: settings.timeoutMs, abort };
  desk.change(called);
  const first = await provider.ask(question, patience);
  if (first.kind === 'answer' || first.verdict !== 'again' || abort.aborted) return first;
  const delayMs = first.retryAfterMs ?? defaultRetryAfterMs;
  if (delayMs > maxRetryAfterMs || !mayCall(desk.look(), settings.maxCalls)) return first;
  await ports.wait(delayMs, abort);
  if (abort.aborted) return first;
  desk.change(called);
  return provider.ask(question, patience);
}

export interface Diagnosis {
  /** Never rejects. `byHand`: a person asks, who need not wait for the pause after a failed ask to end; the budget holds. */
  ask(subject: Case, byHand?: boolean): Promise<Diagnosed | Undiagnosed>;
  /** Gives up what is under way: asks that wait end as failed. */
  close(): void;
}

// While one question is out, so many may wait; a storm of different crashes must not pile up.
const maxWaiting = 4;

/** A diagnosis by the model that the settings name. Loads the provider at the first question. */
export function createDiagnosis(settings: DiagnosisSettings, ports: DiagnosisPorts): Diagnosis {
  const abort = new AbortController();
  const consult = consultant(settings, ports, abort.signal);
  const open = new Map<string, Promise<Diagnosed | Undiagnosed>>();
  let last: Promise<unknown> = Promise.resolve();
  return {
    ask(subject, byHand = false) {
      const same = open.get(subject.fingerprint);
      if (same !== undefined) return same;
      if (open.size > maxWaiting)
        return Promise.resolve({ failed: 'the model is busy with earlier incidents', news: false });
      const mine = last
        .then(() => (abort.signal.aborted ? stopping : consult(subject, byHand)))
        .catch((error: unknown) => ({
          failed: `it failed: ${error instanceof Error ? error.message : ''}`,
          news: true,
        }))
        .finally(() => open.delete(subject.fingerprint));
      open.set(subject.fingerprint, mine);
      last = mine;
      return mine;
    },
    close: () => abort.abort(),
  };
}
