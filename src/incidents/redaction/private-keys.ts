const begin = '-----BEGIN ';
const end = '-----END ';
const keyTitle = /^(?:[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?|PGP MESSAGE|OPENSSH [A-Z ]{0,20}KEY)/;
/** A line of a key's body, whatever logger stood in front of it. */
const bodyLine = /^.{0,120}?[A-Za-z0-9+/]{40,80}={0,2}\s*$/;
const longestKeyChars = 20_000;

/**
 * Private key blocks. By hand, not by one pattern: a lazy search for the end would run to the end of the text for each
 * beginning without one. Of a block whose beginning scrolled out of the buffer, the body above its end goes too.
 */
export const redactPrivateKeys = (text: string, mask: string): string =>
  text.includes('PRIVATE KEY') || text.includes('PGP MESSAGE') ? headless(whole(text, mask), mask) : text;

const whole = (text: string, mask: string): string => {
  let result = '';
  let at = 0;
  for (;;) {
    const start = text.indexOf(begin, at);
    if (start < 0) return result + text.slice(at);
    const title = keyTitle.exec(text.slice(start + begin.length, start + begin.length + 60))?.[0];
    if (title === undefined) {
      result += text.slice(at, start + begin.length);
      at = start + begin.length;
      continue;
    }
    const limit = Math.min(text.length, start + longestKeyChars);
    const closing = text.slice(start, limit).indexOf(`${end}${title}`);
    const stop = closing < 0 ? limit : Math.min(text.length, start + closing + end.length + title.length + 5);
    result += `${text.slice(at, start)}${mask}`;
    at = stop;
  }
};

const headless = (text: string, mask: string): string => {
  if (!text.includes(end)) return text;
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    if (!line.includes(end) || !line.includes('PRIVATE KEY')) continue;
    for (
      let up = index - 1;
      up >= 0 && index - up < 100 && (bodyLine.test((lines[up] ?? '').slice(0, 400)) || up === index - 1);
      up -= 1
    )
      lines[up] = mask;
    lines[index] = mask;
  }
  return lines.join('\n');
};
