import { describe, expect, test } from 'vitest';
import { sendJson } from '../servers/local-server.ts';
import { baseCase, serving, world } from './world.ts';

const provider = { kind: 'anthropic' } as const;
const env = { ANTHROPIC_API_KEY: 'sk-ant-test' };

const message = (text: string, more: object = {}) => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-haiku-4-5-20251001',
  content: [
    { type: 'thinking', thinking: 'hm' },
    { type: 'text', text },
  ],
  stop_reason: 'end_turn',
  usage: { input_tokens: 1000, output_tokens: 100 },
  ...more,
});
const error = (type: string, text: string) => ({ type: 'error', error: { type, message: text }, request_id: 'req_1' });

describe('Anthropic Messages', () => {
  test('asks as the manual says, and reads text, model and cost', async () => {
    const server = await serving((_, response) =>
      sendJson(response, 200, message('{"cause":"a bad value","fix":"check the input","confidence":0.8}')),
    );
    const { diagnosis } = world({ provider, url: server.url, env });
    const result = await diagnosis.ask(baseCase);
    expect(result).toMatchObject({ source: 'anthropic', model: 'claude-haiku-4-5-20251001', costUsd: 0.0015 });
    expect(result).toHaveProperty('text', 'a bad value\nCheck: check the input\nConfidence: 0.8');
    const [request] = server.received;
    expect(request).toMatchObject({ method: 'POST', path: '/v1/messages' });
    expect(request?.headers).toMatchObject({
      'x-api-key': 'sk-ant-test',
      'anthropic-version': '2023-06-01',
      'content-type': 'application/json',
    });
    expect(request?.json).toMatchObject({
      model: 'claude-haiku-4-5',
      max_tokens: 1024,
      messages: [{ role: 'user', content: expect.stringContaining('ValueError: bad') }],
    });
    expect(request?.json).not.toHaveProperty('temperature');
  });

  test('a gateway gets a bearer token and its own base', async () => {
    const server = await serving((_, response) => sendJson(response, 200, message('fine')));
    const gateway = { ANTHROPIC_AUTH_TOKEN: 'tok', ANTHROPIC_BASE_URL: `${server.url}/gate/v1/` };
    await world({ provider, env: gateway }).diagnosis.ask(baseCase);
    expect(server.received[0]).toMatchObject({ path: '/gate/v1/messages', headers: { authorization: 'Bearer tok' } });
    expect(server.received[0]?.headers).not.toHaveProperty('x-api-key');
  });

  test.each([
    [400, 'invalid_request_error', 'too long', 1, false],
    [400, 'invalid_request_error', 'Your credit balance is too low', 1, true],
    [401, 'authentication_error', 'invalid x-api-key', 1, true],
    [402, 'billing_error', 'pay', 1, true],
    [403, 'permission_error', 'no', 1, true],
    [413, 'request_too_large', 'big', 1, false],
    [429, 'rate_limit_error', 'slow down', 2, false],
    [429, 'rate_limit_error', 'You have reached your spend limit', 1, true],
    [500, 'api_error', 'oops', 2, false],
    [504, 'timeout_error', 'late', 2, false],
    [529, 'overloaded_error', 'Overloaded', 2, false],
  ])('%i %s "%s": %i calls, never again: %s', async (status, type, text, calls, never) => {
    const server = await serving((_, response) => sendJson(response, status, error(type, text)));
    const { diagnosis, state } = world({ provider, url: server.url, env });
    const first = await diagnosis.ask(baseCase);
    expect(first).toMatchObject({ failed: expect.stringContaining(text), news: true });
    expect(server.received).toHaveLength(calls);
    state.now += 16 * 60_000;
    await diagnosis.ask({ ...baseCase, fingerprint: 'f2' });
    expect(server.received).toHaveLength(never ? calls : calls * 2);
  });

  test('a retired model is named with those that are known', async () => {
    const server = await serving((request, response) => {
      if (request.path === '/v1/models')
        return sendJson(response, 200, { data: [{ id: 'claude-x' }, { id: 'claude-y' }] });
      sendJson(response, 404, error('not_found_error', 'model: claude-old'));
    });
    const { diagnosis } = world({ provider, url: server.url, env, model: 'claude-old' });
    expect(await diagnosis.ask(baseCase)).toMatchObject({
      failed: expect.stringMatching(/claude-old is unknown at 127\.0\.0\.1:\d+, which offers claude-x, claude-y/),
    });
    await diagnosis.ask({ ...baseCase, fingerprint: 'f2' });
    expect(server.received.map(request => request.path)).toEqual(['/v1/messages', '/v1/models']);
  });

  test.each([
    ['end_turn', [], 'empty (end_turn)'],
    ['refusal', [{ type: 'text', text: 'I cannot' }], 'refused'],
    ['max_tokens', [{ type: 'thinking', thinking: 'x' }], 'empty (max_tokens)'],
  ])('stop_reason %s without text is a failure', async (stopped, content, why) => {
    const server = await serving((_, response) =>
      sendJson(response, 200, message('', { content, stop_reason: stopped })),
    );
    const { diagnosis } = world({ provider, url: server.url, env });
    expect(await diagnosis.ask(baseCase)).toMatchObject({ failed: expect.stringContaining(why) });
  });
});
