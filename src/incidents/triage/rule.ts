/** What an incident is put down to. The list is the contract of `incidents --json`: adding one is a change of that contract. */
export const categories = [
  'out-of-memory',
  'disk-full',
  'port-in-use',
  'missing-dependency',
  'missing-file',
  'permission-denied',
  'bad-config',
  'auth-failed',
  'rate-limited',
  'network-unreachable',
  'tls-failure',
  'timeout',
  'upstream-error',
  'context-overflow',
  'database-locked',
  'corrupt-state',
  'resource-limit',
  'gpu-failure',
  'native-crash',
  'unhandled-exception',
  'killed-externally',
  'not-accepted',
  'unknown',
] as const;

export type Category = (typeof categories)[number];

/**
 * One sentence of experience: a line that looks like this means that. Rules are tried in the order of the rule book and the
 * first that fits speaks for the line, so what misleads ("memory quota") stands above what it is mistaken for ("quota").
 */
export interface Rule {
  /** `family.what`, unique: shown in incidents, part of the fingerprint. */
  readonly id: string;
  readonly category: Category;
  /** Tried on one line without its prefixes, cut to some 2000 characters; no unbounded repetition twice in one pattern. */
  readonly pattern: RegExp;
  /** A line of this kind (and, for `context`, the lines around it): the rule's test. */
  readonly example: string;
  /** Must fit one of the lines around it too: the source line of the top frame, an error's further properties. */
  readonly context?: RegExp;
  /** How much more telling than the usual rule of its kind (0 is the usual; negative for wording that is often survived). */
  readonly weight?: number;
  /** What to check first, with `{port|the port}`: a detail found in the line, or the words after the bar. */
  readonly check?: string;
  /** No program lives on after this: what is printed below it is its own dump. */
  readonly terminal?: boolean;
  /** It tells what the program was waiting for: the last such line speaks even for an end by a signal. */
  readonly ongoing?: boolean;
  /** It tells that something failed elsewhere ("see above", "exit status 1"): believed only when nothing else is there. */
  readonly wrapper?: boolean;
}
