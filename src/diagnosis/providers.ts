/** The providers of models: OpenAI's Chat Completions (as llama.cpp, vLLM, LM Studio, OpenRouter and many gateways speak it too), Anthropic, Ollama, any program. */
import { fieldsOf } from '../core/shape.ts';
import { durationText, sizeText } from '../core/units.ts';
import {
  type Answer,
  below,
  type Failure,
  failure,
  type Patience,
  type Provider,
  type Question,
  type Site,
  type Tokens,
} from './endpoint.ts';
import { askJson, firstThatWrites, type JsonAnswer, judge, modelsIn, unknownModel } from './http-api.ts';

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
  const { prompt_tokens: input, completion_tokens: output } = fieldsOf(usage);
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
  return { kind: 'answer', text, model: typeof model === 'string' ? model : asked, tokens: tokensOf(input, output) };
}

// A string, or parts of type text.
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  const parts = Array.isArray(content) ? content.map(part => fieldsOf(part)['text']) : [];
  return parts.filter(part => typeof part === 'string').join('');
}

function tokensOf(input: unknown, output: unknown): Tokens | null {
  return typeof input === 'number' && typeof output === 'number' ? { input, output } : null;
}

// Anthropic's Messages API.

/** An alias, which outlives the dated models behind it. */
const anthropicDefaultModel = 'claude-haiku-4-5';
const anthropicMaxAnswerTokens = 1024;

/** A provider that speaks the Messages API at `site`. */
export function anthropic(site: Site, model: string | null): Provider {
  const name = model ?? anthropicDefaultModel;
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
        max_tokens: anthropicMaxAnswerTokens,
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
  const { input_tokens: input, output_tokens: output } = fieldsOf(usage);
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
  return { kind: 'answer', text, model: typeof model === 'string' ? model : asked, tokens: tokensOf(input, output) };
}

// Ollama's native chat route: its OpenAI-compatible one ignores the context size and cuts prompts in silence.

const ollamaDefaultModel = 'llama3.2';
/** Holds the longest prompt there is here (12 kB) and the answer; the server's own default is 4096. */
const contextTokens = 8192;
const ollamaMaxAnswerTokens = 600;

/** A provider that speaks Ollama's native API at `site`. */
export function ollama(site: Site, model: string | null): Provider {
  let name = model ?? ollamaDefaultModel;
  // Models that cannot think refuse the field; those that can would spend the whole answer on it.
  let thinkField = true;
  return {
    source: 'ollama',
    onThisMachine: site.onThisMachine,
    async ask(question, patience) {
      const credentials = site.credentials();
      if ('refused' in credentials) return failure('never', credentials.refused);
      const { headers } = credentials;
      for (let chosen = model !== null; ; ) {
        const end = await askJson(
          below(site.base, '/api/chat'),
          headers,
          bodyOf(name, question, thinkField),
          patience,
          site.env,
        );
        if (thinkField && end.kind === 'answered' && end.status === 400 && /think/i.test(end.body)) {
          thinkField = false;
          continue;
        }
        const reply = judge(end, json => readChat(json, name));
        if (reply.kind === 'answer' || end.kind === 'unanswered' || end.status !== 404) return reply;
        const known = modelsIn(await askJson(below(site.base, '/api/tags'), headers, null, patience, site.env));
        const other = chosen ? undefined : firstThatWrites(known);
        if (other === undefined) return unknownModel(name, site.base.host, known, reply);
        chosen = true;
        name = other;
      }
    },
  };
}

/** A token is 3 characters or more of most texts; a multiple of the usual size, so that a server need not load the model anew each time. */
function contextFor({ system, user }: Question): number {
  const tokens = (system.length + user.length) / 3 + ollamaMaxAnswerTokens;
  return contextTokens * Math.max(1, Math.ceil(tokens / contextTokens));
}

const bodyOf = (model: string, question: Question, thinkField: boolean) => ({
  model,
  messages: [
    { role: 'system', content: question.system },
    { role: 'user', content: question.user },
  ],
  stream: false,
  ...(thinkField ? { think: false } : {}),
  keep_alive: '5m',
  // One that does not fit loses its beginning without a word.
  options: { num_ctx: contextFor(question), num_predict: ollamaMaxAnswerTokens, temperature: 0.2 },
});

function readChat(json: unknown, asked: string): Answer | Failure {
  const { message, model, done_reason: ended, prompt_eval_count: input, eval_count: output } = fieldsOf(json);
  const text = fieldsOf(message)['content'];
  if (typeof text !== 'string' || text.trim() === '')
    return failure('later', `its answer is empty (${typeof ended === 'string' ? ended : 'no reason given'})`);
  const tokens = tokensOf(input, output);
  return { kind: 'answer', text, model: typeof model === 'string' ? model : asked, tokens };
}

// Any program as a model: the prompt on its standard input, the answer from its standard output.

const answerLimitBytes = 1 << 20;

/** A provider that runs the user's own command line. Nothing of the prompt gets into that line or the environment. */
export function command(line: string, cwd: string, env: Readonly<Record<string, string | undefined>>): Provider {
  return {
    source: 'command',
    // Unknown: it may ask a server. What is known is that the user chose it.
    onThisMachine: false,
    async ask(question, patience) {
      // Loaded here: it brings the whole of execa with it.
      const { runShell } = await import('../host/run-command.ts');
      const order = {
        command: line,
        input: `${question.system}\n\n${question.user}\n`,
        cwd,
        env,
        timeLimitMs: patience.timeoutMs,
        outputLimitBytes: answerLimitBytes,
        abort: patience.abort,
      };
      try {
        const end = await runShell(order);
        if (end.over !== null) return failure('later', ended[end.over](patience.timeoutMs));
        if (end.code !== 0) return failure('later', unwell(end));
        if (end.output.trim() === '') return failure('later', 'the command wrote nothing');
        return { kind: 'answer', text: end.output, model: null, tokens: null };
      } catch (error) {
        return failure('later', error instanceof Error ? error.message : 'the command could not be started');
      }
    },
  };
}

const ended = {
  time: (timeoutMs: number) => `the command did not end in ${durationText(timeoutMs)}`,
  size: () => `the command wrote more than ${sizeText(answerLimitBytes)}`,
  aborted: () => 'cancelled because the watcher is stopping',
};

function unwell(end: { code: number | null; signal: string | null; complaint: string }): Failure['why'] {
  const how = end.signal === null ? `exited with ${end.code}` : `was ended by ${end.signal}`;
  const last = end.complaint.trim().split('\n').at(-1)?.slice(-200) ?? '';
  return last === '' ? `the command ${how}` : `the command ${how}: ${last}`;
}
