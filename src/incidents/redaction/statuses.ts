import type { Status } from '../../core/status.ts';

/** Letters, digits and marks in which no secret hides but by a word beside it or by its own form; a longer text is not worth a look. */
const PLAIN = /^[\w ./:;,()+'"=-]{0,400}$/;
/** Words and forms that may belong to a secret, more of them than do: what they are in is read closely. */
const TELLING = new RegExp(
  [
    'pass|pw|psk|secret|token|tkn|key|cred|auth|hmac|[cx]srf|cookie|bearer|jwt|dsn|hook|salt|pepper|mnemonic|seed|phrase|xprv|wif',
    'kennwort|senha|clave|contrase|priv|wallet|login|identif|oper |ur[il]|endpoint|string|signature|session|push/|rabbitmq|rdp|rdesktop',
    '\\b(?:basic|bot|ssws|splunk|dpop|negotiate|ntlm)[ +]|eyj|sk-(?:ant|or|proj|svc|adm|none)|[srp]k_(?:live|test|prod)|whsec|xox|xapp|xwfp',
    '\\.(?:com|io|in|link|net|site|us|pro)/|(?:true|false) +/|:_|;[\\w-]+=|:\\d{2,5}:',
    // A phrase of many words; a list of bytes.
    '(?:\\b[a-z]{3,8}\\b[^a-z]{1,12}){8}|(?:\\d{1,3}[ ,]{1,12}){15}',
  ].join('|'),
  'i',
);
/** A run that is no word. */
const LONG = /(?<![\w-])(?=[\w-]{12})(?![a-z_-]{1,40}(?![\w-]))/;
/** Words that belong to a secret only beside a value that is drawn, and programs that take a password behind a flag. */
const HINT = /pat|sid|sess|sig|pin|otp|code|conn|rpc|verif/i;
const DRAWN = /["']|(?:^|\s)(?![a-z_.,-]*(?:\s|$))\S{8}|(?:^|\s)-\S*(?:pat|sid|sess|sig|pin|otp|code|conn|rpc|verif)/i;
const PROGRAM =
  /\b(?:my|maria|mssql|xtra|redis|redli|valkey|mongo|cqlsh|influx|mosquitto|isql|arangosh|sqlcmd|bcp|osql|mqtt|ldap|impacket|7z|g?zip|unzip|unrar|rar|openssl|smb|rpcclient|mount|curl|wget|http|ab\b|lftp|xh\b|hey\b|wrk|aria2c|n?c?ftp)/i;
const FLAG = /(?:^|[\s"'])-/;

function isPlainText(text: string): boolean {
  if (!PLAIN.test(text) || LONG.test(text) || TELLING.test(text)) return false;
  return !(HINT.test(text) && DRAWN.test(text)) && !(FLAG.test(text) && PROGRAM.test(text));
}

/**
 * The statuses as everybody may see them. What finds secrets costs a third of a command that only looks: it is loaded only if one of
 * them has a text in which a secret could be.
 */
export async function maskedStatuses(statuses: readonly Status[]): Promise<Status[]> {
  if (statuses.every(isPlain)) return [...statuses];
  const { maskedStatus } = await import('./redact.ts');
  return statuses.map(status => (isPlain(status) ? status : maskedStatus(status)));
}

function isPlain({ command, health, holdReason, limit }: Status): boolean {
  return (
    isPlainText(command.join(' ')) &&
    health.every(({ name, detail }) => isPlainText(name) && isPlainText(detail)) &&
    (holdReason === null || isPlainText(holdReason)) &&
    (limit === null || isPlainText(limit.line ?? ''))
  );
}
