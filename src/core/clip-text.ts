/** Cutting text to a limit without cutting a character that people see as one (an emoji of several code points). */

// The longest sequences in use (a family of four with skin tones, a flag of a region) are under 40 code units.
const windowUnits = 64;
const sign = '…';
const utf8 = new TextEncoder();

/** How many bytes the text takes in UTF-8. */
export const utf8Bytes = (text: string): number => utf8.encode(text).length;

/** The text, or its beginning and a "…", in at most `limit` UTF-16 units (never fewer than the characters anybody counts). */
export function clipStart(text: string, limit: number): string {
  if (text.length <= limit) return text;
  return text.slice(0, boundaryBefore(text, limit - sign.length)) + sign;
}

/** The text, or a "…" and its end, in at most `limit` UTF-16 units. */
export function clipEnd(text: string, limit: number): string {
  if (text.length <= limit) return text;
  return sign + text.slice(boundaryAfter(text, text.length - limit + sign.length));
}

/** The text, or its beginning and a "…", in at most `limit` bytes of UTF-8. */
export function clipStartBytes(text: string, limit: number): string {
  // A UTF-16 unit takes at most 3 bytes: so much of the text is surely enough to look at, and no more than that is.
  if (text.length * 3 <= limit || (text.length <= limit && utf8Bytes(text) <= limit)) return text;
  let units = Math.min(text.length, limit);
  for (;;) {
    const over = utf8Bytes(text.slice(0, units)) + utf8Bytes(sign) - limit;
    if (over <= 0) break;
    units -= Math.max(1, Math.ceil(over / 3));
    if (units <= 0) return '';
  }
  return text.slice(0, boundaryBefore(text, units)) + sign;
}

function boundaryBefore(text: string, at: number): number {
  if (at <= 0) return 0;
  const from = Math.max(0, at - windowUnits);
  const around = text.slice(from, at + windowUnits);
  const last = new Intl.Segmenter().segment(around).containing(at - from);
  return last === undefined ? at : from + last.index;
}

function boundaryAfter(text: string, at: number): number {
  const before = boundaryBefore(text, at);
  if (before === at) return at;
  const whole = new Intl.Segmenter().segment(text.slice(before, at + windowUnits)).containing(0);
  return before + (whole?.segment.length ?? 1);
}
