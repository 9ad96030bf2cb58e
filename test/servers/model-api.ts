/**
 * What agent CLIs speak to: the Messages API (`POST /v1/messages`) and the Responses API (`POST /v1/responses`), as far as a
 * run without tools needs them, with an answer of the test's choice.
 */
import type { ServerResponse } from 'node:http';
import { type LocalServer, type Received, sendJson } from './local-server.ts';
import { serving } from './serving.ts';

export type Mood =
  /** A short answer. */
  | { kind: 'success'; text: string }
  /** 429; `resetsInS`: the time that the service names. */
  | { kind: 'limit'; resetsInS: number }
  | { kind: 'refused' }
  /** The stream begins and never goes on. */
  | { kind: 'stalled' };

export interface ModelApi extends LocalServer {
  mood: Mood;
}

/** A server of both APIs; its mood may change while it runs. */
export async function modelApi(mood: Mood): Promise<ModelApi> {
  const api = (await serving((request, response) => answer(api.mood, request, response))) as ModelApi;
  api.mood = mood;
  return api;
}

function answer(mood: Mood, request: Received, response: ServerResponse): void {
  const { path, method } = request;
  if (method !== 'POST') return sendJson(response, 200, { data: [] });
  if (path.includes('count_tokens')) return sendJson(response, 200, { input_tokens: 1 });
  if (path.includes('/messages')) return messages(mood, request, response);
  if (path.includes('/responses')) return responses(mood, response);
  sendJson(response, 200, {});
}

function messages(mood: Mood, { json }: Received, response: ServerResponse): void {
  const failure = (status: number, type: string, message: string, headers: Record<string, string> = {}) =>
    sendJson(response, status, { type: 'error', error: { type, message } }, { 'x-should-retry': 'false', ...headers });
  if (mood.kind === 'refused') return failure(401, 'authentication_error', 'invalid x-api-key');
  if (mood.kind === 'limit') {
    const message = `This request would exceed the rate limit of your account. Try again in ${mood.resetsInS} seconds.`;
    return failure(429, 'rate_limit_error', message, { 'retry-after': String(mood.resetsInS) });
  }
  const usage = { input_tokens: 1, output_tokens: 1 };
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-test', usage, stop_sequence: null };
  const text = mood.kind === 'success' ? mood.text : '';
  const content = { type: 'text', text };
  if ((json as { stream?: boolean })?.stream !== true)
    return sendJson(response, 200, { ...message, content: [content], stop_reason: 'end_turn' });
  const send = stream(response);
  send('message_start', { message: { ...message, content: [], stop_reason: null } });
  if (mood.kind === 'stalled') return;
  send('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
  send('content_block_delta', { index: 0, delta: { type: 'text_delta', text } });
  send('content_block_stop', { index: 0 });
  send('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 1 } });
  send('message_stop', {});
  response.end();
}

function responses(mood: Mood, response: ServerResponse): void {
  if (mood.kind === 'refused')
    return sendJson(response, 401, { error: { message: 'Incorrect API key provided', code: 'invalid_api_key' } });
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
  if (mood.kind === 'stalled') return;
  const content = [{ type: 'output_text', text: mood.text, annotations: [] }];
  send('response.output_item.done', { item: { type: 'message', role: 'assistant', id: 'item_1', content } });
  const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
  send('response.completed', { response: { id: 'resp_1', status: 'completed', output: [], usage } });
  response.end();
}

/** Server-sent events, each with its name in it too. */
function stream(response: ServerResponse): (type: string, fields: object) => void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  return (type, fields) => response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`);
}
