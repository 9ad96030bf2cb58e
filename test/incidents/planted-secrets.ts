/** Secrets of many kinds, made up at run time from a seed: none of them stands in this file, none was ever valid. */

export interface Planted {
  readonly kind: string;
  readonly secret: string;
  /** A text with the secret in it. */
  readonly text: string;
  /** Words of the text that must be left. */
  readonly keeps: readonly string[];
}

export type Random = () => number;

/** A small generator (mulberry32), so that a failure can be repeated. */
export const seeded = (seed: number): Random => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
};

const lower = 'abcdefghijklmnopqrstuvwxyz';
const upper = lower.toUpperCase();
const digits = '0123456789';
const from = (letters: string) => (random: Random, length: number) =>
  Array.from({ length }, () => letters[Math.floor(random() * letters.length)]).join('');
const word = from(lower + upper + digits);
const hex = from(`${digits}abcdef`);
const capitals = from(upper + digits);
const small = from(lower + digits);
const base64 = from(`${lower}${upper}${digits}+/`);
const number = from('123456789');

type Maker = (random: Random) => string;

/** Keys that show by their form what they are: to be found wherever they stand. */
export const formed: Readonly<Record<string, Maker>> = {
  anthropic: r => `sk-ant-api03-${word(r, 40)}-${word(r, 20)}AA`,
  openai: r => `sk-${word(r, 48)}`,
  'openai-project': r => `sk-proj-${word(r, 40)}_${word(r, 20)}`,
  openrouter: r => `sk-or-v1-${hex(r, 64)}`,
  'github-classic': r => `ghp_${word(r, 36)}`,
  'github-oauth': r => `gho_${word(r, 36)}`,
  'github-app': r => `ghs_${word(r, 36)}`,
  'github-fine': r => `github_pat_${word(r, 22)}_${word(r, 59)}`,
  gitlab: r => `glpat-${word(r, 20)}`,
  'aws-id': r => `AKIA${capitals(r, 16)}`,
  'aws-temporary': r => `ASIA${capitals(r, 16)}`,
  google: r => `AIza${word(r, 35)}`,
  'google-oauth': r => `ya29.${word(r, 60)}`,
  'google-client': r => `GOCSPX-${word(r, 28)}`,
  'slack-bot': r => `xoxb-${number(r, 12)}-${number(r, 12)}-${word(r, 24)}`,
  'slack-user': r => `xoxp-${number(r, 11)}-${number(r, 11)}-${hex(r, 32)}`,
  'slack-app': r => `xapp-1-A${capitals(r, 10)}-${number(r, 12)}-${hex(r, 40)}`,
  'slack-hook': r => `https://hooks.slack.com/services/T${capitals(r, 8)}/B${capitals(r, 8)}/${word(r, 24)}`,
  'discord-hook': r => `https://discord.com/api/webhooks/${number(r, 18)}/${word(r, 68)}`,
  'discord-bot': r => `M${word(r, 25)}.${word(r, 6)}.${word(r, 38)}`,
  telegram: r => `${number(r, 10)}:AA${word(r, 33)}`,
  'stripe-secret': r => `sk_${'live'}_${word(r, 24)}`,
  'stripe-restricted': r => `rk_${'live'}_${word(r, 24)}`,
  npm: r => `npm_${word(r, 36)}`,
  pypi: r => `pypi-AgEIcHlwaS5vcmc${word(r, 60)}`,
  huggingface: r => `hf_${word(r, 34)}`,
  sendgrid: r => `SG.${word(r, 22)}.${word(r, 43)}`,
  twilio: r => `SK${hex(r, 32)}`,
  mailgun: r => `key-${hex(r, 32)}`,
  mailchimp: r => `${hex(r, 32)}-us14`,
  digitalocean: r => `dop_v1_${hex(r, 64)}`,
  shopify: r => `shpat_${hex(r, 32)}`,
  databricks: r => `dapi${hex(r, 32)}`,
  groq: r => `gsk_${word(r, 52)}`,
  xai: r => `xai-${word(r, 80)}`,
  replicate: r => `r8_${word(r, 37)}`,
  perplexity: r => `pplx-${word(r, 48)}`,
  langsmith: r => `lsv2_pt_${hex(r, 32)}_${hex(r, 10)}`,
  tavily: r => `tvly-${word(r, 32)}`,
  nvidia: r => `nvapi-${word(r, 64)}`,
  supabase: r => `sbp_${hex(r, 40)}`,
  linear: r => `lin_api_${word(r, 40)}`,
  notion: r => `ntn_${word(r, 46)}`,
  figma: r => `figd_${word(r, 40)}`,
  atlassian: r => `ATATT3x${word(r, 60)}`,
  'new-relic': r => `NRAK-${capitals(r, 27)}`,
  grafana: r => `glsa_${word(r, 32)}_${hex(r, 8)}`,
  sentry: r => `sntrys_${word(r, 60)}`,
  vault: r => `hvs.${word(r, 90)}`,
  docker: r => `dckr_pat_${word(r, 27)}`,
  postman: r => `PMAK-${hex(r, 24)}-${hex(r, 34)}`,
  rubygems: r => `rubygems_${hex(r, 48)}`,
  age: r => `AGE-SECRET-KEY-1${capitals(r, 58)}`,
  jwt: r => `eyJ${word(r, 30)}.eyJ${word(r, 60)}.${word(r, 43)}`,
  heartbeat: r => `https://hc-ping.com/${hex(r, 8)}-${hex(r, 4)}-${hex(r, 4)}-${hex(r, 4)}-${hex(r, 12)}`,
};

/** Where a formed key may stand. */
export const places: readonly ((secret: string) => string)[] = [
  secret => `2026-03-02 10:00:01 ERROR could not call the service with ${secret}, giving up`,
  secret => `{"level":"error","config":{"value":"${secret}","retries":3}}`,
  secret => `requests.exceptions.HTTPError: 401 for url: https://api.example.com/v1?x=${secret}&page=2`,
  secret => `    client = Client('${secret}', timeout=30)`,
];

/** Secrets that only their surroundings give away. */
export const surrounded: Readonly<Record<string, (random: Random) => Omit<Planted, 'kind'>>> = {
  'env-password': r => plant(word(r, 12), s => `DB_PASSWORD=${s}\nDB_PORT=5432`, ['DB_PORT=5432']),
  'password-word': r =>
    plant(small(r, 9), s => `login failed for user=bob password=${s} host=db1`, ['user=bob', 'host=db1']),
  'yaml-password': r => plant(`${word(r, 10)}!1`, s => `database:\n  host: db1\n  password: ${s}\n`, ['host: db1']),
  'json-secret': r => plant(word(r, 20), s => `{"client_secret": "${s}", "scope": "read"}`, ['"scope": "read"']),
  'python-dict': r => plant(word(r, 20), s => `{'api_key': '${s}', 'model': 'gpt'}`, ["'model': 'gpt'"]),
  'escaped-json': r => plant(word(r, 20), s => `body: "{\\"password\\":\\"${s}\\",\\"user\\":\\"ann\\"}"`, ['ann']),
  'python-call': r =>
    plant(`${word(r, 8)}#${word(r, 6)}`, s => `connect(user='app', passwd='${s}', db='x')`, ["db='x'"]),
  'query-token': r => plant(word(r, 24), s => `GET /hook?access_token=${s}&page=3 failed`, ['page=3']),
  'query-key': r => plant(word(r, 24), s => `url=https://maps.example.com/geo?apikey=${s}&q=rome`, ['q=rome']),
  bearer: r => plant(word(r, 40), s => `> Authorization: Bearer ${s}\n> Accept: */*`, ['Accept: */*']),
  'bearer-dict': r =>
    plant(word(r, 40), s => `headers={'Authorization': 'Bearer ${s}', 'Accept': 'json'}`, ["'Accept': 'json'"]),
  basic: r => plant(`${base64(r, 22)}3Q==`, s => `Authorization: Basic ${s}`, ['Authorization']),
  'authorization-raw': r => plant(word(r, 32), s => `authorization: ${s}`, ['authorization']),
  'api-key-header': r => plant(word(r, 32), s => `x-api-key: ${s}\nhost: api`, ['host: api']),
  cookie: r => plant(word(r, 32), s => `Cookie: session=${s}; theme=dark`, ['Cookie']),
  'set-cookie': r => plant(word(r, 32), s => `set-cookie: sid=${s}; Path=/; HttpOnly`, ['set-cookie']),
  'url-postgres': r =>
    plant(word(r, 14), s => `could not connect to postgres://app:${s}@db.internal:5432/agents`, [
      '@db.internal:5432/agents',
    ]),
  'url-redis': r => plant(word(r, 14), s => `redis://:${s}@cache:6379/0 refused`, ['@cache:6379/0 refused']),
  'url-mongo': r =>
    plant(`${word(r, 8)}%21${word(r, 4)}`, s => `mongodb+srv://bot:${s}@c0.example.net/db?retryWrites=true`, [
      'retryWrites=true',
    ]),
  'url-amqp': r => plant(word(r, 12), s => `amqp://worker:${s}@mq:5672//`, ['@mq:5672']),
  'url-http': r =>
    plant(word(r, 12), s => `fatal: unable to access 'https://bot:${s}@git.example.com/x.git/': 403`, [
      'git.example.com/x.git',
    ]),
  'url-token': r =>
    plant(`${hex(r, 31)}7`, s => `Sentry DSN https://${s}@o1.ingest.example.io/22`, ['@o1.ingest.example.io/22']),
  'azure-storage': r =>
    plant(
      `${base64(r, 84)}==`,
      s => `DefaultEndpointsProtocol=https;AccountName=logs;AccountKey=${s};EndpointSuffix=core`,
      ['AccountName=logs', 'EndpointSuffix'],
    ),
  'azure-sas': r =>
    plant(`${word(r, 40)}%3D`, s => `https://logs.blob.example.net/c?sv=2024&sig=${s}&se=2027`, ['se=2027']),
  'aws-secret': r => plant(base64(r, 40), s => `AWS_SECRET_ACCESS_KEY=${s}`, ['AWS_SECRET_ACCESS_KEY']),
  'aws-signed': r =>
    plant(hex(r, 64), s => `GET https://b.s3.example.com/k?X-Amz-Date=20260302&X-Amz-Signature=${s}`, [
      'X-Amz-Date=20260302',
    ]),
  'random-variable': r => plant(`aB3${word(r, 30)}`, s => `FERNET=${s}\nMODE=prod`, ['MODE=prod']),
  'private-key': r =>
    plant(base64(r, 64), s => `-----BEGIN PRIVATE KEY-----\n${s}\n${base64(r, 40)}\n-----END PRIVATE KEY-----\nready`, [
      'ready',
    ]),
  'private-key-rsa': r =>
    plant(
      base64(r, 64),
      s => `web_1 | -----BEGIN RSA PRIVATE KEY-----\nweb_1 | ${s}\nweb_1 | -----END RSA PRIVATE KEY-----`,
      [],
    ),
  'private-key-json': r =>
    plant(
      base64(r, 64),
      s => `{"private_key": "-----BEGIN PRIVATE KEY-----\\n${s}\\n-----END PRIVATE KEY-----\\n", "id": 7}`,
      ['"id": 7'],
    ),
  'private-key-cut': r =>
    plant(base64(r, 64), s => `${s}\n${base64(r, 64)}\n-----END OPENSSH PRIVATE KEY-----\nstarted`, ['started']),
  'curl-user': r =>
    plant(word(r, 12), s => `+ curl -sS -u admin:${s} https://x.example.com`, ['https://x.example.com']),
  pgpassword: r => plant(word(r, 10), s => `+ PGPASSWORD=${s} psql -h db`, ['psql -h db']),
  'secret-colon': r => plant(`${word(r, 19)}7`, s => `Backend webhook secret: ${s}`, ['Backend']),
  'go-struct': r => plant(word(r, 16), s => `{Host:db1 Password:${s} Port:5432}`, ['Host:db1', 'Port:5432']),
  'ruby-hash': r => plant(word(r, 16), s => `{:user=>"app", :password=>"${s}"}`, [':user=>"app"']),
};

const plant = (secret: string, text: (secret: string) => string, keeps: readonly string[]): Omit<Planted, 'kind'> => ({
  secret,
  text: text(secret),
  keeps,
});

/** Values of variables, in the spellings in which programs print them. */
export const exactSpellings = (secret: string): readonly string[] => [
  `the answer to ${secret} was 403`,
  `url=https://x.example.com/${encodeURIComponent(secret)}/y`,
  JSON.stringify({ note: secret }),
  `b64 ${Buffer.from(secret).toString('base64')}`,
];

/** Everything: at least 200 secrets of at least 40 kinds. */
export const plantedSecrets = (seed: number): Planted[] => {
  const random = seeded(seed);
  const byForm = Object.entries(formed).flatMap(([kind, make]) =>
    places.map((place): Planted => {
      const secret = make(random);
      return { kind, secret: tellingPart(kind, secret), text: place(secret), keeps: [] };
    }),
  );
  const byPlace = Object.entries(surrounded).flatMap(([kind, make]) =>
    [1, 2, 3].map(() => ({ kind, ...make(random) })),
  );
  return [...byForm, ...byPlace];
};

/** Of a URL that is a secret, host and path may stay: it is its end that must not. */
const tellingPart = (kind: string, secret: string): string =>
  /hook|heartbeat/.test(kind) ? secret.slice(secret.lastIndexOf('/') + 1) : secret;
