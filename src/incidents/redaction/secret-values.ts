/**
 * What a name says of its value. `password`: even a plain word is a secret. `secret`: a value that looks like a key. `weak`: the
 * name is used for harmless things too, so the value must look drawn at random. `session`: as `weak`, and an id is none.
 */
export type NameClass = 'password' | 'secret' | 'weak' | 'session' | 'phrase' | 'authorization' | 'cookie';

const set = (words: string): ReadonlySet<string> => new Set(words.trim().split(/\s+/));

const passwordWords = set(
  'password passwd passwort passphrase passcode passwrd pass pwd pw psk psw passw kennwort senha contrasena clave motdepasse ' +
    'userpass dbpass keypass storepass truststorepass keystorepass sshpass bindpw rootpw dbpw adminpw userpw requirepass masterauth ' +
    'identifiedby mypass smtppass mailpass ftppass pgpass',
);
const passwordEnd = /(?:password|passwd|passphrase|passcode|passwort)$/;
const secretWords = set(
  'secret secrets token apikey apitoken apisecret appkey accesskey accesstoken secretkey secretaccesskey privatekey privkey ' +
    'authkey authtoken bearer jwt credential credentials cred creds otp totp csrf xsrf csrftoken csrfmiddlewaretoken dsn webhook ' +
    'hmac signature sig pat wif xprv pepper listenkey signingkey encryptionkey masterkey clientsecret accountkey servicekey ' +
    'sharedaccesskey sharedkey licensekey tkn sessiontoken refreshtoken idtoken usertoken bottoken oauthtoken' +
    'connectionstring connstr webhookurl hookurl rpcurl salt',
);
const secretEnd = /(?:secret|token|apikey|accesskey|secretkey|privatekey|authkey)$/;
/** Before `key`: then it opens something. */
const keyOwners = set(
  'api access secret private priv account auth authentication authorization encryption encrypt decryption signing sign client ' +
    'master shared service license licence admin app application webhook ssh ssl tls hmac jwt session storage subscription ' +
    'integration listen wallet signer deploy deployer server consumer write read project ingest ingestion instrumentation rpc ' +
    'stripe openai anthropic gemini google aws azure gcp github gitlab slack discord telegram sendgrid twilio mailgun algolia ' +
    'datadog sentry exchange binance coinbase kraken bybit okx alchemy infura etherscan user my bot trading broker operator owner ' +
    'treasury mining validator hot cold aes rsa ec ecdsa ed25519 des fernet pgp gpg age wg wireguard preshared psk vault ' +
    'unseal recovery backup cosign sops transit kms passphrase decrypt rest',
);
/** Before `key`: then it finds something. */
const keyFinders = set(
  'primary foreign partition sort cache public pub group lookup object row dedup dedupe deduplication idempotency range hash ' +
    'shard composite natural surrogate candidate unique dict dictionary json config map state any return enter esc arrow tab ' +
    'space registry translation i18n message metric label annotation order event query memo react widget menu field column item ' +
    'node path file dir locale job task request correlation trace bucket s3 index search feature flag setting settings option ' +
    'param parameter first last next previous start end min max missing unknown invalid duplicate expected unexpected wrong bad ' +
    'required short long left right up down home page meta ctrl shift alt function attribute attr property prop tag topic stream ' +
    'redis memcached memcache etcd kv lock mutex rate limit throttle entity document doc record table host known sub ' +
    'exclusion inclusion filter facet aggregation by each per every no of the this that a an one same other content',
);
const phraseWords = set('mnemonic seed phrase seedphrase mnemonics');
const sessionWords = set('session sid sessid sessionid phpsessid jsessionid asessionid connectsid sess');
/** After a secret word: what it says of the secret, not the secret. */
const aboutWords = set(
  'id ids name names file files filename path paths dir folder location type types kind count counts counter len length size ' +
    'sizes limit limits usage budget ttl expiry expires expire expiration expired at time timeout seconds secs ms minutes hours days ' +
    'version format algorithm alg algo method mode status state valid invalid missing enabled disabled enable disable required ' +
    'policy ref refs reference arn alias prefix suffix digest fingerprint rotation rotated manager store provider source env var ' +
    'variable field column param parameter header headers index position pos error errors failed failure failures host hostname ' +
    'server endpoint service class factory helper handler validator min max minimum maximum rate cost price hint label owner user ' +
    'username users email rules strength policy reset change changed prompt required authentication auth0 authenticator parser ' +
    'uri url urls link domain issuer audience scope scopes used remaining total per sec used left window bucket cache cached cap ' +
    'generation generator created updated date mount sock socket agent ring vault namespace account exists check checks ' +
    'rotate lookup resolver loader reader backend plugin module package ok fail reuse attempts retries retry length bits ' +
    'curve usages ops chain cert certificate request response not is was and or for in on by to of pair',
);
/** After a secret word: they say nothing. */
const fillers = set(
  'value val data plain plaintext text raw base64 b64 hex enc encoded encrypted old new current prev previous prod production dev ' +
    'develop development test testing live staging stage sandbox base main default primary secondary local remote global backup ' +
    'v str string txt ed25519 rsa pem der bytes env',
);
/** Before or after a token: then it is a piece of text or a place in a list. */
const tokenFinders = set(
  'page next prev previous continuation continue cursor pagination sync resume stop start end special pad eos bos unk mask sep ' +
    'cls max min num number total count prompt completion input output cached cache reasoning context new first last unexpected ' +
    'expected invalid unknown missing illegal bad wrong each per current position begin scroll resumption skip',
);

/** The words of a name, in lower case, without digits: `listenKey`, `DB_PW`, `x-api-key`, `spring.mail.password`. */
const wordsOf = (name: string): string[] =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .map(word => word.replace(/^(?!base64$|b64$|ed25519$|i18n$|s3$|auth0$)(.*?)\d+$/, '$1'))
    .filter(word => word !== '' && !/^\d+$/.test(word));

/** What the name says of its value; null: nothing. */
export const classOfName = (name: string): NameClass | null => {
  const words = wordsOf(name);
  const inverted = words.length;
  while (words.length > 1 && fillers.has(words.at(-1) ?? '') && isSecretWord(words.slice(0, -1))) words.pop();
  const last = words.at(-1);
  if (last === undefined) return null;
  if (last === 'authorization' || last === 'authorisation') return 'authorization';
  if (last === 'cookie' || last === 'cookies') return 'cookie';
  if (words.includes('public') || words.includes('publishable')) return null;
  const direct = classOfLast(words, last);
  if (direct !== null) return direct;
  if (aboutWords.has(last) || words.length < 2) return null;
  // `API_KEY_OPENAI`, `TOKEN_GITHUB`: whose it is comes last.
  const upTo = words.findIndex((_, index) => index < words.length - 1 && isSecretWord(words.slice(0, index + 1)));
  return upTo >= 0 && inverted <= 6 ? 'weak' : null;
};

const isSecretWord = (words: readonly string[]): boolean => {
  const found = classOfLast(words, words.at(-1) ?? '');
  return found !== null && found !== 'session';
};

const classOfLast = (words: readonly string[], last: string): NameClass | null => {
  const before = words.at(-2) ?? '';
  if (passwordWords.has(last) || passwordEnd.test(last)) return last === 'pass' && before === 'by' ? null : 'password';
  if (phraseWords.has(last)) return 'phrase';
  if (sessionWords.has(last) || (last === 'id' && before === 'session')) return 'session';
  if (last === 'key') return classOfKey(words, before);
  if (last === 'keys') return keyOwners.has(before) ? 'weak' : null;
  if (last === 'token' || last.endsWith('token')) return tokenFinders.has(before) ? null : 'secret';
  if (last === 'tokens' || last === 'passwords') return 'weak';
  if (last === 'auth' || last === 'pin' || last === 'hook') return 'weak';
  if (last === 'verifier') return before === 'code' ? 'secret' : null;
  if (last === 'code')
    return /^(?:auth|authorization|access|otp|verification|security|backup|recovery)$/.test(before) ? 'secret' : null;
  if (/^(?:url|uri|string|str)$/.test(last))
    return /^(?:rpc|webhook|hook|connection|conn|dsn)$/.test(before) ? 'weak' : null;
  return secretWords.has(last) || secretEnd.test(last) ? 'secret' : null;
};

const classOfKey = (words: readonly string[], before: string): NameClass | null => {
  if (keyOwners.has(before) || keyOwners.has(before.replace(/s$/, ''))) return 'secret';
  if (keyFinders.has(before)) return null;
  return words.length > 1 || before === '' ? 'weak' : null;
};

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

/** Base64 that begins with a slash: its last part is drawn, or letters and digits change throughout as in no path. */
const isRandomPath = (value: string): boolean =>
  looksRandom(value.slice(Math.max(value.lastIndexOf('/'), value.lastIndexOf('\\')) + 1)) ||
  (looksRandom(value) &&
    changesCase(value) &&
    (value.match(/[a-z](?=\d)|\d(?=[a-z])/gi)?.length ?? 0) >= 4 &&
    !/[ ._-]/.test(value));

/** A path, an address without a user, or the name of a resource. */
const isPlace = (value: string): boolean =>
  (path.test(value) && !isRandomPath(value)) || reference.test(value) || host.test(value);

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
