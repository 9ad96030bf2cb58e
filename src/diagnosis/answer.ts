/** What a model wrote, made into text for an incident. It is stored and shown, never executed. Pure. */
import { clipStart } from '../core/text/escape.ts';
import { plain } from './prompt.ts';

const maxTextUnits = 2000;

/** The answer as text; null if there is nothing in it but thinking aloud. Never throws, whatever the model wrote. */
export function readAnswer(raw: string): string | null {
  const said = plain(withoutThinking(raw)).trim();
  if (said === '') return null;
  const found = jsonIn(said);
  const text = found === null ? withoutFence(said) : wordsFor(found);
  return clipStart(text === '' ? said : text, maxTextUnits);
}

// Reasoning models of some servers think inside the content; one that ran out of tokens never closes it, and one whose
// template opens it in the prompt only closes it.
export function withoutThinking(text: string): string {
  const closed = text.replace(/<think(?:ing)?>[\s\S]*?<\/think(?:ing)?>/gi, '');
  const tail = closed.split(/<\/think(?:ing)?>/i).at(-1) ?? '';
  return tail.replace(/<think(?:ing)?>[\s\S]*$/i, '');
}

type Fields = Readonly<Record<string, unknown>>;

// The first object that parses and says anything we asked for.
function jsonIn(text: string): Fields | null {
  return objectsIn(text, ['cause', 'fix', 'evidence_lines'])[0] ?? null;
}

/** The JSON objects in a text that have one of these fields, in order; none of them in another. Trailing commas are forgiven. */
export function objectsIn(text: string, names: readonly string[]): Fields[] {
  const found: Fields[] = [];
  let tries = 0;
  for (let from = text.indexOf('{'); from !== -1 && tries < 20; tries++) {
    const to = endOfObject(text, from);
    const fields = to === null ? null : parseObject(text.slice(from, to));
    const wanted = fields !== null && names.some(name => name in fields);
    if (wanted) found.push(fields);
    from = text.indexOf('{', wanted && to !== null ? to : from + 1);
  }
  return found;
}

function endOfObject(text: string, from: number): number | null {
  let depth = 0;
  let quoted = false;
  for (let at = from; at < text.length; at++) {
    const unit = text[at];
    if (unit === '\\' && quoted) at++;
    else if (unit === '"') quoted = !quoted;
    else if (!quoted && unit === '{') depth++;
    else if (!quoted && unit === '}' && --depth === 0) return at + 1;
  }
  return null;
}

function parseObject(text: string): Fields | null {
  for (const attempt of [text, text.replace(/,\s*([}\]])/g, '$1'), text.replace(/\r?\n/g, ' ')]) {
    try {
      const value: unknown = JSON.parse(attempt);
      if (typeof value === 'object' && value !== null) return value as Fields;
    } catch {
      // The next, more forgiving attempt; in the end the raw text is kept.
    }
  }
  return null;
}

function wordsFor(fields: Fields): string {
  const confidence = Number(fields['confidence']);
  const lines = textsOf(fields['evidence_lines']).slice(0, 5);
  const parts = [
    textsOf(fields['cause']).join(' '),
    prefixed('Check: ', textsOf(fields['fix']).join(' ')),
    ...lines.map(text => `Evidence: ${clipStart(text, 300)}`),
    fields['transient'] === true ? 'A restart alone is likely to help.' : '',
    fields['confidence'] !== null && confidence >= 0 && confidence <= 1 ? `Confidence: ${confidence}` : '',
  ];
  return parts.filter(part => part !== '').join('\n');
}

const prefixed = (prefix: string, text: string): string => (text === '' ? '' : prefix + text);

// Models answer with a list, a number or an object where a sentence was asked for.
function textsOf(value: unknown): string[] {
  if (value === null || value === undefined || value === '') return [];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return [text.replace(/\s+/g, ' ').trim()].filter(part => part !== '');
}

const withoutFence = (text: string): string => text.replace(/^```\w*\n([\s\S]*?)\n?```$/, '$1').trim();
