/** Secrets that only a name beside them gives away, in the forms in which languages, files and tools print names and values. */
import { base64, hex, key, letters, number, password, type Random, small, uuid, word } from './random.ts';

/** The secret, a text with it, and words of the text that must stay. */
export type Planted = readonly [secret: string, text: string, ...keeps: string[]];
export type Planter = (random: Random) => Planted;

const with_ =
  (make: (r: Random) => string, text: (secret: string, r: Random) => string, ...keeps: string[]): Planter =>
  r => {
    const secret = make(r);
    return [secret, text(secret, r), ...keeps];
  };

export const valuesByName: Readonly<Record<string, Planter>> = {
  'env-password': with_(
    r => word(r, 12),
    s => `DB_PASSWORD=${s}\nDB_PORT=5432`,
    'DB_PORT=5432',
  ),
  'env-short-name': with_(password, s => `DB_PW=${s}\nHOME=/root`, 'HOME=/root'),
  'env-pat': with_(key, s => `GITLAB_PAT=${s}\nLANG=C`, 'LANG=C'),
  'env-owner-last': with_(
    r => `${word(r, 28)}3Zq`,
    s => `API_KEY_OPENAI=${s}\nMODE=prod`,
    'MODE=prod',
  ),
  'env-key': with_(
    r => `${word(r, 30)}8Kd`,
    s => `BROKER_KEY=${s}\nREGION=eu`,
    'REGION=eu',
  ),
  'env-hex-key': with_(
    r => hex(r, 64),
    s => `TREASURY_KEY=0x${s}\nCHAIN=1`,
    'CHAIN=1',
  ),
  'env-auth': with_(
    r => `${base64(r, 38)}==`,
    s => `NPM_AUTH=${s}\nUSER=bot`,
    'USER=bot',
  ),
  'env-numbered': with_(key, s => `OPENAI_API_KEY_2=${s}`),
  'env-glued': with_(password, s => `+ PGPASSWORD=${s} psql -h db`, 'psql -h db'),
  'env-export': with_(key, s => `export SECRET_KEY_BASE="${s}"`, 'export'),
  'env-json': with_(key, s => `"Env": ["PATH=/usr/bin", "API_KEY=${s}", "LANG=C"]`, 'PATH=/usr/bin', 'LANG=C'),
  'env-special': with_(
    r => `${word(r, 5)}&;${word(r, 4)},)${number(r, 2)}`,
    s => `SMTP_PASSWORD=${s}\nSMTP_PORT=25`,
    'SMTP_PORT=25',
  ),
  'env-dollar': with_(
    r => `$${letters(r, 5)}Pa5${word(r, 5)}`,
    s => `ADMIN_PASSWORD=${s}\nA=b`,
  ),
  'env-words': with_(
    () => 'correct horse battery staple',
    s => `HOST=db\nVAULT_PASSPHRASE=${s}\nPORT=1`,
    'PORT=1',
  ),
  'env-systemd': with_(key, s => `Environment="STRIPE_SECRET=${s}" "LANG=C"`, 'LANG=C'),
  'env-docker-arg': with_(key, s => `docker run -e API_TOKEN=${s} -e MODE=prod bot:1.2`, 'MODE=prod bot:1.2'),
  'env-dockerfile': with_(key, s => `Step 4/9 : ENV API_TOKEN ${s}`, 'Step 4/9'),
  'env-fish': with_(key, s => `set -gx GITHUB_TOKEN ${s}`, 'set -gx'),
  'env-powershell': with_(key, s => `$env:API_KEY = "${s}"`, '$env:'),
  'env-windows': with_(key, s => `set API_KEY=${s}\r\nset MODE=1`, 'MODE=1'),
  'env-random': with_(
    r => `aB3${word(r, 30)}`,
    s => `FERNET=${s}\nMODE=prod`,
    'MODE=prod',
  ),
  'log-word': with_(
    r => small(r, 9),
    s => `login failed for user=bob password=${s} host=db1`,
    'user=bob',
    'host=db1',
  ),
  'log-plain-word': with_(
    r => letters(r, 9),
    s => `connect user=bob password=${s} host=db1`,
    'user=bob',
    'host=db1',
  ),
  'log-colon': with_(
    r => `${word(r, 19)}7`,
    s => `Backend webhook secret: ${s}`,
    'Backend',
  ),
  'log-named': with_(key, s => `INFO using API key: ${s} for model gpt-4o`, 'model gpt-4o'),
  'log-is': with_(password, s => `the password is ${s}`, 'the password is'),
  'log-blank': with_(
    r => `${word(r, 24)}7Q`,
    s => `401: token ${s} is expired`,
    'is expired',
  ),
  'log-quoted': with_(password, s => `could not log in with password '${s}' at db1`, 'at db1'),
  'log-arrow': with_(key, s => `api_key -> ${s}`, 'api_key'),
  'log-client-secret': with_(
    r => `${word(r, 20)}1x`,
    s => `client_secret=${s}, scope=read`,
    'scope=read',
  ),
  'log-otp': with_(
    r => number(r, 6),
    s => `verification with otp="${s}" failed`,
    'failed',
  ),
  'log-pin': with_(
    r => `${number(r, 8)}`,
    s => `{"password": ${s}, "user": "ann"}`,
    '"ann"',
  ),
  'log-hmac': with_(
    r => hex(r, 64),
    s => `bad X-Hub-Signature: ${s}`,
    'bad',
  ),
  'log-session-token': with_(key, s => `session_token=${s} user=bob`, 'user=bob'),
  'log-refresh': with_(key, s => `refreshToken: ${s}`, 'refreshToken'),
  'log-csrf': with_(
    r => `${word(r, 40)}9a`,
    s => `csrfmiddlewaretoken=${s}&name=bob`,
    'name=bob',
  ),
  'log-long': with_(
    r => `${word(r, 1500)}9`,
    s => `API_TOKEN=${s} end`,
    'end',
  ),
  'log-long-quoted': with_(
    r => `${base64(r, 2600)}9`,
    s => `{"access_token": "${s}", "expires_in": 3600}`,
    '"expires_in": 3600',
  ),
  'log-german': with_(password, s => `Passwort: ${s}`, 'Passwort'),
  'yaml-password': with_(
    r => `${word(r, 10)}!1`,
    s => `database:\n  host: db1\n  password: ${s}\n`,
    'host: db1',
  ),
  'yaml-quoted': with_(key, s => `api:\n  token: '${s}'\n  url: https://x.example.com`, 'https://x.example.com'),
  'yaml-words': with_(
    () => 'Tr0ub4dor and three horses',
    s => `db:\n  password: ${s}\n  port: 1`,
    'port: 1',
  ),
  'yaml-next-line': with_(
    r => `${word(r, 30)}5r`,
    s => `api_key:\n    ${s}\nmode: on`,
    'mode: on',
  ),
  'yaml-block': with_(
    r => `${word(r, 38)}5r`,
    s => `secret_token: |\n  ${s}\nmode: on`,
    'mode: on',
  ),
  'yaml-kubernetes': with_(
    key,
    s => `- name: API_KEY\n  value: ${s}\n- name: MODE\n  value: prod`,
    'name: MODE',
    'value: prod',
  ),
  'yaml-kubeconfig': with_(
    r => `LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQp${base64(r, 300)}`,
    s => `client-key-data: ${s}\nuser: a`,
    'user: a',
  ),
  'toml-key': with_(key, s => `[auth]\nprivate_key = "${s}"\nport = 1`, 'port = 1'),
  'ini-password': with_(password, s => `[mail]\nsmtp_user = bob\nsmtp_pass = ${s}`, 'smtp_user = bob'),
  'properties-dotted': with_(password, s => `spring.datasource.password=${s}\nserver.port=80`, 'server.port=80'),
  'java-property': with_(password, s => `java -Ddb.password=${s} -jar app.jar`, '-jar app.jar'),
  'json-secret': with_(
    r => word(r, 20),
    s => `{"client_secret": "${s}", "scope": "read"}`,
    '"scope": "read"',
  ),
  'json-camel': with_(key, s => `{"apiKey":"${s}","model":"gpt"}`, '"model":"gpt"'),
  'json-listen-key': with_(
    r => word(r, 64),
    s => `{"listenKey": "${s}"}`,
    'listenKey',
  ),
  'json-escaped': with_(
    r => word(r, 20),
    s => `body: "{\\"password\\":\\"${s}\\",\\"user\\":\\"ann\\"}"`,
    'ann',
  ),
  'json-twice-escaped': with_(
    key,
    s => JSON.stringify({ m: JSON.stringify({ b: JSON.stringify({ apiKey: s, x: 'stay' }) }) }),
    'stay',
  ),
  'json-name-value': with_(
    key,
    s => `{"name": "API_TOKEN", "value": "${s}"}, {"name": "MODE", "value": "prod"}`,
    '"MODE"',
    'prod',
  ),
  'json-unicode-quote': with_(key, s => `{\\u0022api_key\\u0022:\\u0022${s}\\u0022,\\u0022a\\u0022:1}`),
  'json-html': with_(key, s => `{&quot;api_key&quot;:&quot;${s}&quot;,&quot;n&quot;:&quot;stay&quot;}`, 'stay'),
  'json-license': with_(
    r => uuid(r),
    s => `{"license_key": "${s}", "seats": 3}`,
    '"seats": 3',
  ),
  'json-code': with_(
    r => `${word(r, 40)}7`,
    s => `{"authorization_code":"${s}"}`,
  ),
  'json-service-account': with_(
    r => base64(r, 64),
    s => `{"private_key": "-----BEGIN PRIVATE KEY-----\\n${s}\\n-----END PRIVATE KEY-----\\n", "id": 7}`,
    '"id": 7',
  ),
  'encoded-form': with_(password, s => `body=user%3Dbob%26password%3D${s}%26page%3D3`, 'bob', 'page%3D3'),
  'encoded-json': with_(
    r => `${word(r, 30)}7`,
    s => `q=%7B%22api_key%22%3A%22${s}%22%2C%22n%22%3A1%7D`,
    '%22n%22%3A1',
  ),
  'python-dict': with_(
    r => word(r, 20),
    s => `{'api_key': '${s}', 'model': 'gpt'}`,
    "'model': 'gpt'",
  ),
  'python-call': with_(
    r => `${word(r, 8)}#${word(r, 6)}`,
    s => `connect(user='app', passwd='${s}', db='x')`,
    "db='x'",
  ),
  'python-bytes': with_(key, s => `{b'x-api-key': b'${s}', b'host': b'a'}`, "b'host': b'a'"),
  'python-namespace': with_(key, s => `Namespace(api_key='${s}', model='gpt-4o', n=3)`, "model='gpt-4o', n=3"),
  'python-dataclass': with_(password, s => `Settings(host='db1', db_password='${s}', port=5432)`, 'port=5432'),
  'python-tuple': with_(key, s => `[('x-api-key', '${s}'), ('accept', '*/*')]`, "('accept', '*/*')"),
  'python-argv': with_(key, s => `['bot.py', '--api-key', '${s}', '--verbose']`, '--verbose'),
  'python-environ': with_(
    key,
    s => `environ({'LANG': 'C', 'OPENAI_API_KEY': '${s}', 'HOME': '/root'})`,
    "'HOME': '/root'",
  ),
  'go-struct': with_(
    r => word(r, 16),
    s => `{Host:db1 Password:${s} Port:5432}`,
    'Host:db1',
    'Port:5432',
  ),
  'go-quoted-struct': with_(password, s => `config.DB{Host:"db1", Password:"${s}", Port:5432}`, 'Port:5432'),
  'go-map': with_(key, s => `map[Accept:[*/*] X-Api-Key:[${s}]]`, 'Accept:[*/*]'),
  'go-header': with_(key, s => `http.Header{"X-Api-Key":[]string{"${s}"}, "Accept":[]string{"*/*"}}`, '"Accept"'),
  'ruby-hash': with_(
    r => word(r, 16),
    s => `{:user=>"app", :password=>"${s}"}`,
    ':user=>"app"',
  ),
  'ruby-new-hash': with_(password, s => `{user: "app", password: "${s}"}`, 'user: "app"'),
  'php-array': with_(password, s => `Array\n(\n    [user] => app\n    [password] => ${s}\n)`, '[user] => app'),
  'php-dump': with_(password, s => `array(2) {\n  ["password"]=>\n  string(${s.length}) "${s}"\n}`, 'array(2)'),
  'rust-debug': with_(key, s => `Config { host: "db1", api_key: Some("${s}"), port: 1 }`, 'port: 1'),
  'java-tostring': with_(password, s => `User{name=bob, password=${s}, age=3}`, 'name=bob', 'age=3'),
  'java-headers': with_(key, s => `{X-Api-Key=[${s}], Accept=[*/*]}`, 'Accept=[*/*]'),
  'elixir-map': with_(password, s => `%{user: "app", password: "${s}"}`, 'user: "app"'),
  'erlang-tuple': with_(password, s => `[{user,"app"},{password,"${s}"}]`, '{user,"app"}'),
  'node-inspect': with_(key, s => `{\n  host: 'db1',\n  apiKey: '${s}',\n  port: 1\n}`, 'port: 1'),
  'node-raw-headers': with_(key, s => `rawHeaders: [ 'Host', 'db1', 'X-Api-Key', '${s}' ]`, "'Host', 'db1'"),
  'csharp-record': with_(password, s => `Login { User = bob, Password = ${s} }`, 'User = bob'),
  'clojure-map': with_(password, s => `{:user "app" :password "${s}"}`, ':user "app"'),
};
