import type { Status } from '../../core/status.ts';

/** Programs whose short flags are no passwords. */
const PLAIN_PROGRAM =
  /^(?:.*\/)?(?:python[\d.]*|node|deno|bun|sh|bash|dash|zsh|sleep|true|false|npm|npx|pnpm|yarn|uv|ruby|perl|php|java|cargo|go|make|cat|tail|date)$/;
/** Words in which nothing can hide: short, of letters and digits, without anything that assigns a value. */
const PLAIN_WORD =
  /^(?:-{1,2}[a-z]+(?:-[a-z]+)*|[./]*[A-Za-z_][\w]{0,15}(?:[./-][\w]{1,16})*|\d{1,9}(?:\.\d{1,4})?[smhd]?|[;:&|]{1,2}|-)[;]?$/;
const NAMES_A_SECRET = /pass|pwd|secret|token|key|auth|cred|session|cookie|dsn|private|bearer|login|user|phrase|pin/i;

/**
 * The statuses as everybody may see them. What finds secrets costs a quarter of a command that only looks: it is loaded only if one of
 * them has a word in which a secret could be.
 */
export async function maskedStatuses(statuses: readonly Status[]): Promise<Status[]> {
  if (statuses.every(isPlain)) return [...statuses];
  const { maskedStatus } = await import('../../incidents/redaction/redact.ts');
  return statuses.map(status => (isPlain(status) ? status : maskedStatus(status)));
}

function isPlain({ command, health, holdReason, limit }: Status): boolean {
  if (health.length > 0 || holdReason !== null || limit !== null) return false;
  const [program = ''] = command;
  if (!PLAIN_PROGRAM.test(program)) return false;
  return command.slice(1).every(argument => {
    const words = argument.split(/\s+/).filter(word => word !== '');
    return words.every(word => PLAIN_WORD.test(word) && !NAMES_A_SECRET.test(word));
  });
}
