/** Values that must not leave the process, longest first, with the spellings in which a program prints them. */
export type ExactSecrets = readonly string[];

/** Shorter values would take half the words of a log with them. */
const shortestChars = 8;

const secretName =
  /KEY|TOKEN|SECRET|PASS(?:WORD|WD|PHRASE|_|$)|PWD|CRED|AUTH|DSN|WEBHOOK|PRIVATE|COOKIE|SESSION|SIGNATURE|SALT|BEARER|(?:DATABASE|DB|REDIS|MONGO\w*|POSTGRES\w*|MYSQL|AMQP|BROKER|RABBITMQ|CONNECTION)_?(?:URL|URI|STRING)/i;
/** Their values are places and switches, though their names have such a word in them. */
const harmlessName =
  /^(?:PWD|OLDPWD|SSH_AUTH_SOCK|XAUTHORITY|XDG_SESSION_\w+|DESKTOP_SESSION|SESSION_MANAGER|DBUS_SESSION_BUS_ADDRESS|TOKENIZERS_\w+|GPG_TTY)$|_(?:FILE|PATH|DIR|SOCK|TYPE|TTL|TIMEOUT|COUNT|LENGTH|SIZE|URL_PREFIX)$/i;
const harmlessValue =
  /^(?:true|false|enabled|disabled|required|optional|none|null|default|undefined|\/[\w./-]*|\d{1,15})$/i;

/** The secrets among environment variables: by their names, and the passwords inside URLs whatever the name. */
export const secretsOf = (environment: Readonly<Record<string, string | undefined>>): ExactSecrets => {
  const values = new Set<string>();
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined) continue;
    const password = passwordInUrl(value);
    if (password !== null) addSpellings(values, password);
    if (secretName.test(name) && !harmlessName.test(name) && !harmlessValue.test(value)) addSpellings(values, value);
  }
  return [...values].sort((one, other) => other.length - one.length);
};

/** The same for values that are secret by themselves: webhook URLs, keys from files. */
export const spellingsOf = (secrets: readonly string[]): ExactSecrets => {
  const values = new Set<string>();
  for (const secret of secrets) addSpellings(values, secret);
  return [...values].sort((one, other) => other.length - one.length);
};

const addSpellings = (values: Set<string>, secret: string): void => {
  const trimmed = secret.trim();
  if (trimmed.length < shortestChars) return;
  values.add(trimmed);
  // A multi-line value (a key in a variable) is printed line by line, with prefixes between.
  for (const line of trimmed.split(/\r?\n/))
    if (line.trim().length >= shortestChars && !/^-{5}/.test(line)) values.add(line.trim());
  values.add(JSON.stringify(trimmed).slice(1, -1));
  values.add(encodeURIComponent(trimmed.toWellFormed()));
  const encoded = base64(trimmed);
  if (encoded !== null && encoded.length >= 12) values.add(encoded);
};

const base64 = (text: string): string | null => {
  const bytes = new TextEncoder().encode(text);
  return bytes.length > 4096 ? null : btoa(String.fromCharCode(...bytes)).replace(/=+$/, '');
};

const passwordInUrl = (value: string): string | null => {
  const found = /^[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@]{0,200}:([^\s]{1,300})@[^\s@]{1,300}$/i.exec(value)?.[1];
  return found === undefined ? null : found;
};
