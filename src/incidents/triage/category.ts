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
  'unknown',
] as const;

export type Category = (typeof categories)[number];
