import { type Finder, type Report, type SecretFormat, within } from './mask.ts';
import { looksDrawn, looksRandom, uuid } from './secret-values.ts';

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

/** What stands in the place of a password that was left out. */
export const blank = /^(?:\[redacted |\*{2,}|\$\{?\w+\}?$|<[^>]*>$|\{\{?[\w .]+\}?\}$|%[sv(]|x{3,}$|\.{3}$|-+$)/i;

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

/** The ends of addresses that are called with nothing else: chat robots, pagers, heartbeats, nodes of a chain. */
export const addressFormats: readonly SecretFormat[] = [
  [
    'slack-webhook',
    'hooks.slack',
    String.raw`(?<before>hooks\.slack(?:-gov)?\.com(?:\\?/|%2F)(?:services|workflows|triggers)(?:\\?/|%2F))[\w/\\%-]{8,}`,
  ],
  [
    'discord-webhook',
    'webhooks',
    String.raw`(?<before>api(?:/v\d+)?(?:\\?/|%2F)webhooks(?:\\?/|%2F))\d{5,25}(?:\\?/|%2F)[\w-]{16,}`,
  ],
  [
    'teams-webhook',
    'webhook.office logic.azure powerplatform',
    String.raw`(?<before>(?:webhook\.office\.com|logic\.azure\.com|api\.powerplatform\.com)(?::\d+)?(?:\\?/|%2F))[^\s"'<>]{8,}`,
  ],
  [
    'chat-webhook',
    'open-apis/bot webhook/send robot/send chat.googleapis /hooks/ robot',
    String.raw`(?<before>open-apis\\?/bot\\?/(?:v\d\\?/)?hook\\?/|(?:webhook|robot)\\?/send\?(?:[\w=&-]{0,100}&)?(?:key|access_token)=|/hooks/)[\w/-]{16,}`,
  ],
  [
    'chat-webhook',
    'chat.googleapis',
    String.raw`(?<before>chat\.googleapis\.com\\?/v1\\?/spaces\\?/[\w-]+\\?/messages\?)[^\s"'<>]{8,}`,
  ],
  [
    'pager-key',
    'pagerduty victorops nosnch cronitor opsgenie',
    String.raw`(?<before>events\.(?:eu\.)?pagerduty\.com(?:/[\w.-]+){0,4}?/(?:integration/)?|alert\.victorops\.com/integrations/generic/\d+/alert/|nosnch\.in/|cronitor\.link/(?:p/|ping/)?|cronitor\.link/)(?=[\w-]*\d)[\w-]{8,}`,
  ],
  [
    'heartbeat-url',
    'hc-ping.com betterstack uptimerobot betteruptime healthchecks /api/push/ deadmanssnitch',
    String.raw`(?<before>hc-ping\.com/|uptime\.beterstack\.com/api/v1/heartbeat/|(?:uptime\.betterstack|betteruptime)\.com/api/v1/(?:incoming-)?(?:heartbeat|webhook)/|heartbeat\.uptimerobot\.com/|healthchecks\.io/(?:ping/)?(?=[0-9a-f]{8}-)|/api/push/)[\w/-]{8,}`,
  ],
  [
    'hook-url',
    'hooks.zapier hook. maker.ifttt webhook.site sctapi sc.ftqq api.day.app pushplus outlook.office pipedream hook.',
    String.raw`(?<before>hooks\.zapier\.com/hooks/catch/|hook\.(?:[a-z]{2}\d?\.)?(?:make|integromat)\.com/|maker\.ifttt\.com/trigger/[\w-]+/(?:json/)?with/key/|webhook\.site/|sctapi\.ftqq\.com/|sc\.ftqq\.com/|api\.day\.app/(?=\w{18,})|xizhi\.qqoq\.net/)[\w/-]{8,}`,
  ],
  [
    'node-key',
    'infura alchemy quiknode ankr p2pify chainstack blastapi moralis llamarpc getblock helius drpc',
    String.raw`(?<before>(?:infura\.io|alchemy(?:api)?\.(?:com|io))(?:/ws)?/v[23]/|quiknode\.pro/|rpc\.ankr\.com/[\w-]+/|(?:p2pify|chainstack)\.com/|blastapi\.io/|moralis-nodes\.com/[\w-]+/|getblock\.(?:io|us)/|drpc\.org/[\w/-]{0,40}?)[\w-]{16,}`,
  ],
  ['sms-key', 'twilio', '(?<before>AC[0-9a-f]{32}:)[0-9a-f]{32}'],
].map(([kind = '', hints = '', pattern = '']) => within(kind, hints, pattern));

/** Parameters whose value is a secret by the parameter's name, which elsewhere is too common to go by. */
const parameter =
  /(?:[?&;#]|&amp;|%3F|%26|\\u0026)(X-(?:Amz|Goog|Oss|Cos|Tos|Obs)-(?:Signature|Credential|Security-Token)|(?:x-oss-)?signature(?:-nonce)?|Signature|Policy|Key-Pair-Id|AWSAccessKeyId|OSSAccessKeyId|GoogleAccessId|q-signature|q-ak|q-key-time|hdnts|hdnea|sig|sign|hmac|token|auth|authkey|auth_key|key|apikey|appkey|appid|appid_key|k|t|code|secret|sk|ak|access_code|pwd|pass|passwd|password|p|st|se_sig|SAMLResponse|SAMLRequest|assertion|ticket|session|sid|jwt|id_token|wstoken|authtoken|subscription-key|Ocp-Apim-Subscription-Key|api-key|api_key|x-api-key|listenKey|apiKey|accessToken|oauth_token|oauth_signature|oauth_verifier|code_verifier|client_secret|personal_access_token|private_token|job_token|refresh_token|access_key|routing_key|passphrase|otp|totp|state_token|magic|invite|nonce_sig|hash_key)(=|%3D)([^\s&"'<>\\#`]{4,8000})/gi;
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

const knownScheme =
  /^(?:bearer|basic|token|digest|apikey|api-key|api-token|negotiate|ntlm|bot|ssws|geniekey|hawk|oauth|splunk|signature|sso-key|dpop|key|low|googlelogin|mediabrowser|discogs|sharedaccesssignature|pveapitoken|deepl-auth-key|klaviyo-api-key|zoho-oauthtoken|edgegrid|eg1-hmac-sha256|aws4-hmac-sha256|aws|acs|jwt|macaroon|snowflake|user|client|device|session|private|secret|access|circle-token|apitoken|glsa|kisi-login|x-api-key)$/i;
const parameters = /^[\w.-]{1,60}=/;
const word = /^[a-z]+[,.!?:;]?$/;

/** Where the value of an Authorization header stands. */
interface HeaderValue {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly bond: 'tight' | 'spaced' | 'loose';
}

const parameterList =
  /(?:[\w.-]{1,60}=(?:"[^"\n]{0,4000}"|'[^'\n]{0,4000}'|[^\s,"']{1,8000})(?:\s{0,4},\s{0,4}|\s{1,4}(?=[\w.-]{1,60}="))?)+/y;

/**
 * The credentials of an Authorization header: one word after the scheme, or all of a list of parameters. The scheme stays: it
 * tells what was tried.
 */
export const schemeValue = ({ text, start, end, bond }: HeaderValue, report: Report): void => {
  const value = text.slice(start, end);
  const trimmed = value.replace(/^[\s["'`]+/, '');
  const offset = start + value.length - trimmed.length;
  const [, first = '', blanks = '', second = ''] = /^(\S+)(\s{1,4})?(\S+)?/.exec(trimmed) ?? [];
  if (second !== '' && (knownScheme.test(first) || /^[A-Z][\w-]{1,40}$/.test(first))) {
    const at = offset + first.length + blanks.length;
    parameterList.lastIndex = at;
    const list = parameters.test(second) ? parameterList.exec(text)?.[0].trimEnd() : undefined;
    if (list !== undefined) return report(at, at + list.length, 'authorization');
    const bare = withoutClosers(second);
    const isWord = word.test(bare) || (/^[A-Za-z]+$/.test(bare) && bare.length < 12);
    const isMessage = isWord && (trimmed.length > at - offset + second.length || bare.length < 8 || bond !== 'tight');
    if (bare.length >= 4 && !isMessage && !isPlaceholder(bare)) report(at, at + bare.length, 'authorization');
    return;
  }
  const bare = withoutClosers(first);
  if (bare.length < 6 || knownScheme.test(bare) || isPlaceholder(bare)) return;
  if (/\d/.test(bare) || (bond !== 'loose' && (/[_=+/-]/.test(bare) || bare.length >= 16)))
    report(offset, offset + bare.length, 'authorization');
};

const withoutClosers = (value: string): string => value.replace(/[,;)}\]>"'`\\]+$/, '');

const isPlaceholder = (value: string): boolean =>
  /^(?:\[redacted|[*•]{2,}|<|\$[{(A-Z]|\{|%[sv({]|x{3,}$|\.{3}|none$|null$|undefined$|self\.|process\.|os\.)/i.test(
    value,
  ) || /[({]/.test(value);

const attribute = /^(?:path|domain|expires|max-age|samesite|version|comment|priority)$/i;

/** The values of the cookies of a Cookie or Set-Cookie header; their names and attributes stay. */
export const cookieValues = (value: string, at: number, report: Report): void => {
  for (const pair of value.matchAll(/([^\s=;,"'[\](){}]{1,100})=("[^"]*"|[^;\s"']{1,8000})/g)) {
    const [whole, name = '', content = ''] = pair;
    if (attribute.test(name) || content.startsWith('[redacted ')) continue;
    const start = at + pair.index + whole.length - content.length;
    report(start, start + content.length, 'cookie');
  }
};

/** A base64 user and password. "Basic Authentication1Required" is none. */
const isBasic = (text: string): boolean => {
  try {
    const decoded = atob(
      text.replace(/=+$/, '').slice(0, Math.floor(text.replace(/=+$/, '').length / 4) * 4 || undefined),
    );
    return decoded.includes(':') && !/[\u0000-\u001f\u007f]/.test(decoded);
  } catch {
    // No base64 at all.
    return false;
  }
};

const bareSchemes =
  /\b(bearer|basic|bot|ssws|geniekey|splunk|apikey|token|dpop|sso-key|negotiate|ntlm|deepl-auth-key)(?:\s{1,2}|%20|\+)(?!\[redacted )([A-Za-z0-9._~+/:%-]{8,}={0,2})/gi;

/** Credentials by the word of their scheme, without the header's name. */
export const findSchemes: Finder = (text, report) => {
  for (const found of text.matchAll(bareSchemes)) {
    const [whole, scheme = '', value = ''] = found;
    const start = found.index + whole.length - value.length;
    if (isCredential(scheme.toLowerCase(), value))
      report(start, start + value.replace(/[.,:]+$/, '').length, `${scheme.toLowerCase()}-token`);
  }
};

const isCredential = (scheme: string, value: string): boolean => {
  if (scheme === 'basic') return isBasic(value);
  const bare = value.replace(/[.,:]+$/, '');
  if (/^[a-z]+(?:[-_./][a-z]+)*$/i.test(bare) && !/[a-z][A-Z].*[a-z][A-Z].*[a-z][A-Z]/.test(bare)) return false;
  if (scheme === 'bearer') return /[\d._~+/-]/.test(bare) && bare.length >= 8;
  if (scheme === 'token' || scheme === 'bot')
    return bare.length >= 20 && /\d/.test(bare) && /[a-z]/i.test(bare) && !/[/:]/.test(bare);
  return bare.length >= 16 && /\d/.test(bare);
};
