import { cookieValues, schemeValue } from './http.ts';
import type { Finder, Report } from './mask.ts';
import {
  classOfName,
  isSecretValue,
  looksDrawn,
  looksRandom,
  type NameClass,
  type ValuePlace,
} from './secret-values.ts';

/** Where a value stands, and by what. */
interface Value {
  readonly start: number;
  readonly end: number;
  readonly place: ValuePlace;
}

const keyword =
  /pass|pwd|pw|psk|secret|token|tkn|key|cred|auth|sig|hmac|sess|sid|[cx]srf|otp|pin|cookie|bearer|jwt|dsn|hook|salt|pepper|mnemonic|seed|phrase|pat|wif|xprv|conn|rpc|code|verifier|kennwort|senha|clave|contrase/gi;
const quote = '["\'`“”‘’]';
const assigned = String.raw`${quote}?[\])*]{0,3}[ \t]{0,80}(?:=>|:=|->|={1,2}|:(?![:/])|：)[*]{0,2}`;
const operators = new RegExp(
  [
    `(?<attribute>${quote}?,?\\s{1,80}${quote}?(?:value|val|content|default)${quote}?[ ]{0,3}[:=]>?)`,
    `(?<assign>${assigned})`,
    '(?<element></[\\w:.-]{1,40}>\\s{0,60}<[\\w:.-]{1,40}(?:\\s[^<>]{0,100})?>|(?:\\s[^<>\\n]{0,200})?>)',
    `(?<comma>${quote}[ \\t]{0,3},|(?<=[{(]\\w{1,60}),)`,
    '(?<column>[ ]?\\.{3,80}[ ]?|[ ]{2,80}(?![|│┃║])|\\t{1,6}|[ \\t]{0,80}[|│┃║][ \\t]{0,80})',
    '(?<blank>[ ](?:(?:is|was|are|set to|equals|of|used)[ :]{1,2})?)',
  ].join('|'),
  'y',
);
/** What a language puts in front of a value: a type, an opened list, the letter of a Python string. */
const wrapper =
  /[ \t]{0,80}(?:[|>]?[+-]?[ \t]{0,3}\\?\r?\n[ \t]{0,40})?(?:(?:\[\](?:string|byte)|\[?]?interface \{}|Some|Just|Optional|Secret\w{0,10}|str|string|String|bytes)\s?(?:\(\d{1,7}\)\s|[({])|[[({<]{1,3}(?=["'])|[[](?=\w)|<!\[CDATA\[|!!\w{1,10} |@(?=["'])){0,3}\s{0,3}(?:[bBrRuUfF]{1,2}(?=["'])|\$(?=["']))?/y;
const openQuote = new RegExp(quote, 'y');
const nameCharacter = /[\w.$-]/;
const longestName = 80;
/** The beginning of a value says what it is. */
const judgedChars = 300;
const longestValue = 200_000;
/** Words before `key` or `token` that belong to its name though a blank stands between. */
const owner =
  /(?:^|[^\w])((?:api|access|private|secret|client|bot|auth|app|account|signing|encryption|master|webhook|session|refresh|bearer|recovery|seed|wallet|admin|root|db|database|license|service|shared|security|verification|one-time|bearer|user|sudo|bind)[ ])$/i;

/** Values of what is named as a secret: in JSON, YAML, shell, XML, query strings, headers, calls, argument lists and tables. */
export const findAssigned: Finder = (text, report) => {
  const known = new Map<string, NameClass | null>();
  keyword.lastIndex = 0;
  for (let found = keyword.exec(text); found !== null; found = keyword.exec(text)) {
    const name = nameAround(text, found.index, keyword.lastIndex);
    keyword.lastIndex = Math.max(keyword.lastIndex, name.end);
    operators.lastIndex = name.end;
    const operator = operators.exec(text)?.groups;
    if (operator === undefined) continue;
    const spelled = `${ownerBefore(text, name.start)}${text.slice(name.start, name.end)}`;
    let kind = known.get(spelled);
    if (kind === undefined) {
      kind = classOfName(spelled);
      if (known.size < 5000) known.set(spelled, kind);
    }
    if (kind === null || isResourceName(text, name.start)) continue;
    // What is masked holds no more names: each character is part of one value at most.
    const end = judge(text, name, kind, operator, report);
    if (end !== null) keyword.lastIndex = Math.max(keyword.lastIndex, end);
  }
};

/** `arn:aws:secretsmanager:eu-west-1:1234:secret:prod/db`: a name within a name. */
const isResourceName = (text: string, at: number): boolean =>
  text[at - 1] === ':' && /(?:^|[^\w])(?:arn|urn):[\w:/-]{0,150}$/.test(text.slice(Math.max(0, at - 160), at));

interface Name {
  readonly start: number;
  readonly end: number;
  /** What ends an unquoted value, since it began before the name: `"API_KEY=x"`. */
  readonly around: string;
}

const nameAround = (text: string, from: number, to: number): Name => {
  let start = from;
  while (start > 0 && from - start < longestName && nameCharacter.test(text[start - 1] ?? '')) start -= 1;
  let end = to;
  while (end < text.length && end - to < longestName && nameCharacter.test(text[end] ?? '')) end += 1;
  while (end > to && /[.$-]/.test(text[end - 1] ?? '')) end -= 1;
  start = Math.min(from, start + escapeLength(text, start));
  const before = text[start - 1] ?? '';
  return { start, end, around: /["'`]/.test(before) ? before : '' };
};

/** `\npassword`, `%26token`, `\u0026token`: the letter and the digits are of the escape. */
const escapeLength = (text: string, start: number): number => {
  const before = text[start - 1];
  if (before === '\\')
    return (
      /^u00[0-9a-f]{2}/i.exec(text.slice(start, start + 5))?.[0].length ?? (/[nrtbfv]/.test(text[start] ?? '') ? 1 : 0)
    );
  if (before === '%') return /^(?:25)?[0-9A-F]{2}/i.exec(text.slice(start, start + 4))?.[0].length ?? 0;
  return before === '-' && text[start] === 'D'
    ? 1
    : (/^-{1,2}D(?=[a-z])/.exec(text.slice(start, start + 4))?.[0].length ?? 0);
};

const ownerBefore = (text: string, start: number): string =>
  owner.exec(text.slice(Math.max(0, start - 20), start))?.[1] ?? '';

const judge = (
  text: string,
  name: Name,
  kind: NameClass,
  operator: Readonly<Record<string, string | undefined>>,
  report: Report,
): number | null => {
  const value = valueAfter(text, name, operator, kind);
  if (value === null) return null;
  const { start, end, place } = value;
  const shown = text.slice(start, end);
  if (kind === 'authorization') {
    schemeValue({ text, start, end, bond: place.bond }, report);
    return null;
  }
  if (kind === 'cookie') {
    cookieValues(shown, start, report);
    return end;
  }
  if (/^[a-z][a-z0-9+.-]{1,20}(?::|%3A)(?:\\?\/|%2F){2}/i.test(shown)) {
    addressTail(shown, start, report);
    return null;
  }
  const scheme = /^(?:bearer|basic|token|bot|apikey)\s{1,2}(?=\S{8})/i.exec(shown)?.[0].length ?? 0;
  if (!isSecretValue(kind, shown.slice(scheme, scheme + judgedChars), place)) return null;
  // The rest of a long one is read only where it is masked: text that repeats a name would be read again for each.
  const last = !place.quoted && end - start >= judgedChars - 2 ? endOf(plainRest, text, end) : end;
  report(start + scheme, last, 'value');
  return last;
};

/** Of an address only what looks drawn is a secret; user and password are found by themselves. */
const addressTail = (address: string, at: number, report: Report): void => {
  for (const part of address.matchAll(/(?<=[/=])[\w.~%+-]{16,}/g))
    if (looksDrawn(part[0]) || looksRandom(part[0])) report(at + part.index, at + part.index + part[0].length, 'value');
};

const valueAfter = (
  text: string,
  name: Name,
  operator: Readonly<Record<string, string | undefined>>,
  kind: NameClass,
): Value | null => {
  const isFlag = text[name.start] === '-' || text[name.start - 1] === '-';
  const isElement = operator['element'] !== undefined;
  if (isElement && !/[<:>/;]/.test(text[name.start - 1] ?? '')) return null;
  const at = operators.lastIndex;
  wrapper.lastIndex = at;
  const wrapped = wrapper.exec(text)?.[0] ?? '';
  const from = at + wrapped.length;
  openQuote.lastIndex = from;
  const opened = openQuote.exec(text)?.[0] ?? '';
  const loose = operator['column'] ?? operator['comma'] ?? (isFlag ? undefined : operator['blank']);
  const tight =
    isFlag ||
    isElement ||
    operator['attribute'] !== undefined ||
    (wrapped === '' && !/\s$/.test(operator['assign'] ?? ''));
  const bond = loose !== undefined || wrapped.includes('\n') ? 'loose' : tight ? 'tight' : 'spaced';
  if (operator['comma'] !== undefined && opened === '' && !/^\s{0,3}<</.test(text.slice(from, from + 5))) return null;
  if (opened !== '') {
    const start = from + opened.length;
    const end = closing(text, start, opened);
    // The name itself stood in these quotes, and they end here.
    if (
      end === start ||
      (name.around !== '' &&
        opened === name.around &&
        operator['assign'] !== undefined &&
        /^\\?["'`]/.test(operator['assign']) === false &&
        /^[\s,)\]}]/.test(text.slice(start, start + 1)))
    )
      return null;
    return {
      start,
      end,
      place: { quoted: true, whole: false, bond: operator['comma'] !== undefined && isFlag ? 'tight' : bond, next: '' },
    };
  }
  const whole = operator['assign'] === undefined ? 0 : wholeLine(text, from, name, operator['assign'], kind);
  const end = whole > 0 ? whole : unquotedEnd(text, from, name, operator, kind);
  const place = { quoted: isElement, whole: whole > 0, bond, next: text[end] ?? '' } as const;
  return end <= from ? null : { start: from, end, place };
};

/** Where the quote is closed; at the end of the line if it is not. */
const closing = (text: string, start: number, opened: string): number => {
  const limit = Math.min(text.length, start + longestValue);
  const closer = opened === '“' ? '”' : opened === '‘' ? '’' : opened;
  for (let at = start; at < limit; at += 1) {
    const character = text[at];
    if (character === '\n') return at;
    if (text.startsWith(closer, at)) return at;
    if (character === '\\' && opened.length === 1) at += 1;
  }
  return limit;
};

const plain = /[^\s"'`<>]{0,300}/y;
const plainRest = /[^\s"'`<>\\,;&|)}\]]*/y;
const inAddress = /[^\s"'`<>&#\\]{0,300}/y;
const line = /[^\n\r]{0,8000}/y;

const unquotedEnd = (
  text: string,
  from: number,
  name: Name,
  operator: Readonly<Record<string, string | undefined>>,
  kind: NameClass,
): number => {
  const before = text.slice(Math.max(0, name.start - 5), name.start);
  const assign = operator['assign'] ?? '';
  if (operator['element'] !== undefined) return endOf(/(?:(?!\]\]>)[^<\n]){0,20000}/y, text, from);
  if (kind === 'authorization' || kind === 'cookie') return headerEnd(text, from, name);
  if (/[?&]\w{0,3}$|&amp;$/.test(before) && assign === '=') return endOf(inAddress, text, from);
  if (name.around !== '' && /[:=]$/.test(assign)) {
    const rest = text.slice(from, from + 20_000);
    const close = rest.indexOf(name.around);
    if (close > 0 && !/\n|\s[\w.-]{1,40}[:=]/.test(rest.slice(0, close))) return from + close;
  }
  const taken = text.slice(from, endOf(plain, text, from));
  const stopped = /\\(?:[nrt]|u00|["'])/.exec(taken)?.index ?? taken.length;
  const more = /[,;&|](?=[\w.-]{1,40}[=:])|[,;|]$|\|(?=$)/.exec(taken.slice(0, stopped))?.index ?? stopped;
  return from + taken.slice(0, more).replace(/[,;)}\]>.:]+$/, '').length;
};

/** A header goes to the end of its line, its list or the quotes around it. */
const headerEnd = (text: string, from: number, name: Name): number => {
  const rest = text.slice(from, endOf(line, text, from));
  const stop = /\\{1,3}[nr]|\\?["'`](?=\s|[,)\]}]|$)|\](?=[\s\]}]|$)|[}>](?=$)/.exec(rest)?.index ?? rest.length;
  const quoted = name.around === '' ? -1 : rest.indexOf(name.around);
  return from + (quoted >= 0 ? Math.min(stop, quoted) : stop);
};

const lineStart = /(?:^|\n)([ \t]{0,60})(?:- |export |set |declare -x )?$/;

/** Where a value with blanks in it ends: of a name among others, one a line, as in YAML, INI and an environment. */
const wholeLine = (text: string, from: number, name: Name, assign: string, kind: NameClass): number => {
  if (kind !== 'password' && kind !== 'phrase') return 0;
  const above = text.slice(Math.max(0, name.start - 300), name.start);
  const indent = lineStart.exec(above)?.[1];
  if (indent === undefined) return 0;
  const end = endOf(line, text, from);
  const value = text.slice(from, end);
  if (!/\s\S/.test(value) || /\s[\w.-]{1,40}[=:]/.test(value)) return 0;
  const tight = assign.endsWith('=') && !/\s/.test(text[from - 1] ?? '');
  const sibling = new RegExp(
    `^${indent}(?:export |declare -x )?[A-Za-z_][\\w.-]{0,60}${tight ? '=' : '[ \\t]{0,20}[:=](?:[ \\t]|$)'}`,
    'm',
  );
  const next = text.slice(end + 1, end + 200).split('\n')[0] ?? '';
  const previous =
    above
      .slice(0, above.lastIndexOf('\n') + 1)
      .trimEnd()
      .split('\n')
      .at(-1) ?? '';
  if (!sibling.test(next) && !sibling.test(previous)) return 0;
  return from + value.replace(/\s+#.*$/, '').trimEnd().length;
};

const endOf = (pattern: RegExp, text: string, from: number): number => {
  pattern.lastIndex = from;
  return from + (pattern.exec(text)?.[0].length ?? 0);
};

/** Any upper-case variable: its value counts only if it looks random. */
const variable = /\b([A-Z][A-Z0-9_]{2,60}=["']?)([A-Za-z0-9+/_=-]{24,200})(?![\w.])/g;
const harmlessVariable =
  /HASH|COMMIT|SHA\d*$|VERSION|BUILD|DIGEST|_ID=|PATH|IMAGE|REVISION|CHECKSUM|INTEGRITY|ETAG|_REF=|CURSOR|PAGE/;

/** Random values of upper-case variables that sound like nothing. */
export const findRandomVariables: Finder = (text, report) => {
  if (!text.includes('=')) return;
  for (const found of text.matchAll(variable)) {
    const [, name = '', value = ''] = found;
    const start = found.index + name.length;
    if (!harmlessVariable.test(name) && !/^\/|\/\//.test(value) && looksRandom(value))
      report(start, start + value.length, 'value');
  }
};
