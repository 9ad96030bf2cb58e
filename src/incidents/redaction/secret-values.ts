import type { NameClass } from './secret-names.ts';

/** How a value stands beside its name. */
export interface ValuePlace {
  readonly quoted: boolean;
  /** It is the whole of a line of settings: then its words are no message about it. */
  readonly whole: boolean;
  /**
   * `tight`: nothing but an operator between. `spaced`: blanks too, as in prose. `loose`: only blanks, a comma or a column's edge
   * between, so the name may belong to something else.
   */
  readonly bond: 'tight' | 'spaced' | 'loose';
  /** The character behind the value, to tell a call from a word. */
  readonly next: string;
}

export const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const hexKey = /^(?:0x)?(?:[0-9a-f]{32}|[0-9a-f]{40,})$/i;

/** Whether a value looks drawn at random: long, of all kinds of characters, few repeated. A hash in hex does not count. */
export const looksRandom = (value: string): boolean => {
  if (value.length < 20 || /^[0-9a-f-]+$/i.test(value)) return false;
  if (!/\d/.test(value) || !/[a-z]/.test(value) || !/[A-Z]/.test(value)) return false;
  return bitsPerCharacter(value.slice(0, 400)) > 3.6;
};

/** Shannon's entropy of the characters. */
const bitsPerCharacter = (value: string): number => {
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / value.length) * Math.log2(count / value.length);
  return bits;
};

/**
 * Whether a value of one word may have been drawn: letters and digits mixed as no word, version, path or number mixes them.
 * Weaker than {@link looksRandom}, for places that already speak of a secret.
 */
export const looksDrawn = (value: string): boolean => {
  const bare = value.replace(/={1,2}$/, '');
  if (bare.length < 12 || /[\s(){}[\]<>|\\"'`]/.test(bare)) return false;
  if (hexKey.test(bare) || uuid.test(bare)) return true;
  if (isPlace(bare) || /^v?\d+(?:[.:-]\d+)*$/.test(bare) || /^\d{4}-\d\d-\d\d/.test(bare)) return false;
  if (bare.length >= 16 && changesCase(bare)) return true;
  const mixed = bare.match(/[a-z](?=\d)|\d(?=[a-z])|[a-z](?=[A-Z])/gi)?.length ?? 0;
  return mixed >= Math.max(3, bare.length / 7) && /\d/.test(bare) && /[a-z]/i.test(bare);
};

/** A word or an identifier does not change its case that often. */
const changesCase = (value: string): boolean =>
  (value.match(/[a-z][A-Z]|[A-Z][a-z]/g)?.length ?? 0) >= 5 && /[A-Z]{2}|\d/.test(value);

const path = /^(?:~|\.{1,2}|[A-Za-z]:)?[/\\][\w.@+ -]*(?:[/\\][\w.@+ -]*)*$/;
const reference =
  /^(?:arn:|urn:|projects\/|vault:|secretsmanager:|op:\/\/|ssm:|keyring:|file:|(?:https?|wss?|s3|gs):\/\/[^@]*$)/i;
const host =
  /^[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|io|dev|internal|local|svc|json|ya?ml|toml|pem|key|crt|txt|db|sock|conf|env|py|js|ts|go|rs|rb|java|cfg|ini)(?::\d+)?$/i;

/** A path, an address without a user, or the name of a resource. */
const isPlace = (value: string): boolean =>
  (path.test(value) && !looksRandom(value.slice(Math.max(value.lastIndexOf('/'), value.lastIndexOf('\\')) + 1))) ||
  reference.test(value) ||
  host.test(value);

const placeholder =
  /^(?:\[redacted |\[?(?:redacted|masked|hidden|filtered|sensitive|removed|omitted)\b|[*•]{3,}|[x#._-]{3,}$|<[^>]*>?$|\$[({]|%(?:[({]|[sdvqrx]$|\w+%$)|\{\{|\{$|@\w+$|(?:none|null|nil|undefined|true|false|string|str|required|missing|invalid|expired|incorrect|not|empty|unset|optional)\b|(?:yes|no|set|n\/a|unknown|default|example|change-?_?me)$|your[_-])/i;
/** `$DB_PASSWORD`, and no password that begins with a dollar. */
const variable = /^\$(?:[A-Z_][A-Z0-9_]*|\w*(?:pass|secret|token|key)\w*)$/;
const codeRoot =
  /^(?:self|this|os|process|cfg|conf|config|configuration|settings|args|argv|opts|options|env|environ|ctx|context|request|req|res|response|data|cls|params|props|import|app|state|user|session|credentials|secrets|vault|creds|input|payload|body|obj|module|std|kwargs|flags|ENV|Rails|System|Environment|my|our)(?:\?\.|\.|->|::|\[|\()\S/;
const call = /^[@&*!]?[A-Za-z_]\w*(?:(?:\.|::|->)[A-Za-z_]\w*)*[([]/;
const member = /^[A-Za-z_]\w*(?:(?:\.|::|->)[A-Za-z_]\w*){1,6}$/;
const secretWord = /pass|pwd|secret|token|key|cred|auth/i;
/** Words of messages about secrets, which stand where their values could. */
const prose =
  /\b(?:the|a|an|is|are|was|were|be|been|has|have|had|for|not|to|of|and|or|please|must|should|shall|cannot|can|your|you|with|in|on|at|by|from|this|that|it|no|error|failed|failure|invalid|expired|required|missing|incorrect|wrong|found|denied|using|used|header|provided|exists|does|did|but|if|when)\b/i;
const algorithm =
  /^(?:sha-?\d+|md5|base\d+|utf-?\d+|oauth\d|bcrypt|argon2\w*|pbkdf2|rs\d+|hs\d+|es\d+|ed25519|x509|aes\d*|v\d{1,2}(?:(?:alpha|beta|rc)\d*)?)$/i;

const isMessage = (value: string): boolean => /\s/.test(value) && prose.test(value);

/** Whether the value of a name of this class must not be shown. `value` has neither quotes nor what follows it in a list. */
export const isSecretValue = (name: NameClass, value: string, place: ValuePlace): boolean => {
  if (value.length < 4 || placeholder.test(value) || variable.test(value) || /^(?:arn|urn):/.test(value)) return false;
  if (!place.quoted && isCode(value, place.next)) return false;
  if (name === 'session') return !uuid.test(value) && !/^[a-z]{2,12}[_-]/i.test(value) && looksRandom(value);
  if (name === 'weak' || name === 'phrase') return isUnlikelyWord(value);
  if (place.bond === 'loose') return isLooseSecret(name, value, place.quoted);
  return name === 'password' ? isPassword(value, place) : isKey(value, place);
};

/** Code that reads a secret is none: `password=self.password,`, `token = os.getenv("X")`, `cfg.db.password1`. */
const isCode = (value: string, next: string): boolean => {
  if ((next === '(' || next === '[') && /^[A-Za-z_][\w.:]*$/.test(value)) return true;
  if (codeRoot.test(value) || call.test(value)) return true;
  return member.test(value) && (secretWord.test(value) || !/\d/.test(value));
};

/** Drawn, and not the words of a cache's key with a hash at its end. */
const isUnlikelyWord = (value: string): boolean => {
  if (uuid.test(value) || !looksDrawn(value)) return false;
  return hexKey.test(value) || !/(?:^|[-_.:/])(?:[a-z]{4,}|[A-Z][a-z]{3,})(?=[-_.:/]|$)/.test(value);
};

const isLooseSecret = (name: NameClass, value: string, quoted: boolean): boolean => {
  if (isMessage(value) || isPlace(value) || algorithm.test(value)) return false;
  if (name !== 'password') return looksDrawn(value);
  if (value.length < 6 || !/[a-z]/i.test(value)) return false;
  return /\d/.test(value) || (quoted && /[^\w\s.,:/-]/.test(value));
};

const isPassword = (value: string, { quoted, whole, bond, next }: ValuePlace): boolean => {
  if (/^\d+(?:\.\d+)?$/.test(value)) return value.length >= (quoted ? 4 : 6) && !value.includes('.');
  if (quoted) return !isMessage(value);
  if (/^["'(]/.test(value) || isPlace(value)) return false;
  // `password=word` is one; "password: word" is prose, and `f(password=word)` hands on a variable of that name.
  if (/^[A-Za-z_-]+$/.test(value))
    return (bond === 'tight' && next !== ')' && next !== ',' && !secretWord.test(value)) || changesCase(value);
  return whole || !isMessage(value);
};

const isKey = (value: string, { quoted, bond }: ValuePlace): boolean => {
  if (/\s/.test(value)) return !prose.test(value) && value.split(/\s+/).some(looksDrawn);
  if (/^[\d.,:+-]+$/.test(value)) return /^\d{6,8}$/.test(value) && quoted;
  if (isPlace(value) || /^(?:0x)?[0-9a-f]{1,7}$/i.test(value)) return false;
  if (/^[A-Za-z_.-]+$/.test(value))
    return changesCase(value) || (quoted && /^[A-Za-z]+(?:-[A-Za-z]+){3,}$/.test(value));
  if (value.length < 8) return quoted && /\d/.test(value) && /[a-z]/i.test(value);
  return bond === 'tight' || quoted || /\d/.test(value);
};
