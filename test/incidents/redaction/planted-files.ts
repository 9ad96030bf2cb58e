/** Secrets of connection strings, files, commands and wallets. */
import type { Planter } from './planted-values.ts';
import {
  base58,
  base64,
  bytes,
  hex,
  letters,
  number,
  password,
  type Random,
  seedWords,
  small,
  uuid,
  word,
} from './random.ts';

const with_ =
  (make: (r: Random) => string, text: (secret: string, r: Random) => string, ...keeps: string[]): Planter =>
  r => {
    const secret = make(r);
    return [secret, text(secret, r), ...keeps];
  };
const basic = (r: Random) => Buffer.from(`bot:${word(r, 16)}`).toString('base64');
const pem = (r: Random, lines = 6) => Array.from({ length: lines }, () => base64(r, 64));
const block = (title: string, body: readonly string[]) => [
  `-----BEGIN ${title}-----`,
  ...body,
  `-----END ${title}-----`,
];

export const files: Readonly<Record<string, Planter>> = {
  'jdbc-sqlserver': with_(
    r => `${word(r, 5)} ${word(r, 5)}#1`,
    s => `jdbc:sqlserver://db:1433;user=sa;password=${s};encrypt=true`,
    'encrypt=true',
  ),
  mssql: with_(
    r => `${word(r, 5)}@${word(r, 4)},&x`,
    s => `Server=db1;Database=a;User Id=sa;Password=${s};Encrypt=True`,
    'Encrypt=True',
  ),
  'mssql-pwd': with_(password, s => `"Data Source=db1;UID=sa;PWD=${s}"`, 'UID=sa'),
  odbc: with_(
    r => `${word(r, 5)};${word(r, 5)}`,
    s => `Driver={ODBC};Server=db1;UID=sa;PWD={${s}};`,
    'UID=sa',
  ),
  libpq: with_(password, s => `host=db1 port=5432 user=app password='${s}' dbname=x`, 'dbname=x'),
  oracle: with_(
    r => `${word(r, 7)}3x`,
    s => `sqlplus scott/${s}@//db1:1521/orcl`,
    '@//db1:1521/orcl',
  ),
  'oracle-jdbc': with_(
    r => `${word(r, 7)}3x`,
    s => `jdbc:oracle:thin:scott/${s}@db1:1521:orcl`,
    '@db1:1521:orcl',
  ),
  'oracle-tns': with_(
    r => `${word(r, 7)}3x`,
    s => `ORA-01017: scott/${s}@ORCLPDB1 refused`,
    'ORCLPDB1',
  ),
  pgpass: with_(
    r => `${word(r, 10)}4`,
    s => `db.internal:5432:agents:app:${s}\n*:*:*:app2:stay`,
    'db.internal:5432:agents:app',
  ),
  netrc: with_(password, s => `machine git.example.com login bob password ${s}`, 'login bob'),
  'netrc-lines': with_(password, s => `machine git.example.com\n  login bob\n  password ${s}\n`, 'login bob'),
  'cookie-jar': with_(
    r => word(r, 32),
    s => `.example.com\tTRUE\t/\tTRUE\t1790000000\tsid\t${s}`,
    '.example.com',
  ),
  shadow: with_(
    r => `$6$${word(r, 8)}$${word(r, 86)}`,
    s => `root:${s}:19000:0:99999:7:::`,
    'root:',
  ),
  npmrc: with_(uuid, s => `//registry.example.com/:_authToken=${s}`, 'registry.example.com'),
  'npmrc-auth': with_(basic, s => `_auth=${s}\nalways-auth=true`, 'always-auth=true'),
  'docker-config': with_(basic, s => `{"auths":{"reg.example.com":{"auth":"${s}"}}}`, 'reg.example.com'),
  'mysql-flag': with_(password, s => `+ mysql -u root -p${s} agents`, 'agents'),
  'mysql-argv': with_(password, s => `['mysqldump', '-uroot', '-p${s}', 'agents']`, 'agents'),
  'curl-user': with_(
    r => word(r, 12),
    s => `+ curl -sS -u admin:${s} https://x.example.com`,
    'https://x.example.com',
  ),
  'redis-flag': with_(password, s => `redis-cli -h cache -a ${s} ping`, 'ping'),
  'docker-login': with_(password, s => `docker login -u bob -p ${s} reg.example.com`, 'reg.example.com'),
  'password-stdin': with_(password, s => `echo ${s} | docker login -u bob --password-stdin`, '--password-stdin'),
  sshpass: with_(password, s => `sshpass -p ${s} ssh bob@db1`, 'ssh bob@db1'),
  'openssl-pass': with_(password, s => `openssl rsa -in a.pem -passin pass:${s} -out b.pem`, '-out b.pem'),
  'smb-user': with_(password, s => `smbclient //nas/x -U bob%${s}`, '//nas/x'),
  'ldap-flag': with_(password, s => `ldapsearch -D cn=admin -w ${s} -b dc=a`, '-b dc=a'),
  'zip-flag': with_(password, s => `7z x -p${s} backup.7z`, 'backup.7z'),
  'redis-auth': with_(password, s => `> AUTH ${s}`, 'AUTH'),
  'private-key': with_(
    r => pem(r).join('\n'),
    s => `a\n-----BEGIN PRIVATE KEY-----\n${s}\n-----END PRIVATE KEY-----\nready`,
    'ready',
  ),
  'private-key-prefixed': with_(
    r => base64(r, 64),
    s =>
      block('RSA PRIVATE KEY', [s, s])
        .map(line => `web_1 | ${line}`)
        .join('\n'),
  ),
  'private-key-escaped': with_(
    r => base64(r, 64),
    s => `key: ${block('EC PRIVATE KEY', [s]).join('\\n')} and more`,
    'and more',
  ),
  'private-key-headless': with_(
    (r: Random) => base64(r, 64),
    (s, r) => `${s}\n${base64(r, 64)}\n-----END OPENSSH PRIVATE KEY-----\nstarted`,
    'started',
  ),
  'private-key-endless': with_(
    r => base64(r, 64),
    (s, r) => `-----BEGIN PRIVATE KEY-----\n${s}\n${base64(r, 64)}\nTraceback: it ended here`,
    'Traceback: it ended here',
  ),
  'private-key-one-line': with_(
    r => base64(r, 300),
    s => `KEY="-----BEGIN PRIVATE KEY----- ${s} -----END PRIVATE KEY-----" x`,
    ' x',
  ),
  'private-key-base64': with_(
    r => Buffer.from(block('RSA PRIVATE KEY', pem(r)).join('\n')).toString('base64'),
    s => `key ${s} end`,
    'end',
  ),
  'web-key': with_(
    r => base64(r, 43).replace(/[+/]/g, '_'),
    s => `{"kty":"EC","crv":"P-256","x":"abc","d":"${s}"}`,
    '"crv":"P-256"',
  ),
  'pgp-key': with_(
    r => base64(r, 64),
    s => block('PGP PRIVATE KEY BLOCK', ['', s, '=abcd']).join('\n'),
  ),
  'hex-key': with_(
    r => hex(r, 64),
    s => `loaded private key ${s} for signer 0`,
    'for signer 0',
  ),
  'hex-key-prefixed': with_(
    r => hex(r, 64),
    s => `wallet imported: 0x${s}`,
    'wallet imported',
  ),
  'solana-array': with_(
    r => bytes(r, 64).join(','),
    s => `keypair: [${s}]`,
    'keypair',
  ),
  'solana-array-bare': with_(
    r => bytes(r, 64).join(', '),
    s => `[${s}] refused`,
    'refused',
  ),
  'bytes-32': with_(
    r => bytes(r, 32).join(','),
    s => `secret key = [${s}]`,
    'secret key',
  ),
  'uint8-array': with_(
    r =>
      bytes(r, 64)
        .map((b, i) => `${i % 12 === 0 ? '\n   ' : ''} ${b}`)
        .join(','),
    s => `Uint8Array(64) [${s}\n]`,
    'Uint8Array(64)',
  ),
  'solana-base58': with_(
    r => base58(r, 88),
    s => `SOLANA_PRIVATE_KEY=${s}`,
  ),
  'seed-phrase': with_(
    r => seedWords(r, 12).join(' '),
    s => `restoring wallet from ${s}`,
    'restoring wallet from',
  ),
  'seed-phrase-24': with_(
    r => seedWords(r, 24).join(' '),
    s => `words: ${s}\nok`,
    'ok',
  ),
  'seed-phrase-json': with_(
    r =>
      seedWords(r, 12)
        .map(w => `"${w}"`)
        .join(', '),
    s => `{"words": [${s}], "n": 12}`,
    '"n": 12',
  ),
  'seed-phrase-env': with_(
    r => seedWords(r, 15).join(' '),
    s => `MNEMONIC="${s}"`,
    'MNEMONIC',
  ),
  'seed-phrase-lines': with_(
    r =>
      seedWords(r, 12)
        .map((w, i) => `${i + 1}. ${w}`)
        .join('\n'),
    s => `Write down:\n${s}\ndone`,
    'done',
  ),
  'seed-phrase-commas': with_(
    r => seedWords(r, 12).join(','),
    s => `seed=${s}`,
  ),
  'heartbeat-kuma': with_(
    r => word(r, 10),
    s => `GET https://up.example.com/api/push/${s}3?status=up`,
    'status=up',
  ),
  'opsgenie-query': with_(uuid, s => `https://api.opsgenie.com/v1/json/datadog?apiKey=${s}`, 'api.opsgenie.com'),
  'google-chat-hook': with_(
    r => word(r, 43),
    s => `https://chat.googleapis.com/v1/spaces/AAA/messages?key=AIzaX&token=${s}`,
    'chat.googleapis.com',
  ),
  'twilio-url': with_(
    r => hex(r, 32),
    s => `https://AC0123456789abcdef0123456789abcdef:${s}@api.twilio.com/2010`,
    '@api.twilio.com',
  ),
  'telegram-url': with_(
    r => `${number(r, 10)}:AA${word(r, 33)}`,
    s => `POST https://api.telegram.org/bot${s}/sendMessage`,
    '/sendMessage',
  ),
  'telegram-encoded': with_(
    r => `AA${word(r, 33)}`,
    (s, r) => `u=https%3A%2F%2Fapi.telegram.org%2Fbot${number(r, 10)}%3A${s}%2Fx`,
    'telegram',
  ),
  'gotify-header': with_(
    r => `A${word(r, 13)}9`,
    s => `X-Gotify-Key: ${s}`,
    'X-Gotify-Key',
  ),
  'bcrypt-hash': with_(
    r => `$2b$12$${word(r, 53)}`,
    s => `hash ${s} does not match`,
    'does not match',
  ),
  'ini-uri': with_(
    r => `${small(r, 8)}${letters(r, 3)}`,
    s => `sqlalchemy.url = postgresql+psycopg2://app:${s}@db/agents`,
    '@db/agents',
  ),
};
