import { looksDrawn, looksRandom } from './secret-values.ts';
import type { Finder, Follower, Report } from './spans.ts';

/** Reports the last group of each match. */
const last = (
  text: string,
  pattern: RegExp,
  kind: string,
  report: Report,
  accept?: (value: string) => boolean,
): void => {
  for (const found of text.matchAll(pattern)) {
    const value = found.slice(1).findLast(group => group !== undefined) ?? '';
    const start = found.index + found[0].lastIndexOf(value);
    if (value !== '' && !value.startsWith('[redacted ') && (accept === undefined || accept(value)))
      report(start, start + value.length, kind);
  }
};

/** `Server=…;Password=p#ss w;Encrypt=…`: to the next semicolon or the closing quote or brace. */
const connectionString =
  /(?:;|["'`]|=|^|\s)\s?(?:password|pwd|passwd|accountkey|sharedaccesskey|sharedsecret|accesskey|account key|shared access key|jet oledb:database password|proxy password)\s?=\s?(?:\{([^}\n]{1,200})\}|"([^"\n]{1,200})"|'([^'\n]{1,200})'|([^;"'\n{][^;"'\n]{0,300}))(?=;|["'\n]|$)/gim;
/** Only between other parts of such a string: a blank or an ampersand in it is then part of the password. */
const isConnectionString =
  /(?:;|^|["'`=\s])\s?(?:server|data source|host|hostname|user id|uid|user|username|database|initial catalog|driver|endpoint|accountname|encrypt|trustservercertificate|sharedaccesskeyname|dsn|port|integrated security|defaultendpointsprotocol)\s?=[^;\n]{0,300};/i;
const keywords =
  /\b(?:password|passfile_password)\s?=\s?(?:'((?:[^'\\\n]|\\.){1,200})'|([^\s'"]{1,200}))(?=\s+\w+\s?=|["']|\s*$)/gm;
const isKeywords = /\b(?:host|hostaddr|dbname|user|port)\s?=\s?[^\s,()]+\s+(?:\w+\s?=\s?[^\s,()]+\s+)*$/;

/** Passwords of databases, in the forms of their drivers. */
export const findConnectionStrings: Finder = (text, report) => {
  if (/(?:pass|pwd|key|secret)[^\n=]{0,10}=/i.test(text) && text.includes(';'))
    for (const found of text.matchAll(connectionString)) {
      const from = text.lastIndexOf('\n', found.index) + 1;
      const near = text.slice(Math.max(from, found.index - 600), found.index + found[0].length + 400);
      if (!isConnectionString.test(near)) continue;
      const value = (found.slice(1).findLast(group => group !== undefined) ?? '').trimEnd();
      const start = found.index + found[0].indexOf(value, found[0].indexOf('='));
      if (value.length >= 3 && !/^(?:\[redacted |\*+$|<|\$\{)/.test(value))
        report(start, start + value.length, 'value');
    }
  if (/password\s?=/.test(text))
    for (const found of text.matchAll(keywords)) {
      const near = text.slice(Math.max(text.lastIndexOf('\n', found.index) + 1, found.index - 200), found.index);
      const value = found[1] ?? found[2] ?? '';
      const start = found.index + found[0].lastIndexOf(value);
      if (
        isKeywords.test(near) &&
        value.length >= 3 &&
        !/^(?:\[redacted|\*+$|<|\$)/.test(value) &&
        /[\d\W]|^[a-z]{6,}$/i.test(value)
      )
        report(start, start + value.length, 'value');
    }
};

const pgpass =
  /(?<=^|[\n"'`|>] ?|\d: )(?:[\w.*-]{1,100}|\/[\w./-]{1,100}):(?:\d{2,5}|\*):[^:\s]{1,60}:[^:\s]{1,60}:((?:[^\s:"'`\\]|\\.){3,200})(?=$|[\s"'`\\])/g;
const netrc =
  /\b(?:machine\s{1,20}\S{1,200}|default)\s{1,20}(?:login\s{1,20}\S{1,200}\s{1,20}(?:account\s{1,20}\S{1,100}\s{1,20})?)?password\s{1,20}(\S{1,300})/g;
const netrcLine = /\blogin\s{1,20}\S{1,200}\s{1,20}password\s{1,20}(\S{1,300})/g;
const cookieJar =
  /(?<=^|\n|["'`|] ?)(?:#HttpOnly_)?\.?[\w.-]{1,200}[\t ]{1,8}(?:TRUE|FALSE)[\t ]{1,8}\/\S{0,200}[\t ]{1,8}(?:TRUE|FALSE)[\t ]{1,8}\d{1,12}[\t ]{1,8}\S{1,200}[\t ]{1,8}(\S{1,8000})/g;
const passwordHash =
  /(?:\$(?:1|5|6|7|y|gy|2[abxy]?|apr1|sha1|md5|argon2(?:id?|d)|scrypt|pbkdf2(?:-sha\d+)?|bcrypt-sha256)\$[\w./$=,+-]{16,300}|\bpbkdf2_sha\d+\$\d+\$[\w./+=$-]{16,200}|\{(?:SSHA|SSHA512|SHA|CRYPT|SMD5)\}[A-Za-z0-9+/]{16,200}={0,2}|\bSCRAM-SHA-256\$\d+:[\w+/=$:]{30,300})/g;
const registry = /(?<=\/:_(?:authToken|auth|password)=)["']?([^\s"'$][^\s"']{3,300})/g;
const dockerAuth = /"(?:auth|identitytoken|registrytoken)\\?"\s{0,3}:\s{0,3}\\?"([A-Za-z0-9+/_.=-]{8,4000})/g;

/** The lines of files that hold passwords: .pgpass, .netrc, cookie jars, /etc/shadow, .npmrc, Docker's config. */
export const findFileLines: Finder = (text, report) => {
  if (text.includes(':')) last(text, pgpass, 'value', report);
  if (text.includes('password')) {
    last(text, netrc, 'value', report);
    last(text, netrcLine, 'value', report);
  }
  if (text.includes('FALSE') || text.includes('TRUE')) last(text, cookieJar, 'cookie', report);
  if (text.includes('$') || text.includes('}'))
    for (const found of text.matchAll(passwordHash))
      report(found.index, found.index + found[0].length, 'password-hash');
  if (text.includes(':_')) last(text, registry, 'value', report);
  if (text.includes('"')) last(text, dockerAuth, 'value', report);
};

/** One argument of a command as a shell or a language prints it. */
const argument = String.raw`(?:"((?:[^"\\\n]|\\.){1,300})"|'([^'\n]{1,300})'|([^\s"'\x60,\]|;&<>][^\s"'\x60,\]]{0,300}))`;
/** Between arguments: a blank, or what stands between the strings of a list. */
const gap = `(?:[ =]|["'],? ?["'])`;
const programs: readonly (readonly [RegExp, RegExp])[] = [
  [
    /\b(?:mysql|mysqldump|mysqladmin|mysqlimport|mysqlcheck|mysqlpump|mariadb|mariadb-dump|xtrabackup|mycli)\b/g,
    /(?:\s|["'])-p(?!ort|rotocol|ager|rompt|rint|lugin)([^\s"',=][^\s"']{2,200})/g,
  ],
  [/\b(?:sshpass)\b/g, new RegExp(`(?:\\s|["'])-p${gap}?${argument}`, 'g')],
  [/\b(?:redis-cli|redli|valkey-cli|keydb-cli)\b/g, new RegExp(`(?:\\s|["'])-a${gap}${argument}`, 'g')],
  [
    /\b(?:mongo|mongosh|mongodump|mongorestore|mongoexport|cqlsh|influx|docker login|podman login|skopeo login|helm registry login|oc login|nerdctl login|buildah login|crane auth login|az login|az acr login|sshpass|mssql-cli|isql|arangosh|mosquitto_(?:pub|sub))\b/g,
    new RegExp(`(?:\\s|["'])-[pP]${gap}${argument}`, 'g'),
  ],
  [/\b(?:mosquitto_(?:pub|sub)|sqlcmd|bcp|osql|mqtt)\b/g, new RegExp(`(?:\\s|["'])-P${gap}?${argument}`, 'g')],
  [
    /\b(?:ldapsearch|ldapmodify|ldapadd|ldapwhoami|ldappasswd|ldapdelete|impacket-\w+)\b/g,
    new RegExp(`(?:\\s|["'])-w${gap}?${argument}`, 'g'),
  ],
  [/\b(?:7z|7za|zip|unzip|unrar|rar)\b/g, new RegExp(`(?:\\s|["'])-(?:p|P ?|hp)${argument}`, 'g')],
  [/\bopenssl\b/g, /-(?:pass|passin|passout|k|K|password)["']?[ ,]{1,2}["']?(?:pass:)?([^\s"']{3,200})/g],
  [/\b(?:ssh-keygen)\b/g, new RegExp(`(?:\\s|["'])-[NP]${gap}${argument}`, 'g')],
  [/\b(?:htpasswd)\b/g, /\s-\w*b\w*(?:\s-\w+)*\s\S+\s\S+\s["']?([^\s"']{3,200})/g],
  [/\b(?:rabbitmqctl|rabbitmqadmin)\b/g, /(?:add_user|change_password|authenticate_user)\s\S+\s["']?([^\s"']{3,200})/g],
  [/\b(?:smbclient|smbget|rpcclient|net rpc|mount\.cifs)\b/g, /(?:-U|--user)[ =]["']?[^\s%"']{1,80}%([^\s"']{2,200})/g],
  [/\bnet use\b/g, /\s\\\\\S+\s([^\s/*]\S{2,200})(?=\s\/user)/g],
  [/\b(?:xfreerdp|rdesktop|freerdp)\b/g, /\s(?:\/p:|-p )["']?([^\s"']{2,200})/g],
  [
    /\b(?:curl|wget|http|https|httpie|ab|lftp|xh|hey|wrk|aria2c|ncftp|ftp)\b/g,
    /(?:\s|["'])(?:-u|--user|--proxy-user|-U|-a|-A|--auth)(?:[ =]|["'],? ?["'])["']?[^\s:"',/]{1,100}:(?!\d{1,6}(?:\s|["']|$))([^\s"']{3,300})/g,
  ],
];
const piped =
  /\b(?:echo|printf)\s{1,3}(?:-\w{1,2}\s)?(?:["']([^"'\n]{3,200})["']|([^\s"'|]{3,200}))\s{0,3}\|\s{0,3}(?:sudo\s{1,3}-S|[^\n|]{0,80}(?:--password-stdin|--passphrase-fd|passwd\b|chpasswd|cryptsetup|kinit|--stdin|su\b))/g;
const sql =
  /\b(?:identified\s{1,5}(?:with\s{1,5}[\w'"]{1,40}\s{1,5})?(?:by|as)|(?:encrypted\s{1,5})?password|set\s{1,5}password\s{1,5}(?:for\s{1,5}\S{1,80}\s{1,5})?=|password\s{0,3}\(|secret_key|access_key)\s{0,5}[=(]?\s{0,5}(?:password\s{0,2}\(\s{0,2})?'((?:[^'\n]|''){3,200})'/gi;
const sent =
  /(?:^|[\n>:\]"'] ?|\s)(?:AUTH|PASS|OPER \S+|IDENTIFY|a?\d{0,4} ?LOGIN \S+|AUTH (?:PLAIN|LOGIN)|USERAUTH)\s{1,3}(?:\w{1,30}\s{1,3})?["']?([^\s"']{6,300})["']?(?=\s*(?:$|[\n"'\\]))/gm;

const anyProgram =
  /\b(?:mysql|mariadb|mycli|xtrabackup|sshpass|redis|redli|valkey|keydb|mongo|cqlsh|influx|login|mosquitto|isql|arangosh|mssql|sqlcmd|bcp|osql|mqtt|ldap|impacket|7za?|zip|unzip|unrar|rar|openssl|ssh-keygen|htpasswd|rabbitmq|smb|rpcclient|mount\.cifs|net use|xfreerdp|rdesktop|freerdp|curl|wget|https?|ab|lftp|xh|hey|wrk|aria2c|n?c?ftp)/g;

/** Passwords on command lines, by the program, and those that are piped into one or sent by a protocol's verb. */
export const findCommands: Finder = (text, report) => {
  let done = 0;
  for (const found of text.matchAll(anyProgram)) {
    if (found.index < done) continue;
    const newline = text.indexOf('\n', found.index);
    done = Math.min(newline < 0 ? text.length : newline, found.index + 2000);
    const from = Math.max(text.lastIndexOf('\n', found.index) + 1, found.index - 100);
    const line = text.slice(from, done);
    if (/[\s"'](?:-{1,2}[A-Za-z]|\/p:|\\\\|[a-z]+_user |change_password)/.test(line)) inCommand(line, from, report);
  }
  if (text.includes('|')) last(text, piped, 'value', report, isArgument);
  if (text.includes("'"))
    last(
      text,
      sql,
      'value',
      report,
      value => !/^(?:\*+|%s|\?|\$\d|:\w+)$/.test(value) && !/\s(?:is|for|not|was)\s/.test(value),
    );
  if (/AUTH|PASS|OPER|IDENTIFY|LOGIN/.test(text))
    last(
      text,
      sent,
      'value',
      report,
      value => /\d/.test(value) && /[a-z]/i.test(value) && !/[/:()]|\.\w{2,4}$/.test(value),
    );
};

const inCommand = (line: string, at: number, report: Report): void => {
  for (const [program, flag] of programs)
    for (const found of line.matchAll(program)) {
      const from = found.index + found[0].length;
      const rest = line.slice(from, from + 600).split(/\s(?:\||&&|;)\s/)[0] ?? '';
      last(rest, flag, 'value', (start, end, kind) => report(at + from + start, at + from + end, kind), isArgument);
    }
};

const isArgument = (value: string): boolean =>
  value.length >= 3 && !/^(?:-|\$[({A-Za-z_]\w*\}?$|<|\*+$|\/|%s|\d{1,5}(?::\d{1,5})?$)/.test(value);

const nextToken =
  /^[ \t]{0,40}(?:[^\s"'`]{0,40}[|>] )?["'`]?([A-Za-z0-9+/_.~-]{6,400}={0,2})["'`]?[,;)\]}]{0,3}(?=[ \t\\]*(?:\r?\n|$)|["'])/;
/** A line this short was not wrapped. */
const shortestWrappedLine = 24;

/**
 * The rest of a key that was wrapped: it ended its line, and the next line is nothing but one more piece of it. Given where keys
 * were found, since only they say that a line goes on.
 */
export const findWrapped: Follower = (text, ends, report) => {
  for (const end of ends) {
    if (end - (text.lastIndexOf('\n', end - 1) + 1) < shortestWrappedLine) continue;
    let at = end;
    for (let count = 0; count < 60; count += 1) {
      const broken = /^["'`]?[ \t]{0,10}\\?\r?\n/.exec(text.slice(at, at + 20))?.[0];
      if (broken === undefined) break;
      const piece = nextToken.exec(text.slice(at + broken.length, at + broken.length + 520));
      const value = piece?.[1];
      if (value === undefined || !isPiece(value)) break;
      const start = at + broken.length + (piece?.[0].indexOf(value) ?? 0);
      report(start, start + value.length, 'value');
      at = start + value.length;
    }
  }
};

const isPiece = (value: string): boolean =>
  looksDrawn(value) ||
  looksRandom(value) ||
  (/\d/.test(value) && /[a-z]/i.test(value) && !/[.=-]/.test(value.replace(/={1,2}$/, '')));
