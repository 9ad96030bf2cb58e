/**
 * What agent CLIs speak to: the Messages API (`POST /v1/messages`), the Responses API (`POST /v1/responses`), Chat Completions
 * (`POST /v1/chat/completions`) and Gemini's `generateContent`, as far as a run needs them, with an answer of the test's choice.
 */
import type { ServerResponse } from 'node:http';
import { chatCompletions, generateContent } from './chat-apis.ts';
import { type LocalServer, type Received, sendJson } from './local-server.ts';
import { hasResult, type Mood, tell, wordsOf } from './mood.ts';
import { serving } from './serving.ts';

export interface ModelApi extends LocalServer {
  mood: Mood;
}

const THINKS_MS = 2000;

/** A server of all these APIs; its mood may change while it runs. */
export async function modelApi(mood: Mood): Promise<ModelApi> {
  const api = (await serving((request, response) => {
    const thinksMs = api.mood.kind === 'tool' && !hasResult(request) ? THINKS_MS : 0;
    setTimeout(() => answer(api.mood, request, response), thinksMs).unref();
  })) as ModelApi;
  api.mood = mood;
  return api;
}

function answer(mood: Mood, request: Received, response: ServerResponse): void {
  const { path, method } = request;
  if (method !== 'POST') return sendJson(response, 200, { data: [] });
  if (path.includes('count_tokens')) return sendJson(response, 200, { input_tokens: 1 });
  if (path.includes('/messages')) return messages(mood, request, response);
  if (path.includes('/responses')) return responses(mood, request, response);
  if (path.includes('/chat/completions')) return chatCompletions(mood, request, response);
  if (path.includes('countTokens')) return sendJson(response, 200, { totalTokens: 1 });
  if (path.toLowerCase().includes('generatecontent')) return generateContent(mood, request, response);
  sendJson(response, 200, {});
}

function messages(mood: Mood, request: Received, response: ServerResponse): void {
  const { json } = request;
  const failure = (status: number, type: string, message: string, headers: Record<string, string> = {}) =>
    sendJson(response, status, { type: 'error', error: { type, message } }, { 'x-should-retry': 'false', ...headers });
  if (mood.kind === 'refused') return failure(401, 'authentication_error', 'invalid x-api-key');
  if (mood.kind === 'spent') {
    const message =
      'Your credit balance is too low to access the API. Please go to Plans & Billing to purchase credits.';
    return failure(400, 'invalid_request_error', message);
  }
  if (mood.kind === 'too-long')
    return failure(400, 'invalid_request_error', 'prompt is too long: 213462 tokens > 200000 maximum');
  if (mood.kind === 'limit') {
    const message = `This request would exceed the rate limit of your account. Try again in ${mood.resetsInS} seconds.`;
    return failure(429, 'rate_limit_error', message, { 'retry-after': String(mood.resetsInS) });
  }
  const usage = { input_tokens: 1, output_tokens: 1 };
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-test', usage, stop_sequence: null };
  const content = { type: 'text', text: wordsOf(mood) };
  if ((json as { stream?: boolean })?.stream !== true)
    return sendJson(response, 200, { ...message, content: [content], stop_reason: 'end_turn' });
  const asksTool = mood.kind === 'tool' && /"name":"Bash"/.test(request.body) && !hasResult(request);
  const send = stream(response);
  const delta = (fields: object) => send('content_block_delta', { index: 0, delta: fields });
  send('message_start', { message: { ...message, content: [], stop_reason: null } });
  if (mood.kind === 'stalled') return;
  const block = asksTool ? { type: 'tool_use', id: 'tool_1', name: 'Bash', input: {} } : { type: 'text', text: '' };
  send('content_block_start', { index: 0, content_block: block });
  const end = () => {
    send('content_block_stop', { index: 0 });
    const stop_reason = asksTool ? 'tool_use' : 'end_turn';
    send('message_delta', { delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 1 } });
    send('message_stop', {});
    response.end();
  };
  if (!asksTool) return tell(mood, response, text => delta({ type: 'text_delta', text }), end);
  const partial_json = JSON.stringify({ command: `sleep ${mood.sleepS}`, description: 'Sleeps', timeout: 600_000 });
  delta({ type: 'input_json_delta', partial_json });
  end();
}

function responses(mood: Mood, request: Received, response: ServerResponse): void {
  if (mood.kind === 'refused')
    return sendJson(response, 401, { error: { message: 'Incorrect API key provided', code: 'invalid_api_key' } });
  if (mood.kind === 'spent') {
    const message = 'You exceeded your current quota, please check your plan and billing details.';
    return sendJson(response, 429, { error: { message, type: 'insufficient_quota', code: 'insufficient_quota' } });
  }
  if (mood.kind === 'limit') {
    const { resetsInS } = mood;
    const resets_at = Math.floor(Date.now() / 1000) + resetsInS;
    const error = {
      type: 'usage_limit_reached',
      message: 'The usage limit has been reached',
      plan_type: 'plus',
      resets_at,
    };
    return sendJson(response, 429, { error });
  }
  const send = stream(response);
  send('response.created', { response: { id: 'resp_1' } });
  if (mood.kind === 'too-long') {
    const message = 'Your input exceeds the context window of this model. Please adjust your input and try again.';
    send('response.failed', {
      response: { id: 'resp_1', status: 'failed', error: { code: 'context_length_exceeded', message } },
    });
    response.end();
    return;
  }
  if (mood.kind === 'stalled') return;
  const end = (item: object) => {
    send('response.output_item.done', { item });
    const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
    send('response.completed', { response: { id: 'resp_1', status: 'completed', output: [], usage } });
    response.end();
  };
  const call = mood.kind === 'tool' && !hasResult(request) ? shellCall(request, `sleep ${mood.sleepS}`) : null;
  if (call !== null) return end(call);
  let text = '';
  const item = { type: 'message', role: 'assistant', id: 'item_1' };
  if (mood.kind === 'slow') send('response.output_item.added', { item: { ...item, content: [] } });
  const word = (delta: string) => {
    text += delta;
    if (mood.kind === 'slow')
      send('response.output_text.delta', { item_id: 'item_1', output_index: 0, content_index: 0, delta });
  };
  tell(mood, response, word, () => end({ ...item, content: [{ type: 'output_text', text, annotations: [] }] }));
}

/** A call of whichever shell tool was offered. */
function shellCall({ body }: Received, command: string): object | null {
  const [, name] = /"name":"(exec_command|shell_command|shell|local_shell)"/.exec(body) ?? [];
  if (name === undefined) return null;
  const given =
    name === 'exec_command'
      ? { cmd: command, yield_time_ms: 600_000 }
      : { command: name === 'shell' ? command.split(' ') : command, timeout_ms: 600_000 };
  return { type: 'function_call', id: 'fc_1', call_id: 'call_1', name, arguments: JSON.stringify(given) };
}

/** Server-sent events, each with its name in it too. */
function stream(response: ServerResponse): (type: string, fields: object) => void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  return (type, fields) => response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`);
}
