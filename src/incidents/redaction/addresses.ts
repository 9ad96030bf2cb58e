import { looksDrawn, looksRandom, uuid } from './secret-values.ts';
import type { Finder, Report } from './spans.ts';

const separator = /:(?:\\?\/){2}|%3A%2F%2F/gi;
const longestAddress = 4000;
const databases =
  /(?:postgres(?:ql)?|mysql|mariadb|mongodb|redis|rediss|valkey|amqps?|cockroachdb?|mssql|sqlserver|oracle|clickhouse|cassandra|neo4j|bolt|nats|kafka|mqtts?|smtps?|imaps?|ldaps?|ftps?|sftp|ssh|db2|snowflake|trino|presto|couchbase|influxdb|memcached|srv|psycopg2?|asyncpg|pymysql|aiomysql|pyodbc|sqlite)$/i;
const host = /^(?:\[[0-9a-f:.]+\]|[\w.-]+)(?::\d{1,5}|:\$?\{?\w+\}?)?(?=[/?#,;)\s"'<>`\\\]}]|%2F|$)/i;

/** The passwords of addresses, also those that hold a `/`, `#`, `@` or blank, and tokens in the place of the user. */
export const findUserInfo: Finder = (text, report) => {
  if (!text.includes('@') && !text.includes('%40')) return;
  for (const found of text.matchAll(separator)) {
    const start = found.index + found[0].length;
    const scheme = /[\w+.-]{1,30}$/.exec(text.slice(Math.max(0, found.index - 30), found.index))?.[0] ?? '';
    userInfo(text, start, scheme, report);
  }
};

const userInfo = (text: string, start: number, scheme: string, report: Report): void => {
  const address = /^[^\s"'<>`]{0,4000}/.exec(text.slice(start, start + longestAddress))?.[0] ?? '';
  const authority = /^[^/?#\\]*/.exec(address)?.[0] ?? '';
  const inside = authority.lastIndexOf('@');
  const encodedAt = inside < 0 ? authority.search(/%40/i) : -1;
  const colon = authority.search(/:|%3A/i);
  if (inside >= 0 || (encodedAt >= 0 && colon >= 0 && colon < encodedAt)) {
    const end = lastHost(address, inside >= 0 ? inside : encodedAt, scheme);
    return credentialsOf(address.slice(0, end), start, report);
  }
  // A slash, a hash or a blank in the password: the first part is a user and no host with a port.
  const user =
    /^[^\s:@/?#"'<>`]{0,100}:(?!\d{1,5}(?:[/?#\s,;)"'\]}]|$))/.exec(address)?.[0] ??
    (databases.test(scheme) ? /^[^\s:@/?#"'<>`.]{1,100}:/.exec(address)?.[0] : undefined);
  if (user === undefined) return;
  const near = text.slice(start, start + Math.max(address.length, user.length + 100)).split('\n')[0] ?? '';
  const at = databases.test(scheme)
    ? lastHost(near, near.indexOf('@', user.length), scheme)
    : lastHost(address, address.indexOf('@', user.length), scheme);
  if (at > user.length) report(start + user.length, start + at, 'url-password');
};

/** Where the user info ends: at the last `@` before something that can be a host, in an address of a database; else at the first. */
const lastHost = (address: string, first: number, scheme: string): number => {
  if (first < 0) return -1;
  let end = host.test(address.slice(first + 1)) || !databases.test(scheme) ? first : -1;
  const limit = databases.test(scheme)
    ? Math.min(address.length, first + 200)
    : (/^[^/?#\\]*/.exec(address)?.[0].length ?? 0);
  for (let at = address.indexOf('@', first + 1); at >= 0 && at < limit; at = address.indexOf('@', at + 1))
    if (host.test(address.slice(at + 1)) && !/[?]/.test(address.slice(end < 0 ? first : end, at))) end = at;
  return end;
};

const blank = /^(?:\[redacted |\*{2,}|\$\{?\w+\}?$|<[^>]*>$|\{\{?[\w .]+\}?\}$|%[sv(]|x{3,}$|\.{3}$|-+$)/i;

const credentialsOf = (info: string, start: number, report: Report): void => {
  const colon = /:|%3A/i.exec(info);
  if (colon !== null) {
    const password = info.slice(colon.index + colon[0].length);
    const user = info.slice(0, colon.index);
    const isDummy =
      blank.test(password) || /^(?:password|pass|pw|pwd|passwd|x-oauth-basic|x-access-token)$/i.test(password);
    if (!isDummy) report(start + colon.index + colon[0].length, start + info.length, 'url-password');
    if (isDummy || looksDrawn(user)) tokenAsUser(user, start, report);
    return;
  }
  tokenAsUser(info, start, report);
};

const tokenAsUser = (user: string, start: number, report: Report): void => {
  if (user.length >= 16 && /\d/.test(user) && !user.startsWith('[') && (looksDrawn(user) || looksRandom(user)))
    report(start, start + user.length, 'url-password');
};

/** A user and a password before a host with a port or in parentheses, without a scheme: proxies, Go's and Oracle's own forms. */
const bareUserInfo =
  /(?<![\w/@.:-])[\w.%+-]{1,64}:([^\s:@/"'`<>(){}]{3,100})@(?:(?:tcp|unix|udp)\(|(?!sha\d|npm\b)[\w-]{1,60}(?:\.[\w-]{1,60}){0,6}:\d{2,5}(?!\w))/g;
const goAddress = /(?<![\w/@.:-])[\w.%+-]{1,64}:([^\s"'`<>]{1,200})@(?:tcp|unix|udp)\(/g;
const oracle =
  /(?:(?<=thin:)|(?<=sqlplus (?:-\w{1,3} ){0,4})|(?<=(?:impdp|expdp|sqlldr|rman|exp|imp) )|(?<=connect )|(?<=oracle:)|(?<![\w/.:@-]))([A-Za-z][\w$#]{0,40})\/("[^"\n]{1,100}"|[^\s@"'<>]{1,100})@(?=\/\/|\(DESCRIPTION|[\w.-]{1,60}:\d{2,5}|[A-Z][A-Z0-9_]{1,30}\b|[\w-]{1,40}(?:\.[\w-]{1,40})*\/)/gi;

export const findBareUserInfo: Finder = (text, report) => {
  for (let at = text.indexOf('@'); at >= 0; ) {
    const from = text.lastIndexOf('\n', at) + 1;
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    inLine(text.slice(from, end), (start, stop, kind) => report(from + start, from + stop, kind));
    at = text.indexOf('@', end);
  }
};

const inLine: Finder = (line, report) => {
  for (const found of [...line.matchAll(bareUserInfo), ...line.matchAll(goAddress)]) {
    const [whole, password = ''] = found;
    const start = found.index + whole.indexOf(':') + 1;
    if (!blank.test(password)) report(start, start + password.length, 'url-password');
  }
  for (const found of line.matchAll(oracle)) {
    const [, user = '', password = ''] = found;
    const start = found.index + user.length + 1;
    if (!blank.test(password) && isOracle(line, found.index, user, password))
      report(start, start + password.length, 'url-password');
  }
};

/** A user and a password, and no path with a version behind it. */
const isOracle = (line: string, at: number, user: string, password: string): boolean => {
  if (/thin:$|sqlplus .*$|connect $|rman |impdp |expdp |sqlldr |oracle:$/i.test(line.slice(Math.max(0, at - 30), at)))
    return true;
  if (/\d/.test(password) && /\bora-|oracle|sqlplus|\btns\b|\boci\b|\bdsn\b/i.test(line.slice(0, 4000))) return true;
  if (!/^[\w-]+\/[\w./-]*$/.test(`${user}/${password}`)) return true;
  const behind = line.slice(at + user.length + password.length + 2, at + user.length + password.length + 80);
  return /^\/\/|^\(|^[\w.-]+:\d/.test(behind) && !password.includes('/');
};

/** Parameters whose value is a secret by the parameter's name, which elsewhere is too common to go by. */
const parameter =
  /(?:[?&;#]|&amp;|%3F|%26|\\u0026)(X-(?:Amz|Goog|Oss|Cos|Tos|Obs)-(?:Signature|Credential|Security-Token)|(?:x-oss-)?signature(?:-nonce)?|Signature|Policy|Key-Pair-Id|AWSAccessKeyId|OSSAccessKeyId|GoogleAccessId|q-signature|q-ak|q-key-time|hdnts|hdnea|sig|sign|hmac|token|auth|authkey|auth_key|key|apikey|appkey|appid_key|k|t|code|secret|sk|ak|access_code|pwd|pass|passwd|password|p|st|se_sig|SAMLResponse|SAMLRequest|assertion|ticket|session|sid|jwt|id_token|wstoken|authtoken|subscription-key|Ocp-Apim-Subscription-Key|api-key|api_key|x-api-key|listenKey|apiKey|accessToken|oauth_token|oauth_signature|oauth_verifier|code_verifier|client_secret|personal_access_token|private_token|job_token|refresh_token|access_key|routing_key|passphrase|otp|totp|state_token|magic|invite|nonce_sig|hash_key)(=|%3D)([^\s&"'<>\\#`]{4,8000})/gi;
const always =
  /^(?:x-(?:amz|goog|oss|cos|tos|obs)-|(?:x-oss-)?signature|policy|key-pair-id|q-signature|q-ak|sig$|hmac$|hdn|saml|assertion|oauth_|client_secret|pwd$|passwd$|password$|pass$|passphrase$|secret$|wstoken|code_verifier|private_token|job_token|listenkey)/i;

export const findParameters: Finder = (text, report) => {
  if (!text.includes('=') && !/%3D/i.test(text)) return;
  for (const found of text.matchAll(parameter)) {
    const [whole, name = '', equals = '', given = ''] = found;
    const cut = equals === '=' ? given : (/^(?:(?!%26|%22|%20|%0A).)*/i.exec(given)?.[0] ?? given);
    const value = cut.replace(/[,;)}\].]+$/, '');
    const start = found.index + whole.length - given.length;
    if (isParameterSecret(name, value)) report(start, start + value.length, 'value');
  }
};

const isParameterSecret = (name: string, value: string): boolean => {
  if (/^(?:\[redacted|\*{2,}|\$|\{|<|%[sv(]|x{3,}$)/i.test(value)) return false;
  if (always.test(name))
    return value.length >= 4 && !/^(?:required|invalid|missing|true|false|none|null)$/i.test(value);
  if (/^(?:session|sid|state)/i.test(name) && uuid.test(value)) return false;
  const whole = decode(value);
  if (/^(?:k|t|p|st|sk|ak|code|ticket|magic|invite)$/i.test(name))
    return looksRandom(whole) || (/^[0-9a-f]{32,}$/i.test(whole) && name !== 't');
  return (
    looksDrawn(whole) ||
    (whole.length >= 8 &&
      /\d/.test(whole) &&
      /[a-z]/i.test(whole) &&
      !/^[a-z]+[:_/-]/i.test(whole) &&
      !/^v?\d+[\w.-]{0,6}$/.test(whole) &&
      !/^[a-z]+\d{1,4}$/i.test(whole))
  );
};

const decode = (value: string): string => {
  try {
    return decodeURIComponent(value);
  } catch {
    // Not an encoded one, or cut: as it is.
    return value;
  }
};
