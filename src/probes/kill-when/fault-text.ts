const tokens: Readonly<Record<string, string>> = {
  GT: '>',
  LT: '<',
  GE: '>=',
  LE: '<=',
  EQ: '==',
  NE: '!=',
  AND: '&&',
  OR: '||',
  NOT: '!',
  LPAREN: '(',
  RPAREN: ')',
  LBRACKET: '[',
  RBRACKET: ']',
  LBRACE: '{',
  RBRACE: '}',
  PLUS: '+',
  MINUS: '-',
  MULTIPLY: '*',
  DIVIDE: '/',
  MODULO: '%',
  DOT: '.',
  COMMA: ',',
  COLON: ':',
  QUESTION: '?',
};

/** What the library says of an expression in one line of ours: what stands where, and what was expected. `origin` as of prepare. */
export function faultText(error: unknown, written: string, origin: readonly number[]): string {
  const { summary, range } = error as { summary?: unknown; range?: { start?: number } };
  const said = typeof summary === 'string' ? summary : String(error).split('\n')[0]!;
  const start = range?.start;
  const at = start === undefined ? written.length : (origin[start] ?? written.length);
  return `${said === '' ? 'it is not understood' : words(said, written, at)} (column ${at + 1})`;
}

function words(said: string, written: string, at: number): string {
  const here = /^(?:\w+|\s*$|.)/s.exec(written.slice(at))?.[0].trim() ?? '';
  const what = here === '' ? 'it ends' : `"${here}" stands`;
  const expected = /^Expected (\w+), got (\w+)/.exec(said)?.[1];
  if (expected !== undefined) return `${what} where "${tokens[expected] ?? expected}" was expected`;
  if (said.startsWith('Unterminated')) return 'a quoted text is not closed';
  if (here === '=' && written[at + 1] !== '=') return '"=" compares nothing; write ==';
  if (said.startsWith('Unexpected token')) return `${what} where a name, a number or a quoted text was expected`;
  if (said.startsWith('Unexpected character')) return `${what} where an operator such as >, ==, AND or OR was expected`;
  const missing = /no matching overload for '([\w.]+)\(/.exec(said)?.[1];
  if (missing !== undefined) return `there is no function ${missing} for such values`;
  return said.charAt(0).toLowerCase() + said.slice(1);
}
