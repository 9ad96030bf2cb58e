/** Anthropic's Messages API. */
import { fieldsOf } from '../core/shape.ts';
import { below, type Site } from './endpoint.ts';
import { askJson, judge, modelsIn, unknownModel } from './http-api.ts';
import { type Answer, type Failure, failure, type Provider, type Tokens } from './provider.ts';

/** An alias, which outlives the dated models behind it. */
const defaultModel = 'claude-haiku-4-5';
const maxAnswerTokens = 1024;

/** A provider that speaks the Messages API at `site`. */
export function anthropic(site: Site, model: string | null): Provider {
  const name = model ?? defaultModel;
  return {
    source: 'anthropic',
    onThisMachine: site.onThisMachine,
    async ask(question, patience) {
      const credentials = site.credentials();
      if ('refused' in credentials) return failure('never', credentials.refused);
      const headers = { 'anthropic-version': '2023-06-01', ...credentials.headers };
      // No temperature: newer models refuse sampling fields.
      const body = {
        model: name,
        max_tokens: maxAnswerTokens,
        system: question.system,
        messages: [{ role: 'user', content: question.user }],
      };
      const end = await askJson(below(site.base, '/v1/messages'), headers, body, patience, site.env);
      const reply = judge(end, json => readMessage(json, name));
      if (reply.kind === 'answer' || end.kind === 'unanswered' || end.status !== 404) return reply;
      const known = modelsIn(await askJson(below(site.base, '/v1/models'), headers, null, patience, site.env));
      return unknownModel(name, site.base.host, known, reply);
    },
  };
}

function readMessage(json: unknown, asked: string): Answer | Failure {
  const { content, model, stop_reason: stopped, usage } = fieldsOf(json);
  // Thinking and tool blocks may come first.
  const blocks = Array.isArray(content) ? content.map(fieldsOf) : [];
  const text = blocks
    .filter(block => block['type'] === 'text')
    .map(block => block['text'])
    .filter(part => typeof part === 'string')
    .join('');
  const why = typeof stopped === 'string' ? stopped : 'no reason given';
  if (stopped === 'refusal') return failure('later', 'it refused to answer');
  if (text.trim() === '') return failure('later', `its answer is empty (${why})`);
  return { kind: 'answer', text, model: typeof model === 'string' ? model : asked, tokens: readUsage(usage) };
}

function readUsage(usage: unknown): Tokens | null {
  const { input_tokens: input, output_tokens: output } = fieldsOf(usage);
  return typeof input === 'number' && typeof output === 'number' ? { input, output } : null;
}
