/** What to do about a model that the provider does not know: say which it knows, or take one if the user named none. */
import { fieldsOf } from './http-failure.ts';
import type { JsonAnswer } from './post-json.ts';
import { type Failure, failure } from './provider.ts';

/** The ids in a list of models, in the provider's order: `{data: [{id}]}` or Ollama's `{models: [{name}]}`. None if it is no such list. */
export function modelsIn(answer: JsonAnswer): string[] {
  if (answer.kind === 'unanswered' || answer.status !== 200) return [];
  const { data, models } = fieldsOf(answer.json);
  const list = Array.isArray(data) ? data : Array.isArray(models) ? models : [];
  return list
    .map(entry => fieldsOf(entry)['id'] ?? fieldsOf(entry)['name'])
    .filter((id): id is string => typeof id === 'string' && /^[\x21-\x7e]{1,200}$/.test(id));
}

/** The first that writes text, as far as its name tells. */
export const firstThatWrites = (models: readonly string[]): string | undefined =>
  models.find(model => !/embed|whisper|tts|rerank|moderation|dall-e|clip|bge-/i.test(model));

/** The failure of an unknown model, with those that are known. */
export function unknownModel(model: string, host: string, known: readonly string[], said: Failure): Failure {
  // A model that is known all the same: then it is the address that is wrong.
  if (known.length === 0 || known.includes(model))
    return { ...said, why: `the model ${model} at ${host}: ${said.why}` };
  const shown = known.slice(0, 8).join(', ');
  const more = known.length > 8 ? `, and ${known.length - 8} more` : '';
  return failure('never', `the model ${model} is unknown at ${host}, which knows ${shown}${more}`);
}
