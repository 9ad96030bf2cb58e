import type { Finder, Report } from './spans.ts';

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
