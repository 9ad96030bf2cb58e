/** OpenAI's Chat Completions, as llama.cpp, vLLM, LM Studio, OpenRouter and many gateways speak it too. */
import { fieldsOf } from '../core/shape.ts';
import { below, type Site } from './endpoint.ts';
import { askJson, firstThatWrites, type JsonAnswer, judge, modelsIn, unknownModel } from './http-api.ts';
import {
  type Answer,
  type Failure,
  failure,
  type Patience,
  type Provider,
  type Question,
  type Tokens,
} from './provider.ts';

const defaultModel = 'gpt-5-nano';
// Reasoning is paid from the same budget: with a few hundred, such a model answers 200 and nothing.
const maxAnswerTokens = 4000;

/** What this server has taught us about itself. */
interface Dialect {
  model: string;
  /** The field that bounds the answer: the old name is refused by OpenAI's newer models, the new one by many others. */
  limit: 'max_tokens' | 'max_completion_tokens';
  /** Little reasoning is enough here; models without any refuse the field. */
  lowEffort: boolean;
}

/** A provider that speaks Chat Completions at `site`, whose base includes `/v1`. */
export function openai(site: Site, model: string | null): Provider {
  const atOpenai = site.base.hostname === 'api.openai.com';
  const named = model ?? defaultModel;
  const dialect: Dialect = {
    model: named,
    limit: atOpenai ? 'max_completion_tokens' : 'max_tokens',
    lowEffort: atOpenai && /^(?:gpt-5|o\d)/.test(named),
  };
  return {
    source: 'openai',
    onThisMachine: site.onThisMachine,
    async ask(question, patience) {
      const credentials = site.credentials();
      if ('refused' in credentials) return failure('never', credentials.refused);
      const headers = credentials.headers;
      // At most one lesson of each kind, so that a server that refuses everything is left in peace.
      for (const lessons = new Set<string>(); ; ) {
        const end = await post(site, headers, dialect, question, patience);
        const lesson = lessonOf(end, dialect);
        if (lesson !== null && !lessons.has(lesson.about)) {
          lessons.add(lesson.about);
          lesson.learn();
          continue;
        }
        const reply = judge(end, json => readCompletion(json, dialect.model));
        if (reply.kind === 'answer' || end.kind === 'unanswered' || end.status !== 404) return reply;
        const known = modelsIn(await askJson(below(site.base, '/models'), headers, null, patience, site.env));
        const other = model === null ? firstThatWrites(known) : undefined;
        if (other === undefined || lessons.has('model'))
          return unknownModel(dialect.model, site.base.host, known, reply);
        lessons.add('model');
        dialect.model = other;
      }
    },
  };
}

function post(
  site: Site,
  headers: Readonly<Record<string, string>>,
  dialect: Dialect,
  question: Question,
  patience: Patience,
): Promise<JsonAnswer> {
  const body = {
    model: dialect.model,
    messages: [
      { role: 'system', content: question.system },
      { role: 'user', content: question.user },
    ],
    [dialect.limit]: maxAnswerTokens,
    ...(dialect.lowEffort ? { reasoning_effort: 'low' } : {}),
  };
  return askJson(below(site.base, '/chat/completions'), headers, body, patience, site.env);
}

// A 400 that names one of our fields: ask once more without it, and remember.
function lessonOf(end: JsonAnswer, dialect: Dialect): { about: string; learn: () => void } | null {
  if (end.kind === 'unanswered' || (end.status !== 400 && end.status !== 422)) return null;
  if (dialect.lowEffort && /reasoning_effort/.test(end.body))
    return {
      about: 'effort',
      learn: () => {
        dialect.lowEffort = false;
      },
    };
  if (!/max_(?:completion_)?tokens/.test(end.body)) return null;
  return {
    about: 'limit',
    learn: () => {
      dialect.limit = dialect.limit === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens';
    },
  };
}

function readCompletion(json: unknown, asked: string): Answer | Failure {
  const { choices, model, usage } = fieldsOf(json);
  const choice = fieldsOf(Array.isArray(choices) ? choices[0] : undefined);
  const failed = fieldsOf(choice['error'])['message'];
  if (typeof failed === 'string') return failure('later', `an error inside its answer: ${failed.slice(0, 200)}`);
  const { content, refusal } = fieldsOf(choice['message']);
  const text = textOf(content);
  if (text.trim() === '') {
    if (typeof refusal === 'string' && refusal !== '') return failure('later', 'it refused to answer');
    const ended = choice['finish_reason'];
    const hint = ended === 'length' ? ': its reasoning took all the tokens' : '';
    return failure('later', `its answer is empty (${typeof ended === 'string' ? ended : 'no reason given'}${hint})`);
  }
  return { kind: 'answer', text, model: typeof model === 'string' ? model : asked, tokens: readUsage(usage) };
}

// A string, or parts of type text.
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  const parts = Array.isArray(content) ? content.map(part => fieldsOf(part)['text']) : [];
  return parts.filter(part => typeof part === 'string').join('');
}

function readUsage(usage: unknown): Tokens | null {
  const { prompt_tokens: input, completion_tokens: output } = fieldsOf(usage);
  return typeof input === 'number' && typeof output === 'number' ? { input, output } : null;
}
