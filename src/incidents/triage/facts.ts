import { type Exit, signalOf } from './exit.ts';
import type { Category } from './rule.ts';

/** What was measured about an end, from outside the program. Facts outrank words: a counter cannot mislead. */
export type Fact =
  /** The `oom_kill` counter of the cgroup the run lived in, at its start and at its end. */
  | { readonly kind: 'oom-kill-counter'; readonly before: number; readonly after: number }
  /** The kernel log names a victim among the run's processes. */
  | { readonly kind: 'oom-kill-logged'; readonly line: string }
  /** Resident memory near the limit that holds for the tree, at the last sample. */
  | { readonly kind: 'memory-near-limit'; readonly bytes: number; readonly limitBytes: number }
  /** A file system the run writes to has nothing left; `inodes` if it is those that ran out. */
  | { readonly kind: 'disk-full'; readonly path: string; readonly freeBytes: number; readonly inodes?: boolean }
  /** Who listens on a port that the log names. */
  | {
      readonly kind: 'port-holder';
      readonly port: number;
      readonly pid: number | null;
      readonly command: string | null;
    }
  /** We sent the signal that ended it; `why` says on whose behalf. */
  | { readonly kind: 'sent-by-us'; readonly signal: string; readonly why?: string }
  /** Open descriptors against their limit, at the last sample. */
  | { readonly kind: 'open-files'; readonly open: number; readonly limit: number }
  /** The command could not be started: errno's name, and what it was that is missing or forbidden. */
  | { readonly kind: 'spawn-failed'; readonly errno: string; readonly path: string };

/** What a measurement alone says about the end. */
export interface Proof {
  readonly category: Category;
  readonly confidence: number;
  readonly rule: string;
  readonly check: string;
}

/** One sentence for each fact, as evidence. */
export const factSentence = (fact: Fact): string => {
  switch (fact.kind) {
    case 'oom-kill-counter':
      return `the cgroup's oom_kill counter went from ${fact.before} to ${fact.after} during this run`;
    case 'oom-kill-logged':
      return `the kernel log says: ${fact.line}`;
    case 'memory-near-limit':
      return `resident memory was at ${percent(fact.bytes, fact.limitBytes)} % of its limit (${fact.limitBytes} bytes) at the last sample`;
    case 'disk-full':
      return fact.inodes === true ? `no inodes left on ${fact.path}` : `${fact.freeBytes} bytes free on ${fact.path}`;
    case 'port-holder':
      return `port ${fact.port} is in use by ${fact.pid === null ? 'a process of another user' : `pid ${fact.pid}`}${fact.command === null ? '' : ` (${fact.command})`}`;
    case 'sent-by-us':
      return `the watcher sent ${fact.signal}${fact.why === undefined ? '' : `: ${fact.why}`}`;
    case 'open-files':
      return `${fact.open} of ${fact.limit} descriptors were open at the last sample`;
    case 'spawn-failed':
      return `the command could not be started: ${fact.errno} on ${fact.path}`;
  }
};

/** The proof among the facts that decides by itself, if there is one; the strongest first. */
export const proofOf = (exit: Exit, facts: readonly Fact[]): Proof | null => {
  const found = facts.map(fact => decide(fact, exit)).filter(proof => proof !== null);
  return found.sort((one, other) => other.confidence - one.confidence)[0] ?? null;
};

const decide = (fact: Fact, exit: Exit): Proof | null => {
  if (fact.kind === 'oom-kill-counter' && fact.after > fact.before)
    return signalOf(exit) === 'SIGKILL' ? oom(0.98) : oom(0.8);
  if (fact.kind === 'oom-kill-logged') return oom(0.97);
  // No counter, only a trend: suspected, and said so by a confidence below one half.
  if (fact.kind === 'memory-near-limit' && signalOf(exit) === 'SIGKILL')
    return { ...oom(fact.bytes >= fact.limitBytes * 0.9 ? 0.45 : 0.3), rule: 'proof.memory-near-limit' };
  if (fact.kind === 'spawn-failed') return spawn(fact.errno);
  return null;
};

const oom = (confidence: number): Proof => ({
  category: 'out-of-memory',
  confidence,
  rule: 'proof.oom-kill',
  check:
    'Compare the memory limit with what the program needs, and look for a leak in the memory history of this incident.',
});

const spawn = (errno: string): Proof | null => {
  const check =
    'Check that the command, its interpreter and its working directory exist and may be executed by this user.';
  if (errno === 'ENOENT') return { category: 'missing-dependency', confidence: 0.95, rule: 'proof.spawn', check };
  if (errno === 'EACCES' || errno === 'EPERM')
    return { category: 'permission-denied', confidence: 0.95, rule: 'proof.spawn', check };
  if (errno === 'EAGAIN' || errno === 'EMFILE' || errno === 'ENFILE')
    return {
      category: 'resource-limit',
      confidence: 0.9,
      rule: 'proof.spawn',
      check: 'Check the limits on processes and open files (`ulimit -a`).',
    };
  return errno === 'ENOMEM' ? oom(0.8) : null;
};

const percent = (part: number, whole: number): number => (whole > 0 ? Math.round((part / whole) * 100) : 0);
