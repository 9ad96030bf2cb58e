import { blank } from './http.ts';
import type { Finder, Report } from './mask.ts';

/** Reports the last group of each match. */
export const reportLast = (
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
    /\b(?:mongo|mongosh|mongodump|mongorestore|mongoexport|cqlsh|influx|(?:docker|podman|skopeo|oc|nerdctl|buildah|az|helm["', ]{1,4}registry|crane["', ]{1,4}auth|az["', ]{1,4}acr)["', ]{1,4}login|sshpass|mssql-cli|isql|arangosh|mosquitto_(?:pub|sub))\b/g,
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
/** A user and a password as two texts: `auth=('bob', '…')`. */
const pair = /\bauth["']?\s?[=:]\s?[([]\s?["'][^"'\n]{1,100}["'],\s?b?["']([^"'\n]{3,300})["']/gi;
/** The password among the arguments that a trace prints: `mysqli_connect('host', 'user', '…')`, `getConnection("jdbc:…", "user", "…")`. */
const callArguments =
  /\b(?:mysqli?_(?:p?connect|real_connect)|(?:mysqli|PDO)->(?:__construct|real_connect)|pg_p?connect|ldap_bind|ftp_login|ssh2_auth_password|imap_open|odbc_p?connect|oci_p?connect|sqlsrv_connect|getConnection|createConnection)\((?:"[^"\n]{0,300}"|'[^'\n]{0,300}'|Object\(\w{1,40}\)|Resource id #\d{1,6}),\s?["'][^"'\n]{0,100}["'],\s?["']([^"'\n]{3,200})["']/g;
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
  if (text.includes('(')) reportLast(text, callArguments, 'value', report, isArgument);
  if (/auth/i.test(text)) reportLast(text, pair, 'value', report, isArgument);
  if (text.includes('|')) reportLast(text, piped, 'value', report, isArgument);
  if (text.includes("'"))
    reportLast(
      text,
      sql,
      'value',
      report,
      value => !/^(?:\*+|%s|\?|\$\d|:\w+)$/.test(value) && !/\s(?:is|for|not|was)\s/.test(value),
    );
  if (/AUTH|PASS|OPER|IDENTIFY|LOGIN/.test(text))
    reportLast(
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
      reportLast(
        rest,
        flag,
        'value',
        (start, end, kind) => report(at + from + start, at + from + end, kind),
        isArgument,
      );
    }
};

const isArgument = (value: string): boolean =>
  value.length >= 3 && !/^(?:-|\$[({A-Za-z_]\w*\}?$|<|\*+$|\/|%s|\d{1,5}(?::\d{1,5})?$)/.test(value);
