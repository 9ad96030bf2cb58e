import type { Category, Rule } from '../incident.ts';
import { detailsOf, type Place, placeText } from './details.ts';
import { type Exit, signalOf } from './exit.ts';

/** What to check first where a rule has no words of its own. */
const byCategory: Readonly<Record<Category, string>> = {
  'out-of-memory': 'Compare the memory limit with what the program needs, and look for a leak in the memory history.',
  'disk-full': 'Free space on {path|the file system it writes to}: check `df -h` and `df -i`.',
  'port-in-use': 'Find the process that uses {port|the port}: `ss -ltnp`.',
  'missing-dependency': 'Install {module|what the key line names} where the service runs.',
  'missing-file': 'Check that {path|the file that the key line names} exists for the service.',
  'permission-denied': 'Compare owner and mode of {path|the path} with the user of the service.',
  'bad-config': 'Correct {variable|the setting} that the key line names.',
  'auth-failed': 'Check the credentials for {host|the service}.',
  'rate-limited': 'Call {host|the service} less often, and check the quota there.',
  'network-unreachable': 'Check that {host|the other end} can be reached from here.',
  'tls-failure': 'Check certificate and TLS versions of {host|the other end}.',
  timeout: 'Check why {host|the other end} did not answer in time.',
  'upstream-error': 'The fault is at {host|the other end}: check its status.',
  'context-overflow': 'Shorten the prompt.',
  'database-locked': 'Find the other process that uses {path|the database}.',
  'corrupt-state': 'Keep a copy of {path|the damaged data}, restore it, and find out what interrupted the last write.',
  'resource-limit': 'Compare the limits in force (`ulimit -a`) with what the program uses.',
  'gpu-failure': 'Check that `nvidia-smi` or `rocm-smi` shows a working device.',
  'native-crash': 'Look for a core file (`coredumpctl list`), and suspect native modules that were updated recently.',
  'unhandled-exception': 'Handle the error at {place|the place that the trace names}.',
  'killed-externally': 'Find out who ended it.',
  'not-accepted': 'Compare the output of the run with what was expected of it.',
  unknown: 'No cause found in the output. Run the command by hand with the same environment, or raise its log level.',
};

/** What a recommendation is made from beside the rule. */
export interface Advised {
  /** The text that the rule fits. */
  readonly text: string;
  readonly place: Place | null;
  /** The source line at that place, where the log quotes it. */
  readonly source: string | null;
  readonly facts: readonly Fact[];
}

/** The advice for a failure: the rule's words with what its line names put in, and what was measured about it. */
export const recommend = (rule: Rule, { text, place, source, facts }: Advised): string => {
  const holder = rule.category === 'port-in-use' ? facts.find(fact => fact.kind === 'port-holder') : undefined;
  if (holder !== undefined) return ofHolder(holder);
  const at = place === null || !place.own ? null : `${placeText(place)}${source === null ? '' : ` (\`${source}\`)`}`;
  if (at !== null && /^exception\.(?:named|trace|uncaught|panic|other-languages)$|^native\.go-nil$/.test(rule.id))
    return `Unhandled ${typeIn(text)} at ${at}. ${handlingOf(text, source)}`;
  const details = { ...detailsOf(text, rule.category), place: at };
  const filled = (rule.check ?? byCategory[rule.category]).replace(
    /\{(\w+)\|([^}]*)\}/g,
    (_, name: string, otherwise: string) => {
      const value = name in details ? details[name as keyof typeof details] : null;
      if (value === null) return otherwise;
      return name === 'port' ? `port ${value}` : value;
    },
  );
  const sentence = `${filled.slice(0, 1).toUpperCase()}${filled.slice(1)}`;
  // The place is kept whatever the rule says: a reader goes there first.
  const plain = at === null || sentence.includes(at) || place?.line === null || rule.category === 'killed-externally';
  return plain ? sentence : `${sentence} The error was raised at ${at}.`;
};

const ofHolder = (holder: Extract<Fact, { kind: 'port-holder' }>): string => {
  const command = holder.command === null ? '' : ` (${holder.command})`;
  const who = holder.pid === null ? 'a process of another user' : `pid ${holder.pid}${command}`;
  return `Port ${holder.port} is in use by ${who}. Stop that process, or give one of the two another port.`;
};

/** The last part of an exception's name: `IndexError`, `NullPointerException`; `exception` where the line has none. */
const typeIn = (text: string): string => {
  if (/^panic\b|panicked|http: panic|^called `|^index out of bounds: the len/.test(text)) return 'panic';
  const named =
    /\(([A-Z]\w*(?:::[A-Z]\w*)*)\)$/.exec(text) ??
    /(?:^|[.\s:\\])([A-Z]\w{0,60}(?:Error|Exception|Exit|Interrupt|Timeout))\b/.exec(text) ??
    /^(?:[\w$]{1,60}\.){0,8}([A-Z]\w{2,60})(?: \[\w+\])?: /.exec(text);
  const type = named?.[1] ?? 'exception';
  return type === 'Error' ? 'error' : type;
};

/** What to handle, by the type of the exception and its message. */
const handlingOf = (text: string, source: string | null): string => {
  if (/IndexError|index out of (?:range|bounds)|OutOfBounds|IndexOutOfRange|list index/i.test(text)) {
    const list = /(\w{2,40})\[[^\]]{1,40}\]/.exec(source ?? '')?.[1];
    return list?.endsWith('s') === true
      ? `Handle the case of fewer ${list}.`
      : `Handle the case of fewer elements${list === undefined ? '' : ` in ${list}`}.`;
  }
  const key =
    /KeyError: (.{1,80})$/.exec(text)?.[1] ??
    /(?:key|field|property) not found: (.{1,80}?)(?: \(\w+\))?$/.exec(text)?.[1];
  if (key !== undefined) return `Handle the case that the key ${key} is missing.`;
  if (
    /NoneType|of (?:undefined|null)\b|undefined is not|NullPointer|NullReference|nil pointer|for nil\b|on (?:null|bool)\b|a nil value|found nil/i.test(
      text,
    )
  )
    return 'Handle the case that the value is missing there.';
  if (/ZeroDivision|divi(?:de|sion) by zero|badarith/i.test(text)) return 'Handle a divisor of zero.';
  const name = /(?:NameError: name|ReferenceError:) ['`]?(\w{1,60})['`]? is not defined/.exec(text)?.[1];
  if (name !== undefined) return `Define ${name} or correct its spelling.`;
  if (/Assert/i.test(text)) return 'Find out how the program came to values that the assertion excludes.';
  if (/TypeError|ClassCast|InvalidCast/.test(text)) return 'Check the types of the values used there.';
  if (/ValueError|IllegalArgument|ArgumentException|NumberFormat|ArgumentError|ParseFloat|ParseInt/.test(text))
    return 'Check the value before it is used.';
  return 'Handle this error there, or remove what causes it.';
};

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
      return `resident memory was at ${percent(fact.bytes, fact.limitBytes)}% of its limit (${fact.limitBytes} bytes) at the last sample`;
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
