import { detailsOf } from './details.ts';
import type { Fact } from './facts.ts';
import type { Category, Rule } from './rule.ts';

/** What to check first where a rule has no words of its own. */
const byCategory: Readonly<Record<Category, string>> = {
  'out-of-memory': 'Check the memory limit against what the program needs, and the memory history for a leak.',
  'disk-full': 'Check room and inodes (df, df -i) on {path|the file system it writes to}.',
  'port-in-use': 'Find who holds {port|the port}: ss -ltnp.',
  'missing-dependency': 'Check that {module|what it needs} is installed where the service runs.',
  'missing-file': 'Check that {path|the file} exists for the service.',
  'permission-denied': 'Check owner and mode of {path|the path} against the user of the service.',
  'bad-config': 'Check {variable|the setting} that the key line names.',
  'auth-failed': 'Check the credentials in use at {host|that service}.',
  'rate-limited': 'Check how often this calls {host|the service}, and its quota there.',
  'network-unreachable': 'Check that {host|the other end} can be reached from here.',
  'tls-failure': 'Check the certificate and TLS versions of {host|the other end}.',
  timeout: 'Check why {host|the other end} did not answer in time.',
  'upstream-error': 'The fault is at {host|the other end}: check its status.',
  'context-overflow': 'Shorten what goes into the prompt.',
  'database-locked': 'Find the other process that holds {path|it}.',
  'corrupt-state': 'Keep a copy of {path|the file}, restore it, and find out what interrupted its writing.',
  'resource-limit': 'Compare the limits in force (ulimit -a) with what is used.',
  'gpu-failure': 'Check that nvidia-smi or rocm-smi sees a working device.',
  'native-crash': 'Look for a core file and suspect native modules that were updated last.',
  'unhandled-exception': 'Check {place|the place} that the trace names.',
  'killed-externally': 'Find who ended it.',
  unknown: 'Run it by hand with the same environment, or raise its log level.',
};

/** The advice for a failure: the rule's words with what its line names put in, and what was measured about it. */
export const recommend = (rule: Rule, text: string, place: string | null, facts: readonly Fact[]): string => {
  const details = { ...detailsOf(text, rule.category), place };
  const filled = (rule.check ?? byCategory[rule.category]).replace(
    /\{(\w+)\|([^}]*)\}/g,
    (_, name: string, otherwise: string) => {
      const value = name in details ? details[name as keyof typeof details] : null;
      if (value === null) return otherwise;
      return name === 'port' ? `port ${value}` : value;
    },
  );
  const capital = `${filled.slice(0, 1).toUpperCase()}${filled.slice(1)}`;
  const holder = rule.category === 'port-in-use' ? facts.find(fact => fact.kind === 'port-holder') : undefined;
  if (holder === undefined) return capital;
  const who =
    holder.pid === null
      ? 'a process of another user'
      : `pid ${holder.pid}${holder.command === null ? '' : ` (${holder.command})`}`;
  return `Port ${holder.port} is held by ${who}: end it, or give one of the two another port.`;
};
