/** What every provider is asked, and what comes back. */

/** One question. `user` ends with the log. */
export interface Question {
  readonly system: string;
  readonly user: string;
}

/** The patience one question gets. */
export interface Patience {
  /** For one try, in ms. */
  readonly timeoutMs: number;
  readonly abort: AbortSignal;
}

/** Tokens of one exchange, as the provider counts them. */
export interface Tokens {
  readonly input: number;
  readonly output: number;
}

/** What the model wrote, raw. */
export interface Answer {
  readonly kind: 'answer';
  readonly text: string;
  /** The model that answered, null if there is none to name. */
  readonly model: string | null;
  readonly tokens: Tokens | null;
}

/**
 * No answer. `why` is a clause for people. `verdict`: may it be tried once more now (`again`), only after a pause
 * (`later`), or not before a restart of the watcher (`never`: the key, the model or the account is wrong).
 */
export interface Failure {
  readonly kind: 'failure';
  readonly why: string;
  readonly verdict: 'again' | 'later' | 'never';
  /** How long the provider wants to be left alone, if it said so. */
  readonly retryAfterMs: number | null;
}

/** Asks one model. Never rejects. */
export interface Provider {
  /** As incidents name it: `anthropic`, `openai`, `ollama`, `command`. */
  readonly source: string;
  /** It computes on this machine, so that asking it takes memory from the child. */
  readonly onThisMachine: boolean;
  ask(question: Question, patience: Patience): Promise<Answer | Failure>;
}

/** A failure that no provider's error table is needed for. */
export const failure = (verdict: Failure['verdict'], why: string, retryAfterMs: number | null = null): Failure => ({
  kind: 'failure',
  why,
  verdict,
  retryAfterMs,
});
