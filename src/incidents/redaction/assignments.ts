import { looksRandom } from './entropy.ts';

/** A name that sounds secret, its operator and its value, in JSON, YAML, shell, query strings, headers and calls. */
const assignment =
  /(?<name>\b[\w.$-]{0,60}?(?:passw(?:or)?d|passphrase|passcode|\bpass\b|\bpwd\b|_pwd|_pass\b|secret|token|api[_-]?key|apikey|access[_-]?key|private[_-]?key|account[_-]?key|auth[_-]?key|encryption[_-]?key|signing[_-]?key|client[_-]?key|master[_-]?key|credentials?|session[_-]?id|\bsid\b|csrf|otp|\bpin\b)[\w-]{0,30})(?<operator>\\?["']?\]?\s{0,3}(?:=>|:=|=|:)\s{0,3})(?<quote>\\?["'`])?(?<value>[^\s"'`\\]{1,500})/gi;
/** Any upper-case variable: its value counts only if it looks random. */
const variable =
  /(?<name>\b[A-Z][A-Z0-9_]{2,60})(?<operator>=)(?<quote>["'])?(?<value>[A-Za-z0-9+/_=-]{24,200})(?![\w.])/g;

const hint = /pass|pwd|secret|token|key|credential|session|\bsid\b|csrf|otp|pin/i;
const password = /passw|passphrase|passcode|\bpass\b|pwd|_pass\b/i;

/** Values of assignments to names that sound secret, and random values of upper-case variables. */
export const redactAssignments = (text: string, mask: string): string => {
  const named = hint.test(text) ? text.replace(assignment, (...found) => replace(found, mask, isSecret)) : text;
  return named.includes('=')
    ? named.replace(variable, (...found) => replace(found, mask, part => isRandomVariable(part)))
    : named;
};

interface Part {
  readonly name: string;
  readonly operator: string;
  readonly quote: string;
  readonly value: string;
}

const replace = (found: readonly unknown[], mask: string, secret: (part: Part) => boolean): string => {
  const whole = String(found[0]);
  const groups = found.at(-1) as Partial<Part>;
  const part: Part = {
    name: groups.name ?? '',
    operator: groups.operator ?? '',
    quote: groups.quote ?? '',
    value: groups.value ?? '',
  };
  if (!secret(part)) return whole;
  const bare = bareValue(part);
  return `${part.name}${part.operator}${part.quote}${mask}${part.value.slice(bare.length)}`;
};

/** Without what follows it in a list, a call or a query. */
const bareValue = ({ quote, value }: Part): string => (quote === '' ? (/^[^,;&)}\]>]*/.exec(value)?.[0] ?? '') : value);

const placeholder =
  /^(?:\[redacted|\*{2,}|x{3,}$|\.{2,}|<|\$|%|\{|none\b|null\b|nil\b|undefined\b|true\b|false\b|yes\b|no\b|string\b|str\b|required\b|missing\b|invalid\b|expired\b|not\b|empty\b|set\b|unset\b|optional\b|changeme$|your[_-]|example$)/i;
/** Code that reads a secret is none: `password=self.password,`, `token = os.getenv("X")`. */
const code =
  /^(?:self|this|os|process|config|settings|args|options|env|ctx|request|req|data|cls|params|props|import)\b[.[(]|^[A-Za-z_][\w.]*[([]|^[a-z_]+(?:\.[A-Za-z_]+)+$|^&?[A-Za-z_]+$(?=.)/i;

const isSecret = (part: Part): boolean => {
  const value = bareValue(part);
  if (value.length < 4 || placeholder.test(value)) return false;
  const isPassword = password.test(part.name);
  if (
    !isPassword &&
    /(?:tokens|token_?(?:count|s|ids?|type|limit|length|usage|budget)|tokeni\w+|keys)$/i.test(part.name) &&
    part.quote === ''
  )
    return looksRandom(value);
  if (part.quote !== '') return isPassword || !/^[\w ]{0,12}$/.test(value) || /\d/.test(value) || value.length >= 16;
  if (code.test(part.value)) return false;
  return unquoted(part, value, isPassword);
};

const unquoted = (part: Part, value: string, isPassword: boolean): boolean => {
  const plainWord = /^[A-Za-z_-]+$/.test(value) && !changesCase(value);
  const spaced = /\s/.test(part.operator);
  // `password=word` is one; "token: word" is prose, and `f(password=word)` hands on a variable of that name.
  if (plainWord)
    return isPassword && !spaced && !/[),]$/.test(part.value) && value.toLowerCase() !== part.name.toLowerCase();
  if (/^\d+(?:\.\d+)?$/.test(value)) return isPassword && value.length >= 6;
  if (/^(?:0x)?[0-9a-f]{1,7}$/i.test(value)) return isPassword;
  if (/^["'(]|^https?:\/\/[^@]*$/.test(value)) return false;
  if (/^\/[\w./-]*$/.test(value) && !looksRandom(value)) return false;
  return isPassword ? value.length >= 4 : value.length >= 8 && (!spaced || /\d/.test(value) || changesCase(value));
};

/** Letters alone, but drawn: a word or an identifier does not change its case that often. */
const changesCase = (value: string): boolean =>
  value.length >= 16 && (value.match(/[a-z][A-Z]|[A-Z][a-z]/g)?.length ?? 0) >= 4;

const isRandomVariable = ({ name, value }: Part): boolean =>
  !/HASH|COMMIT|SHA\d*$|VERSION|BUILD|DIGEST|_ID$|PATH|IMAGE|REVISION|CHECKSUM/.test(name) &&
  !/^\/|\/\//.test(value) &&
  looksRandom(value);
