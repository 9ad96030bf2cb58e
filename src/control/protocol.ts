/** One line of JSON each way. Version 1. */
export const PROTOCOL_VERSION = 1;
/** No request or answer line is longer; what is, is refused. */
export const REQUEST_LIMIT_BYTES = 64 * 1024;
export const ANSWER_LIMIT_BYTES = 16 * 1024 * 1024;

/** What a command asks of a watcher. */
export type Request =
  | { verb: 'status' }
  | { verb: 'stop'; now: boolean }
  | { verb: 'restart' }
  /** `pid`: of the asking process, which must not be inside what is watched. */
  | { verb: 'reset'; pid: number }
  | { verb: 'signal'; signal: string };

/** The watcher's answer; `exit` is the command's exit code, `why` one line for people. */
export type Answer = { ok: true; [key: string]: unknown } | { ok: false; why: string; exit: number };

/** Bad usage and whatever the watcher cannot do: the contract's 125. */
export const EXIT_REFUSED = 125;

const CHECKS: Readonly<Record<Request['verb'], (fields: Record<string, unknown>) => Request | null>> = {
  status: () => ({ verb: 'status' }),
  stop: ({ now }) => (typeof now === 'boolean' ? { verb: 'stop', now } : null),
  restart: () => ({ verb: 'restart' }),
  reset: ({ pid }) => (typeof pid === 'number' ? { verb: 'reset', pid } : null),
  signal: ({ signal }) => (typeof signal === 'string' ? { verb: 'signal', signal } : null),
};

/** Reads a request line; a string says in one sentence what is wrong with it. */
export function readRequest(line: string): Request | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Its text is not repeated: it may hold anything.
    return 'the request is no JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'the request is no JSON object';
  const fields = value as Record<string, unknown>;
  if (fields['v'] !== PROTOCOL_VERSION) return `the watcher speaks version ${PROTOCOL_VERSION} of the protocol only`;
  const verb = fields['verb'];
  if (typeof verb !== 'string' || !Object.hasOwn(CHECKS, verb)) return 'the watcher knows no such request';
  return CHECKS[verb as Request['verb']](fields) ?? `the request '${verb}' lacks something`;
}

/** Reads an answer line; null if it is none. */
export function readAnswer(line: string): Answer | null {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || !('ok' in value)) return null;
    if (value.ok === true) return value as Answer;
    const { why, exit } = value as Record<string, unknown>;
    return typeof why === 'string' && typeof exit === 'number' ? { ok: false, why, exit } : null;
  } catch {
    // Half a line of a watcher that died, or another program behind the socket.
    return null;
  }
}
