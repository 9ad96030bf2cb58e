/** Secrets of headers, addresses, connection strings, commands, files and wallets. */
import type { Planter } from './planted-values.ts';
import { base64, hex, password, type Random, uuid, word } from './random.ts';

const with_ =
  (make: (r: Random) => string, text: (secret: string, r: Random) => string, ...keeps: string[]): Planter =>
  r => {
    const secret = make(r);
    return [secret, text(secret, r), ...keeps];
  };
const basic = (r: Random) => Buffer.from(`bot:${word(r, 16)}`).toString('base64');
export const access: Readonly<Record<string, Planter>> = {
  bearer: with_(
    r => word(r, 40),
    s => `> Authorization: Bearer ${s}\n> Accept: */*`,
    'Accept: */*',
  ),
  'bearer-dict': with_(
    r => word(r, 40),
    s => `headers={'Authorization': 'Bearer ${s}', 'Accept': 'json'}`,
    "'Accept': 'json'",
  ),
  'bearer-tuple': with_(
    r => word(r, 40),
    s => `[(b'authorization', b'Bearer ${s}'), (b'accept', b'*/*')]`,
    "b'accept'",
  ),
  'bearer-go': with_(
    r => word(r, 40),
    s => `map[Accept:[*/*] Authorization:[Bearer ${s}]]`,
    'Accept:[*/*]',
  ),
  'bearer-log': with_(
    r => word(r, 40),
    s => `request failed authorization="Bearer ${s}" status=401`,
    'status=401',
  ),
  'bearer-node': with_(
    r => word(r, 40),
    s => `_header: 'GET / HTTP/1.1\\r\\nauthorization: Bearer ${s}\\r\\nHost: a\\r\\n'`,
    'Host: a',
  ),
  'bearer-har': with_(
    r => word(r, 40),
    s => `{"name":"Authorization","value":"Bearer ${s}"},{"name":"Host","value":"a"}`,
    '"Host"',
  ),
  'bearer-curl': with_(
    r => word(r, 40),
    s => `curl -H "Authorization: Bearer ${s}" https://a.example.com`,
    'https://a.example.com',
  ),
  'bearer-rack': with_(
    r => word(r, 40),
    s => `"HTTP_AUTHORIZATION"=>"Bearer ${s}", "HTTP_HOST"=>"a"`,
    '"HTTP_HOST"=>"a"',
  ),
  'bearer-encoded': with_(
    r => word(r, 40),
    s => `h=Authorization%3A%20Bearer%20${s}%0D%0A`,
  ),
  basic: with_(basic, s => `Authorization: Basic ${s}`, 'Authorization'),
  'basic-bare': with_(basic, s => `proxy wants Basic ${s} and refuses`, 'and refuses'),
  digest: with_(
    r => hex(r, 32),
    s => `Authorization: Digest username="bob", realm="a", nonce="n", uri="/", response="${s}"`,
    'Digest',
  ),
  'bot-scheme': with_(
    r => `${word(r, 24)}.${word(r, 6)}.${word(r, 28)}`,
    s => `Authorization: Bot ${s}`,
    'Bot',
  ),
  'ssws-scheme': with_(
    r => `00${word(r, 40)}`,
    s => `authorization: SSWS ${s}`,
    'SSWS',
  ),
  'genie-scheme': with_(uuid, s => `Authorization: GenieKey ${s}`, 'GenieKey'),
  'splunk-scheme': with_(uuid, s => `{"Authorization": "Splunk ${s}"}`, 'Splunk'),
  'token-scheme': with_(
    r => hex(r, 40),
    s => `'Authorization': 'Token ${s}'`,
    'Token',
  ),
  'unknown-scheme': with_(
    r => `${word(r, 30)}2`,
    s => `Authorization: Acme-Key ${s}`,
    'Acme-Key',
  ),
  'hawk-scheme': with_(
    r => `${base64(r, 42)}=`,
    s => `Authorization: Hawk id="a", ts="1", nonce="n", mac="${s}"`,
    'Hawk',
  ),
  'oauth-scheme': with_(
    r => word(r, 40),
    s => `Authorization: OAuth oauth_consumer_key="a", oauth_token="${s}"`,
    'OAuth',
  ),
  'aws-header': with_(
    r => hex(r, 64),
    s =>
      `Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260302/eu/s3/aws4_request, SignedHeaders=host, Signature=${s}`,
    'AWS4-HMAC-SHA256',
  ),
  'aws-token-header': with_(
    r => base64(r, 300),
    s => `X-Amz-Security-Token: ${s}\nHost: a`,
    'Host: a',
  ),
  'raw-authorization': with_(
    r => word(r, 32),
    s => `authorization: ${s}`,
    'authorization',
  ),
  'api-key-header': with_(
    r => word(r, 32),
    s => `x-api-key: ${s}\nhost: api`,
    'host: api',
  ),
  'private-token': with_(
    r => word(r, 20),
    s => `PRIVATE-TOKEN: ${s}7\nHost: git`,
    'Host: git',
  ),
  cookie: with_(
    r => word(r, 32),
    s => `Cookie: session=${s}; theme=dark`,
    'Cookie',
  ),
  'set-cookie': with_(
    r => word(r, 32),
    s => `set-cookie: sid=${s}; Path=/; HttpOnly`,
    'set-cookie',
    'Path=/',
  ),
  'cookie-dict': with_(
    r => word(r, 32),
    s => `{'Cookie': 'sessionid=${s}', 'Accept': 'json'}`,
    "'Accept': 'json'",
  ),
  'query-token': with_(
    r => word(r, 24),
    s => `GET /hook?access_token=${s}&page=3 failed`,
    'page=3',
  ),
  'query-key': with_(
    r => word(r, 24),
    s => `url=https://maps.example.com/geo?apikey=${s}&q=rome`,
    'q=rome',
  ),
  'query-bare-key': with_(
    r => `${word(r, 30)}3`,
    s => `https://maps.example.com/geo?q=rome&key=${s}`,
    'q=rome',
  ),
  'query-listen-key': with_(
    r => word(r, 64),
    s => `wss://stream.example.com/ws?listenKey=${s}`,
    'stream.example.com',
  ),
  'query-signature': with_(
    r => hex(r, 64),
    s => `POST /api/v3/order?symbol=BTC&timestamp=17000&signature=${s}`,
    'symbol=BTC',
  ),
  'query-password': with_(password, s => `GET /login?user=bob&password=${s}&next=home`, 'next=home'),
  'query-code': with_(
    r => `${word(r, 40)}7`,
    s => `GET /callback?code=${s}&scope=openid`,
    'scope=openid',
  ),
  'query-fragment': with_(
    r => `${word(r, 40)}7`,
    s => `/done#access_token=${s}&type=x`,
    '/done',
  ),
  'query-html': with_(
    r => word(r, 40),
    s => `href="/a?b=1&amp;token=${s}&amp;c=2"`,
    'c=2',
  ),
  'query-short-token': with_(
    r => `A${word(r, 12)}5x`,
    s => `https://push.example.com/message?token=${s}`,
    'push.example.com',
  ),
  's3-signed': with_(
    r => hex(r, 64),
    s => `GET https://b.s3.example.com/k?X-Amz-Date=20260302&X-Amz-Signature=${s}`,
    'X-Amz-Date=20260302',
  ),
  's3-old-signed': with_(
    r => `${word(r, 26)}%3D`,
    s => `https://b.s3.example.com/k?AWSAccessKeyId=AKIDEXAMPLE&Expires=17&Signature=${s}`,
    'Expires=17',
  ),
  'cloudfront-signed': with_(
    r => `${word(r, 200)}__`,
    s => `https://d1.cloudfront.net/a.mp4?Expires=17&Signature=${s}&Key-Pair-Id=K2`,
    'Expires=17',
  ),
  'gcs-signed': with_(
    r => hex(r, 256),
    s => `https://storage.example.com/b/o?X-Goog-Date=2026&X-Goog-Signature=${s}`,
    'X-Goog-Date=2026',
  ),
  'azure-sas': with_(
    r => `${word(r, 40)}%3D`,
    s => `https://logs.blob.example.net/c?sv=2024&sig=${s}&se=2027`,
    'se=2027',
  ),
  'url-postgres': with_(
    r => word(r, 14),
    s => `could not connect to postgres://app:${s}@db.internal:5432/agents`,
    '@db.internal:5432/agents',
  ),
  'url-slash': with_(
    r => `${word(r, 5)}/${word(r, 5)}`,
    s => `postgresql://app:${s}@db.internal:5432/agents refused`,
    '@db.internal:5432/agents',
  ),
  'url-hash': with_(
    r => `${word(r, 5)}#${word(r, 5)}`,
    s => `mysql://app:${s}@db.internal/agents refused`,
    '@db.internal/agents',
  ),
  'url-at': with_(
    r => `${word(r, 5)}@${word(r, 5)}`,
    s => `mongodb://app:${s}@db.internal:27017/agents`,
    '@db.internal:27017/agents',
  ),
  'url-blank': with_(
    r => `${word(r, 5)} ${word(r, 5)}`,
    s => `amqp://app:${s}@mq.internal:5672/v refused`,
    '@mq.internal:5672/v',
  ),
  'url-redis': with_(
    r => word(r, 14),
    s => `redis://:${s}@cache:6379/0 refused`,
    '@cache:6379/0 refused',
  ),
  'url-mongo': with_(
    r => `${word(r, 8)}%21${word(r, 4)}`,
    s => `mongodb+srv://bot:${s}@c0.example.net/db?retryWrites=true`,
    'retryWrites=true',
  ),
  'url-git': with_(
    r => word(r, 12),
    s => `fatal: unable to access 'https://bot:${s}@git.example.com/x.git/': 403`,
    'git.example.com/x.git',
  ),
  'url-token-user': with_(
    r => `${hex(r, 31)}7`,
    s => `Sentry DSN https://${s}@o1.ingest.example.io/22`,
    '@o1.ingest.example.io/22',
  ),
  'url-encoded': with_(
    r => word(r, 14),
    s => `dsn=postgres%3A%2F%2Fapp%3A${s}%40db%3A5432%2Fx`,
    'postgres',
  ),
  'url-escaped': with_(password, s => `{"dsn":"postgres:\\/\\/app:${s}@db:5432\\/x"}`, '@db:5432'),
  'url-jdbc': with_(password, s => `jdbc:mysql://db:3306/x?user=app&password=${s}&ssl=true`, 'ssl=true'),
  'proxy-bare': with_(password, s => `http_proxy=bob:${s}@proxy.internal:3128`, 'proxy.internal:3128'),
  'go-dsn': with_(password, s => `app:${s}@tcp(db:3306)/agents?parseTime=true`, 'parseTime=true'),
  'trace-arguments': with_(
    password,
    s => `#0 /srv/db.php(12): mysqli_connect('localhost', 'root', '${s}')`,
    '#0',
    'root',
  ),
  'trace-getconnection': with_(
    password,
    s => `at java.sql.DriverManager.getConnection("jdbc:postgresql://db/x", "app", "${s}")`,
    'getConnection',
    'app',
  ),
  'auth-pair': with_(password, s => `requests.get(url, auth=('bob', '${s}'), timeout=5)`, 'timeout=5', 'bob'),
};
