import type { EndReading } from '../core/events.ts';
import type { Exit, Policy, State } from '../core/model.ts';
import type { OutputPatterns } from './output-patterns.ts';
import type { EndJudge } from './response/end-judge.ts';
import type { NotificationSettings } from './watch-order.ts';

/** What it needs of the watcher. */
export interface EndReaderWorld {
  policy: Policy;
  /** The child's, which names most secrets that its log may show. */
  env: Readonly<Record<string, string>>;
  name: string;
  command: readonly string[];
  /** Where the incidents are kept. */
  incidentsFolder: string;
  notifications: NotificationSettings;
  state(): State;
  /** What lines of the user's own say; null: nothing was asked for. */
  patterns: OutputPatterns | null;
  warn(line: string): void;
}

/**
 * Reads the end of a run, and calls back with what it says: at once, but for the first that has to be read closely.
 * `tail`: the end of its output, both streams in order of arrival.
 */
export type EndReader = (
  exit: Exit,
  tail: (maxBytes: number) => Buffer,
  then: (reading: EndReading | null) => void,
) => void;

const NOTHING: EndReading = { cause: null, limit: null, line: null, success: null, why: null };

/** A look at so much of the end tells whether it is worth reading closely. */
const GLANCE_BYTES = 16 * 1024;
const READ_BYTES = 256 * 1024;
/** Words of limits and refused logins, and the end of a JSON event. */
const WORTH_READING =
  /limit|quota|usage|credit|balance|429|529|40[123]|throttl|too many|overload|log ?in|logged|sign in|auth|token|api.?key|exhaust|flood|billing|account|capacity|spend|retry-after|context|too (?:long|large)|terminal|tty|raw mode|[}\]]\s*$/i;

/**
 * Most ends say nothing about themselves, and the next start must not wait for a closer look at them. What looks closely is
 * loaded with the first end that is worth it.
 */
export function createEndReader(world: EndReaderWorld): EndReader {
  const { policy } = world;
  // Other causes than these may stand behind any words.
  const anyCause = Object.entries(policy.onCause).some(
    ([cause, { kind }]) => kind !== 'restart' && cause !== 'rate-limited' && cause !== 'auth-failed',
  );
  let judge: EndJudge | null = null;

  async function load(): Promise<EndJudge> {
    const { createEndJudge } = await import('./response/end-judge.ts');
    return createEndJudge({ ...world, anyCause });
  }

  /** An end is an end, whatever goes wrong in reading it. */
  function failed(error: unknown): null {
    world.warn(`the end of the run could not be read: ${error}`);
    return null;
  }

  function judged(exit: Exit, tail: (maxBytes: number) => Buffer): EndReading | null {
    try {
      return judge?.(exit, tail(READ_BYTES).toString('utf8')) ?? null;
    } catch (error) {
      return failed(error);
    }
  }

  return (exit, tail, tell) => {
    // An end that was asked for needs no explanation.
    if (world.state().phase.kind !== 'running') return tell(null);
    const told = world.patterns?.verdict(exit.code !== null && policy.successCodes.includes(exit.code), tail) ?? null;
    if (told?.success === true) return tell({ ...NOTHING, success: true });
    const then = (reading: EndReading | null) =>
      tell(told?.success === false ? { ...(reading ?? NOTHING), ...told } : reading);
    const { phase, incident } = world.state();
    const tentative = phase.kind === 'running' && phase.live.healthy && incident !== null;
    if (!anyCause && !tentative && !WORTH_READING.test(tail(GLANCE_BYTES).toString('latin1'))) return then(null);
    if (judge !== null) return then(judged(exit, tail));
    load()
      .then(loaded => {
        judge = loaded;
      }, failed)
      .then(() => then(judged(exit, tail)));
  };
}
