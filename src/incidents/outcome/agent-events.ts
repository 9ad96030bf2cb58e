/**
 * The last words of agent CLIs that speak in JSON: Claude Code, Qwen, Cursor and Amp (`--output-format stream-json`), Codex
 * (`--json`), Gemini (`--output-format json|stream-json`), OpenCode (`--format json`), goose, and structured logs.
 */
import { isRecord, parseJson } from '../../core/shape.ts';

/** What one JSON event says of the run. */
export interface AgentEvent {
  /**
   * - `success`, `failure`: the run's own verdict on itself.
   * - `done`: a turn ended well; the exit code decides.
   * - `error`: something failed; its texts are read as lines.
   * - `work`: ordinary life.
   * - `notice`: neither life nor failure.
   */
  readonly kind: 'success' | 'failure' | 'done' | 'error' | 'work' | 'notice';
  /** Its text fields, to be read as lines of the log. */
  readonly texts: readonly string[];
  /** When windows end that it says are used up: ms since 1970, or `afterMs` from now. */
  readonly resets: readonly { readonly atMs?: number; readonly afterMs?: number }[];
}

type Json = Readonly<Record<string, unknown>>;

/** Reads one line, or one block of lines, as an event. Null: it is not a JSON object. */
export const readEvent = (text: string): AgentEvent | null => {
  const start = text.trimStart();
  if (!start.startsWith('{') && !start.startsWith('[{')) return null;
  const value = parseJson(start);
  const object = Array.isArray(value) ? value.at(-1) : value;
  return isRecord(object) ? eventOf(object) : null;
};

const eventOf = (event: Json): AgentEvent => {
  // Codex before 0.40 wraps each event.
  const inner = isRecord(event['msg']) ? event['msg'] : event;
  const read = typeof inner['type'] === 'string' ? readers[inner['type']] : undefined;
  return read?.(inner) ?? ofAnything(inner);
};

const plain = (kind: AgentEvent['kind'], texts: readonly string[] = []): AgentEvent => ({ kind, texts, resets: [] });

/** A reader of a type that others use too returns null for what is not its own. */
const readers: Readonly<Record<string, (event: Json) => AgentEvent | null>> = {
  result: event => {
    const failed = failedResult(event);
    return failed ? plain('failure', textsOf(event, ['result', 'error', 'errors', 'message'])) : plain('success');
  },
  rate_limit_event: event => {
    const info = isRecord(event['rate_limit_info']) ? event['rate_limit_info'] : {};
    if (info['status'] !== 'rejected' || info['isUsingOverage'] === true) return plain('notice');
    const ends = epochMs(info['resetsAt']);
    return { kind: 'error', texts: ['rate_limit_event rejected'], resets: ends === null ? [] : [{ atMs: ends }] };
  },
  'turn.failed': event => ({ ...plain('failure', textsOf(event, ['error', 'message'])), resets: resetsOf(event) }),
  error: event => ({ ...plain('error', textsOf(event, ['error', 'message', 'error_type'])), resets: resetsOf(event) }),
  stream_error: event => plain('error', textsOf(event, ['message'])),
  token_count: event => ({ ...plain('notice'), resets: usedUpWindows(event['rate_limits']) }),
  assistant: event => {
    const message = isRecord(event['message']) ? event['message'] : {};
    const told =
      event['error'] !== undefined || message['model'] === '<synthetic>' || event['isApiErrorMessage'] === true;
    return told ? plain('error', contentTexts(message['content'])) : plain('work');
  },
  system: event => {
    if (event['subtype'] !== 'api_retry') return plain('notice');
    return plain('error', [`status ${String(event['error_status'])}: ${String(event['error'])}`]);
  },
  'item.completed': event => {
    const item = isRecord(event['item']) ? event['item'] : {};
    return plain(item['type'] === 'error' ? 'notice' : 'work');
  },
  'turn.completed': () => plain('done'),
  task_complete: () => plain('done'),
  complete: () => plain('done'),
  'thread.started': () => plain('notice'),
  'turn.started': () => plain('notice'),
};

const failedResult = (event: Json): boolean => {
  if (typeof event['subtype'] === 'string' && event['subtype'].startsWith('error')) return true;
  if (typeof event['is_error'] === 'boolean') return event['is_error'];
  if (typeof event['status'] === 'string') return event['status'] !== 'success';
  return typeof event['subtype'] === 'string' ? event['subtype'].startsWith('error') : false;
};

/** An answer of a service, the whole output of `--output-format json`, or a line of a structured log. */
const ofAnything = (event: Json): AgentEvent => {
  const level = event['level'] ?? event['severity'] ?? event['lvl'];
  const loud =
    typeof level === 'number' ? level >= 50 : typeof level === 'string' && /^(?:err|fatal|crit)/i.test(level);
  const fails =
    (event['error'] !== undefined && event['error'] !== null && event['error'] !== false) ||
    event['err'] !== undefined ||
    isCode(event['code']) ||
    isCode(event['status']) ||
    isCode(event['retCode']) ||
    isBareMessage(event);
  if (typeof level !== 'undefined' && !loud) return plain('work');
  if (!loud && !fails)
    return plain(event['type'] === 'message' || event['type'] === undefined ? 'work' : workOf(event));
  const texts = textsOf(event, ['message', 'msg', 'error', 'err', 'retMsg', 'detail', 'code', 'status']);
  return { kind: 'error', texts, resets: resetsOf(event) };
};

/** The body of a refusal, as many services send it: a message, and where to ask about it. */
const isBareMessage = (event: Json): boolean =>
  typeof event['message'] === 'string' &&
  Object.keys(event).every(key => /^(?:message|__type|success|documentation_url|request_?id)$/i.test(key));

const workOf = (event: Json): AgentEvent['kind'] =>
  /^(?:init|stats|usage|step_)/.test(String(event['type'])) ? 'notice' : 'work';

/** A code of trouble: an HTTP status from 400, an exchange's negative or five-digit number, or a word. */
const isCode = (value: unknown): boolean =>
  (typeof value === 'number' && (value >= 400 || value < 0)) ||
  (typeof value === 'string' && /^(?:[45]\d\d|[A-Z_]{6,})$/.test(value));

/** The texts of these fields, nested ones too; a number of trouble as `status N`. */
const textsOf = (event: Json, fields: readonly string[]): string[] =>
  fields.flatMap(field => deepTexts(event[field], field, 0));

const deepTexts = (value: unknown, name: string, depth: number): string[] => {
  if (depth > 4) return [];
  if (typeof value === 'string') return nested(value, depth);
  if (typeof value === 'number')
    return value >= 400 && value < 600 && /code|status/i.test(name) ? [`status ${value}`] : [];
  if (Array.isArray(value)) return value.slice(0, 8).flatMap(item => deepTexts(item, name, depth + 1));
  if (!isRecord(value)) return [];
  return Object.entries(value)
    .slice(0, 20)
    .filter(([key]) =>
      /^(?:message|msg|error|data|detail|details|type|code|status|statusCode|name|reason|body|cause|responseBody)$/.test(
        key,
      ),
    )
    .flatMap(([key, item]) => deepTexts(item, key, depth + 1));
};

/** A text that itself is JSON is read through: services are quoted inside one another. */
const nested = (text: string, depth: number): string[] => {
  const inner = text.trimStart().startsWith('{') ? parseJson(text.trim()) : null;
  const lines = text.split(/[\r\n]+/).filter(line => line.trim() !== '');
  return isRecord(inner) ? deepTexts(inner, '', depth + 1) : lines.slice(0, 12);
};

const contentTexts = (content: unknown): string[] => {
  if (typeof content === 'string') return nested(content, 0);
  if (!Array.isArray(content)) return [];
  return content.flatMap(part => (isRecord(part) && typeof part['text'] === 'string' ? nested(part['text'], 0) : []));
};

/** `resets_in_seconds` and its kin anywhere in an event that failed. */
const resetsOf = (value: unknown, depth = 0): AgentEvent['resets'] => {
  if (!isRecord(value) || depth > 4) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    if (/^resets?_in(?:_seconds)?$|^resetsInSeconds$/.test(key) && typeof item === 'number')
      return [{ afterMs: item * 1000 }];
    const ends = /^resets?_?at$/i.test(key) ? epochMs(item) : null;
    if (ends !== null) return [{ atMs: ends }];
    return resetsOf(item, depth + 1);
  });
};

/** Codex tells each window's use beside its end; one that is not used up stops nobody. */
const usedUpWindows = (limits: unknown): AgentEvent['resets'] =>
  isRecord(limits)
    ? Object.values(limits).flatMap(window =>
        isRecord(window) && typeof window['used_percent'] === 'number' && window['used_percent'] >= 100
          ? resetsOf(window)
          : [],
      )
    : [];

const epochMs = (value: unknown): number | null => {
  const number = typeof value === 'string' && /^\d{10,13}$/.test(value) ? Number(value) : value;
  if (typeof number === 'number') return number > 1e12 ? number : number > 1e9 ? number * 1000 : null;
  const parsedAt = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(parsedAt) ? null : parsedAt;
};
