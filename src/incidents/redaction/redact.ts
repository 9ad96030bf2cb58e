import { redactAssignments } from './assignments.ts';
import type { ExactSecrets } from './exact-secrets.ts';
import { secretFormats } from './formats.ts';
import { redactPrivateKeys } from './private-keys.ts';

/** What stands where a secret stood. A second pass leaves it alone. */
const mask = (kind: string): string => `[redacted ${kind}]`;

/**
 * The text with every secret we know how to recognise replaced: exact values first, then private key blocks, known formats,
 * and what is assigned to a name that sounds secret. Linear in the text. Give it whole texts, not single lines: a private
 * key spans several.
 */
export const redact = (text: string, secrets: ExactSecrets): string => {
  let result = text;
  for (const value of secrets) if (result.includes(value)) result = result.replaceAll(value, mask('value'));
  result = redactPrivateKeys(result, mask('private-key'));
  for (const format of secretFormats) {
    if (format.hints.some(hint => result.includes(hint)))
      result = result.replace(format.pattern, replacement(format.kind));
  }
  return redactAssignments(result, mask('value'));
};

/** Formats with named groups keep what stands before and after the secret; what is redacted already stays as it is. */
const replacement =
  (kind: string) =>
  (...found: unknown[]): string => {
    const [whole] = found as [string];
    const groups = found.at(-1);
    if (whole.includes('[redacted ')) return whole;
    if (typeof groups !== 'object' || groups === null) return mask(kind);
    const { before = '', after = '' } = groups as { before?: string; after?: string };
    return `${before}${mask(kind)}${after}`;
  };
