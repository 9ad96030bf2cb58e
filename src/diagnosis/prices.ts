/** What a question costs, for models whose price is known. An estimate for people; nothing is decided by it. */
import type { Tokens } from './provider.ts';

/** US dollars for a million tokens in and out. As published in autumn 2026; a model that is not here costs "unknown". */
const dollarsPerMillion: Readonly<Record<string, readonly [input: number, output: number]>> = {
  'claude-haiku-4-5': [1, 5],
  'gpt-5-nano': [0.05, 0.4],
  'gpt-5.4-nano': [0.2, 1.25],
  'gpt-4o-mini': [0.15, 0.6],
  'gemini-3.1-flash-lite': [0.25, 1.5],
  'deepseek-v4-flash': [0.14, 0.28],
};

/** US dollars, to a millionth, or null if price or tokens are unknown. A vendor's prefix and a date at the end do not matter. */
export function costUsd(model: string, tokens: Tokens | null): number | null {
  const name = model.replace(/^.*\//, '').replace(/-(?:\d{8}|\d{4}-\d{2}-\d{2})$/, '');
  const price = Object.hasOwn(dollarsPerMillion, name) ? dollarsPerMillion[name] : undefined;
  if (price === undefined || tokens === null) return null;
  const dollars = (tokens.input * price[0] + tokens.output * price[1]) / 1e6;
  return Math.round(dollars * 1e6) / 1e6;
}
