import { stripControl } from '../core/text/escape.ts';
import { secretsOf, spellingsOf } from '../incidents/redaction/exact-secrets.ts';
import { redact } from '../incidents/redaction/redact.ts';

/**
 * What takes secrets and control sequences out of a text: those of both environments, `secrets`, and what looks like one.
 * Control sequences go first: one in the middle of a key would hide it from those who look for keys, and not from whoever
 * reads it.
 */
export function cleanerFor(
  env: Readonly<Record<string, string | undefined>>,
  secrets: readonly string[],
): (text: string) => string {
  const exact = [...secretsOf({ ...process.env, ...env }), ...spellingsOf(secrets)];
  return text => redact(stripControl(text), exact);
}
