/** Two APIs that agent CLIs speak beside those of Anthropic and OpenAI: Chat Completions, and Gemini's `generateContent`. */
import type { ServerResponse } from 'node:http';
import { type Received, sendJson } from './local-server.ts';
import { hasResult, type Mood, tell, wordsOf } from './mood.ts';

/** OpenAI's Chat Completions, as most other providers speak it too. */
export function chatCompletions(mood: Mood, request: Received, response: ServerResponse): void {
  const refusal = chatRefusal(mood);
  if (refusal !== null) {
    const { status, ...error } = refusal;
    return sendJson(response, status, { error });
  }
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  const whole = { id: 'chat_1', created: 1, model: 'test-model' };
  if ((request.json as { stream?: boolean }).stream !== true) {
    const message = { role: 'assistant', content: wordsOf(mood) };
    const choices = [{ index: 0, message, finish_reason: 'stop' }];
    return sendJson(response, 200, { ...whole, object: 'chat.completion', choices, usage });
  }
  const send = dataStream(response);
  const chunk = (fields: object) => send({ ...whole, object: 'chat.completion.chunk', ...fields });
  const delta = (fields: object, finish_reason: string | null = null) =>
    chunk({ choices: [{ index: 0, delta: fields, finish_reason }] });
  delta({ role: 'assistant', content: '' });
  if (mood.kind === 'stalled') return;
  const end = (reason: string) => {
    delta({}, reason);
    chunk({ choices: [], usage });
    response.write('data: [DONE]\n\n');
    response.end();
  };
  const name = /"name":"(bash|run_shell_command)"/.exec(request.body)?.[1];
  if (mood.kind === 'tool' && name !== undefined && !hasResult(request)) {
    const call = { index: 0, id: 'call_1', type: 'function', function: { name, arguments: asleep(mood.sleepS) } };
    delta({ tool_calls: [call] });
    return end('tool_calls');
  }
  tell(
    mood,
    response,
    content => delta({ content }),
    () => end('stop'),
  );
}

const asleep = (seconds: number): string =>
  JSON.stringify({ command: `sleep ${seconds}`, description: 'Sleeps', is_background: false });

interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly type: string;
  readonly code: string;
}

function chatRefusal(mood: Mood): Refusal | null {
  switch (mood.kind) {
    case 'refused':
      return {
        status: 401,
        message: 'Incorrect API key provided: not-a-key.',
        type: 'invalid_request_error',
        code: 'invalid_api_key',
      };
    case 'limit':
      // Some plans answer so. The time of a 429 is waited for by these CLIs themselves, in silence.
      return {
        status: 403,
        message: `5 hour usage limit reached. Resets in ${mood.resetsInS / 60} minutes.`,
        type: 'usage_limit',
        code: 'usage_limit_reached',
      };
    case 'spent':
      return { status: 402, message: 'Insufficient Balance', type: 'billing', code: 'insufficient_balance' };
    case 'too-long':
      return {
        status: 400,
        message: "This model's maximum context length is 128000 tokens. However, your messages have 130512 tokens.",
        type: 'invalid_request_error',
        code: 'context_length_exceeded',
      };
    default:
      return null;
  }
}

/** Gemini's API, whole and as a stream. */
export function generateContent(mood: Mood, request: Received, response: ServerResponse): void {
  const refusal = googleRefusal(mood);
  if (refusal !== null) return sendJson(response, refusal.code, { error: refusal });
  const usageMetadata = { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 };
  const candidate = (part: object, finish: object = {}) => ({
    candidates: [{ index: 0, content: { role: 'model', parts: [part] }, ...finish }],
    usageMetadata,
  });
  const stop = { finishReason: 'STOP' };
  if (!request.path.includes('stream')) {
    // What it asks for beside the conversation is JSON of some schema: which model to take.
    const asked = request.body.includes('application/json');
    return sendJson(response, 200, candidate({ text: asked ? '{}' : wordsOf(mood) }, stop));
  }
  const send = dataStream(response);
  if (mood.kind === 'stalled') return send(candidate({ text: 'Well' }));
  if (mood.kind === 'tool' && !hasResult(request)) {
    const call = { name: 'run_shell_command', args: JSON.parse(asleep(mood.sleepS)) };
    send(candidate({ functionCall: call }, stop));
    response.end();
    return;
  }
  tell(
    mood,
    response,
    text => send(candidate({ text })),
    () => {
      send(candidate({ text: '' }, stop));
      response.end();
    },
  );
}

interface GoogleRefusal {
  readonly code: number;
  readonly status: string;
  readonly message: string;
  readonly details?: readonly object[];
}

function googleRefusal(mood: Mood): GoogleRefusal | null {
  const info = (reason: string, domain: string, metadata: object) => ({
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    reason,
    domain,
    metadata,
  });
  switch (mood.kind) {
    case 'refused': {
      const details = [info('API_KEY_INVALID', 'googleapis.com', { service: 'generativelanguage.googleapis.com' })];
      return {
        code: 400,
        status: 'INVALID_ARGUMENT',
        message: 'API key not valid. Please pass a valid API key.',
        details,
      };
    }
    case 'limit': {
      const message = `Quota exceeded for this model. Your quota will reset after ${mood.resetsInS / 60}m.`;
      const retry = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${mood.resetsInS}s` };
      const quota = info('QUOTA_EXHAUSTED', 'cloudcode-pa.googleapis.com', {});
      return { code: 429, status: 'RESOURCE_EXHAUSTED', message, details: [quota, retry] };
    }
    case 'spent':
      // As a gateway says it: Google's own 429 is tried ten times, which takes five minutes.
      return {
        code: 402,
        status: 'FAILED_PRECONDITION',
        message: 'Your prepayment credits are depleted. Please manage your project and its billing.',
      };
    case 'too-long':
      return {
        code: 400,
        status: 'INVALID_ARGUMENT',
        message: 'The input token count (1203417) exceeds the maximum number of tokens allowed (1048576).',
      };
    default:
      return null;
  }
}

/** Server-sent events without names. */
function dataStream(response: ServerResponse): (event: object) => void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  return event => response.write(`data: ${JSON.stringify(event)}\r\n\r\n`);
}
