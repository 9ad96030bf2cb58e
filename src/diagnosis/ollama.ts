/** Ollama's native chat route: its OpenAI-compatible one ignores the context size and cuts prompts in silence. */
import { fieldsOf } from '../core/shape.ts';
import { below, type Site } from './endpoint.ts';
import { askJson, firstThatWrites, judge, modelsIn, unknownModel } from './http-api.ts';
import { type Answer, type Failure, failure, type Provider, type Question } from './provider.ts';

const defaultModel = 'llama3.2';
/** Holds the longest prompt there is here (12 kB) and the answer; the server's own default is 4096. */
const contextTokens = 8192;
const maxAnswerTokens = 600;

/** A provider that speaks Ollama's native API at `site`. */
export function ollama(site: Site, model: string | null): Provider {
  let name = model ?? defaultModel;
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
  const tokens = (system.length + user.length) / 3 + maxAnswerTokens;
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
  options: { num_ctx: contextFor(question), num_predict: maxAnswerTokens, temperature: 0.2 },
});

function readChat(json: unknown, asked: string): Answer | Failure {
  const { message, model, done_reason: ended, prompt_eval_count: input, eval_count: output } = fieldsOf(json);
  const text = fieldsOf(message)['content'];
  if (typeof text !== 'string' || text.trim() === '')
    return failure('later', `its answer is empty (${typeof ended === 'string' ? ended : 'no reason given'})`);
  const tokens = typeof input === 'number' && typeof output === 'number' ? { input, output } : null;
  return { kind: 'answer', text, model: typeof model === 'string' ? model : asked, tokens };
}
