import { at, quoted, UsageError } from '../usage-error.ts';

/**
 * Reads lines of `KEY=value`, as shells, systemd and Docker's users write them: `export` before the name, blank lines
 * and lines that begin with # are passed over; single quotes keep all as it is, double quotes know \n \t \r \" \\ \$;
 * a quoted value may go over lines; an unquoted one ends before a blank and #. Nothing is expanded.
 *
 * @throws UsageError naming file and line.
 */
export function readEnvFile(text: string, shownPath: string): Record<string, string> {
  const values: [string, string][] = [];
  let rest = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  let line = 1;
  while (rest !== '') {
    const taken = at(`${shownPath}:${line}`, () => takeEntry(rest));
    if (taken.entry !== null) values.push(taken.entry);
    line += rest.slice(0, taken.length).split('\n').length - 1;
    rest = rest.slice(taken.length);
  }
  return Object.fromEntries(values);
}

interface Taken {
  readonly entry: [string, string] | null;
  /** How many characters it took, the line's end included. */
  readonly length: number;
}

function takeEntry(text: string): Taken {
  const blank = /^[ \t]*(?:#[^\n]*)?(?:\n|$)/.exec(text);
  if (blank !== null) return { entry: null, length: blank[0].length };
  const head = /^[ \t]*(?:export[ \t]+)?([^\s=#'"]+)[ \t]*=[ \t]*/.exec(text);
  if (head === null) throw new UsageError(`${quoted(text.split('\n', 1)[0]!.slice(0, 20))} is not KEY=value`);
  const after = text.slice(head[0].length);
  const value = takeValue(after, head[1]!);
  if (value.text.includes('\0')) throw new UsageError(`${head[1]} has a NUL byte in it`);
  return { entry: [head[1]!, value.text], length: head[0].length + value.length };
}

function takeValue(text: string, key: string): { readonly text: string; readonly length: number } {
  const quote = text[0];
  if (quote !== "'" && quote !== '"') {
    const [whole] = /^[^\n]*\n?/.exec(text)!;
    return { text: whole.replace(/(?:^|\s)#.*$/s, '').trim(), length: whole.length };
  }
  const pattern =
    quote === "'" ? /^'([^']*)'[ \t]*(?:#[^\n]*)?(?:\n|$)/ : /^"((?:[^"\\]|\\[\s\S])*)"[ \t]*(?:#[^\n]*)?(?:\n|$)/;
  const match = pattern.exec(text);
  if (match === null) throw new UsageError(`the value of ${key} has no closing quote, or something after it`);
  return { text: quote === "'" ? match[1]! : unescaped(match[1]!), length: match[0].length };
}

function unescaped(text: string): string {
  const known: Record<string, string> = { n: '\n', t: '\t', r: '\r', '\n': '' };
  return text.replace(
    /\\([\s\S])/g,
    (both, character: string) => known[character] ?? (/["\\$`]/.test(character) ? character : both),
  );
}
