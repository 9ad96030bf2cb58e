import { describe, expect, test } from 'vitest';
import { ollamaBase } from '../../src/diagnosis/endpoint.ts';
import { sendJson } from '../servers/local-server.ts';
import { baseCase, serving, world } from './world.ts';

const provider = { kind: 'ollama' } as const;
const chat = (content: string, more: object = {}) => ({
  model: 'llama3.2',
  message: { role: 'assistant', content },
  done: true,
  done_reason: 'stop',
  prompt_eval_count: 10,
  eval_count: 5,
  ...more,
});

describe('Ollama', () => {
  test('asks the native route, not streamed, with a context that holds the prompt', async () => {
    const server = await serving((_, response) => sendJson(response, 200, chat('{"cause":"x"}')));
    const { diagnosis } = world({ provider, env: { OLLAMA_HOST: server.host } });
    expect(await diagnosis.ask(baseCase)).toMatchObject({
      source: 'ollama',
      model: 'llama3.2',
      text: 'x',
      costUsd: null,
    });
    expect(server.received[0]).toMatchObject({
      path: '/api/chat',
      json: { model: 'llama3.2', stream: false, think: false, options: { num_ctx: 8192, num_predict: 600 } },
    });
  });

  test('a model that cannot think is asked again without the field', async () => {
    const server = await serving((request, response) => {
      if ('think' in (request.json as object))
        return sendJson(response, 400, { error: '"x" does not support thinking' });
      sendJson(response, 200, chat('fine'));
    });
    const { diagnosis } = world({ provider, url: server.url });
    expect(await diagnosis.ask(baseCase)).toHaveProperty('text', 'fine');
    await diagnosis.ask({ ...baseCase, fingerprint: 'f2' });
    expect(server.received).toHaveLength(3);
  });

  test('an unknown model: the local ones are named, or the first is taken if none was requested', async () => {
    const server = await serving((request, response) => {
      if (request.path === '/api/tags') return sendJson(response, 200, { models: [{ name: 'qwen3:4b' }] });
      const { model } = request.json as { model: string };
      if (model !== 'qwen3:4b') return sendJson(response, 404, { error: `model '${model}' not found` });
      sendJson(response, 200, chat('fine'));
    });
    expect(await world({ provider, url: server.url }).diagnosis.ask(baseCase)).toHaveProperty('text', 'fine');
    expect(await world({ provider, url: server.url, model: 'nope' }).diagnosis.ask(baseCase)).toMatchObject({
      failed: expect.stringContaining('which offers qwen3:4b'),
    });
  });

  test.each([
    ['nothing but loaded', chat('', { done_reason: 'load' }), 'empty (load)'],
    ['an error in a 200', { error: 'out of memory' }, 'out of memory'],
  ])('%s is a failure', async (_, body, why) => {
    const server = await serving((_request, response) => sendJson(response, 200, body));
    expect(await world({ provider, url: server.url }).diagnosis.ask(baseCase)).toMatchObject({
      failed: expect.stringContaining(why),
    });
  });

  test('is not asked while memory is short on this machine', async () => {
    const server = await serving((_, response) => sendJson(response, 200, chat('fine')));
    const { diagnosis } = world({ provider, url: server.url });
    expect(await diagnosis.ask({ ...baseCase, category: 'out-of-memory' })).toMatchObject({
      failed: expect.stringContaining('memory is short'),
      news: true,
    });
    expect(server.received).toHaveLength(0);
  });

  test.each([
    [undefined, 'http://127.0.0.1:11434/'],
    ['0.0.0.0', 'http://127.0.0.1:11434/'],
    ['0.0.0.0:8000', 'http://127.0.0.1:8000/'],
    [':8000', 'http://127.0.0.1:8000/'],
    ['gpu', 'http://gpu:11434/'],
    ['gpu:80', 'http://gpu/'],
    ['http://gpu', 'http://gpu/'],
    ['https://gpu.example', 'https://gpu.example/'],
    ['http://gpu:11434/', 'http://gpu:11434/'],
    ['http://gpu:11434/api', 'http://gpu:11434/'],
    ['::1', 'http://[::1]:11434/'],
    ['[::]:9000', 'http://127.0.0.1:9000/'],
  ])('OLLAMA_HOST=%s is %s', (given, expected) => {
    expect(ollamaBase(given)).toMatchObject({ base: new URL(expected) });
  });
});
