import { describe, expect, test } from 'vitest';
import { sendJson } from '../servers/local-server.ts';
import { baseCase, serving, world } from './world.ts';

const provider = { kind: 'openai' } as const;

const completion = (content: unknown, more: object = {}) => ({
  id: 'c1',
  object: 'chat.completion',
  model: 'gpt-4o-mini-2024-07-18',
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop', ...more }],
  usage: { prompt_tokens: 1000, completion_tokens: 1000 },
});
const error = (message: string, code: string | null = null, param: string | null = null) => ({
  error: { message, type: 'invalid_request_error', code, param },
});

describe('Chat Completions', () => {
  test('adds /v1 to a bare host, needs no key there, and uses max_tokens', async () => {
    const server = await serving((_, response) => sendJson(response, 200, completion('{"cause":"x"}')));
    const { diagnosis } = world({ provider, url: server.url, model: 'local' });
    expect(await diagnosis.ask(baseCase)).toMatchObject({ source: 'openai', text: 'x', costUsd: 0.00075 });
    const [request] = server.received;
    expect(request).toMatchObject({ method: 'POST', path: '/v1/chat/completions' });
    expect(request?.headers).not.toHaveProperty('authorization');
    expect(request?.json).toMatchObject({ model: 'local', max_tokens: 4000 });
    expect(request?.json).not.toHaveProperty('max_completion_tokens');
  });

  test.each(['/v1', '/v1/', '/v1/chat/completions', '/api/v1'])('takes the base %s as it is', async path => {
    const server = await serving((_, response) => sendJson(response, 200, completion('fine')));
    await world({ provider, env: { OPENAI_BASE_URL: server.url + path, OPENAI_API_KEY: 'sk-1' } }).diagnosis.ask(
      baseCase,
    );
    expect(server.received[0]?.path).toBe(
      path.startsWith('/api') ? '/api/v1/chat/completions' : '/v1/chat/completions',
    );
    expect(server.received[0]?.headers).toHaveProperty('authorization', 'Bearer sk-1');
  });

  test('swaps the token field once where a server refuses it, and remembers', async () => {
    const server = await serving((request, response) => {
      if ('max_tokens' in (request.json as object))
        return sendJson(
          response,
          400,
          error("Unsupported parameter: 'max_tokens'", 'unsupported_parameter', 'max_tokens'),
        );
      sendJson(response, 200, completion('fine'));
    });
    const { diagnosis } = world({ provider, url: server.url });
    expect(await diagnosis.ask(baseCase)).toHaveProperty('text', 'fine');
    expect(await diagnosis.ask({ ...baseCase, fingerprint: 'f2' })).toHaveProperty('text', 'fine');
    expect(server.received).toHaveLength(3);
  });

  test('a server that refuses both is left in peace', async () => {
    const server = await serving((_, response) =>
      sendJson(response, 400, error('max_tokens and max_completion_tokens')),
    );
    expect(await world({ provider, url: server.url }).diagnosis.ask(baseCase)).toHaveProperty('failed');
    expect(server.received).toHaveLength(2);
  });

  test.each([
    [429, 'rate_limit_exceeded', 'Rate limit reached', 2, false],
    [429, 'insufficient_quota', 'You exceeded your current quota', 1, true],
    [401, 'invalid_api_key', 'Incorrect API key', 1, true],
    [503, null, 'loading model', 2, false],
  ])('%i %s: %s', async (status, code, message, calls, never) => {
    const server = await serving((_, response) => sendJson(response, status, error(message, code)));
    const { diagnosis, state } = world({ provider, url: server.url });
    expect(await diagnosis.ask(baseCase)).toMatchObject({ failed: expect.stringContaining(message) });
    state.now += 16 * 60_000;
    await diagnosis.ask({ ...baseCase, fingerprint: 'f2' });
    expect(server.received).toHaveLength(never ? calls : 2 * calls);
  });

  test.each([
    ['the error in a 200', { error: { code: 402, message: 'Insufficient credits' } }, 'Insufficient credits'],
    ['an error without a code', { error: { message: 'Provider returned error' } }, 'Provider returned error'],
    ['an error in a choice', completion(null, { error: { message: 'upstream died' } }), 'upstream died'],
    ['no content', completion(''), 'its answer is empty (stop)'],
    ['all spent on reasoning', completion('', { finish_reason: 'length' }), 'reasoning took all the tokens'],
    ['only thinking', completion('<think>so much to think'), 'empty but for its thinking'],
    ['no choices', { object: 'chat.completion' }, 'its answer is empty'],
    ['a list', [1, 2], 'its answer is empty'],
    ['null', null, 'its answer is empty'],
  ])('%s is a failure with its reason', async (_, body, why) => {
    const server = await serving((_request, response) => sendJson(response, 200, body));
    expect(await world({ provider, url: server.url }).diagnosis.ask(baseCase)).toMatchObject({
      failed: expect.stringContaining(why),
    });
    expect(server.received).toHaveLength(1);
  });

  test('thinking inside the content is taken off; parts are joined', async () => {
    const server = await serving((_, response) =>
      sendJson(
        response,
        200,
        completion([
          { type: 'text', text: '<think>no</think>' },
          { type: 'text', text: 'yes' },
        ]),
      ),
    );
    expect(await world({ provider, url: server.url }).diagnosis.ask(baseCase)).toHaveProperty('text', 'yes');
  });

  test('an unnamed model is taken from those the server knows', async () => {
    const server = await serving((request, response) => {
      if (request.path === '/v1/models')
        return sendJson(response, 200, { data: [{ id: 'nomic-embed' }, { id: 'qwen' }] });
      const { model } = request.json as { model: string };
      if (model !== 'qwen') return sendJson(response, 404, error('The model does not exist', 'model_not_found'));
      sendJson(response, 200, completion('fine'));
    });
    const { diagnosis } = world({ provider, url: server.url });
    expect(await diagnosis.ask(baseCase)).toHaveProperty('text', 'fine');
    const named = world({ provider, url: server.url, model: 'gpt-9' });
    expect(await named.diagnosis.ask(baseCase)).toMatchObject({
      failed: expect.stringContaining('the model gpt-9 is unknown at'),
    });
  });

  test('OpenRouter gets its own key; no key goes to another host in plain', async () => {
    const { openaiCredentials } = await import('../../src/diagnosis/endpoint.ts');
    const env = { OPENROUTER_API_KEY: 'sk-or', OPENAI_API_KEY: 'sk-oa' };
    const at = (url: string) => openaiCredentials(new URL(url), null, env);
    expect(at('https://openrouter.ai/api/v1')).toEqual({ headers: { authorization: 'Bearer sk-or' } });
    expect(at('https://api.openai.com/v1')).toEqual({ headers: { authorization: 'Bearer sk-oa' } });
    expect(at('http://192.168.1.5:8000/v1')).toEqual({ headers: {} });
    expect(at('http://models.example.com/v1')).toHaveProperty('refused', expect.stringContaining('plain http'));
  });
});
