/**
 * What people write as a condition, made into CEL: `daily_loss > $10 OR cash < 20 €` becomes `daily_loss > 10.0 || cash < 20.0`.
 * Strings are left alone.
 */
export interface Prepared {
  readonly text: string;
  /** For each character of the text, and its end, where it stood in what was written. */
  readonly origin: readonly number[];
}

const stringLiteral = /^[rR]?(?:"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')/;
const word = /^[A-Za-z_]\w*/;
const number = /^(?:0[xX][\da-fA-F_]+|(?:\d[\d_]*)?\.?\d[\d_]*(?:[eE][+-]?\d+)?)[uU]?/;
const moneyBefore = /^[$€]\s*(?=-?\s*\.?\d)/;
const moneyAfter = /^\s*[$€](?![$€\w])/;

/** Rewrites currency signs, underscores and integers in numbers, and AND, OR and NOT in any case. Never fails. */
export function prepare(written: string): Prepared {
  const writer = createWriter();
  let at = 0;
  while (at < written.length) {
    const rest = written.slice(at);
    const literal = stringLiteral.exec(rest)?.[0];
    const name = literal === undefined ? word.exec(rest)?.[0] : undefined;
    const amount = number.exec(rest)?.[0];
    const money = moneyBefore.exec(rest)?.[0];
    if (literal !== undefined) at += writer.copy(literal, at);
    else if (name !== undefined) at += writeWord(writer, name, at);
    else if (amount !== undefined) {
      writer.put(decimal(amount), at);
      at += amount.length;
      at += moneyAfter.exec(written.slice(at))?.[0].length ?? 0;
    } else if (money !== undefined) at += money.length;
    else at += writer.symbol(rest, at);
  }
  return writer.finish(written.length);
}

// NOT binds weaker than a comparison, as people who write words expect; CEL's ! binds stronger, so it gets brackets.
function writeWord(writer: Writer, name: string, at: number): number {
  const operator = writer.afterDot() ? null : name.toLowerCase();
  if (operator === 'and' || operator === 'or') writer.join(operator === 'and' ? '&&' : '||', at);
  else if (operator === 'not') writer.negate(at);
  else writer.put(name, at);
  return name.length;
}

// CEL keeps integers and decimals apart, even in 1/2, which is 0 there: to whoever watches money, a number is a number.
function decimal(amount: string): string {
  const plain = amount.replace(/_/g, '').replace(/[uU]$/, '');
  if (/^0[xX]/.test(plain)) return `${Number(plain)}.0`;
  const whole = plain.startsWith('.') ? `0${plain}` : plain;
  return /[.eE]/.test(whole) ? whole : `${whole}.0`;
}

interface Writer {
  put(text: string, at: number): void;
  copy(text: string, at: number): number;
  /** Copies one operator, bracket, blank or whatever it is; returns its length. */
  symbol(rest: string, at: number): number;
  join(operator: string, at: number): void;
  negate(at: number): void;
  afterDot(): boolean;
  finish(end: number): Prepared;
}

function createWriter(): Writer {
  let text = '';
  const origin: number[] = [];
  let depth = 0;
  /** Depths at which a NOT waits for its closing bracket. */
  const negations: number[] = [];
  const put = (piece: string, at: number) => {
    for (let n = 0; n < piece.length; n++) origin.push(at);
    text += piece;
  };
  const closeNegations = (at: number) => {
    for (; negations.at(-1) === depth; negations.pop()) put(')', at);
  };
  return {
    put,
    copy(piece, at) {
      for (let n = 0; n < piece.length; n++) origin.push(at + n);
      text += piece;
      return piece.length;
    },
    symbol(rest, at) {
      const operator = /^(?:&&|\|\|)/.exec(rest)?.[0] ?? rest[0]!;
      if (/^(?:&&|\|\||[)\]},?:])$/.test(operator)) closeNegations(at);
      if (/^[([{]$/.test(operator)) depth++;
      if (/^[)\]}]$/.test(operator)) depth--;
      return this.copy(operator, at);
    },
    join(operator, at) {
      closeNegations(at);
      put(operator, at);
    },
    negate(at) {
      put('!(', at);
      negations.push(depth);
    },
    afterDot: () => /\.\s*$/.test(text),
    finish(end) {
      closeNegations(end);
      origin.push(end);
      return { text, origin };
    },
  };
}

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

/** What the library says of an expression in one line of our own: what stands where, and what was expected. `origin` as of prepare. */
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
