/**
 * A `Retry-After` header in ms: seconds, or an HTTP date, which is taken against `nowWallMs`. Null if absent or not readable.
 * Source: RFC 9110, 10.2.3; some servers send fractions of a second.
 */
export function retryAfterMs(header: string | undefined, nowWallMs: number): number | null {
  const text = header?.trim() ?? '';
  if (text === '') return null;
  if (/^\d+(?:\.\d+)?$/.test(text)) return Math.round(Number(text) * 1000);
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - nowWallMs);
}
