/** Secrets beside a name in XML, tables, flags, files of settings, and split in pieces. */
import type { Planter } from './planted-values.ts';
import { base64, capitals, hex, key, password, pick, type Random, word } from './random.ts';

const with_ =
  (make: (r: Random) => string, text: (secret: string, r: Random) => string, ...keeps: string[]): Planter =>
  r => {
    const secret = make(r);
    return [secret, text(secret, r), ...keeps];
  };

export const shapes: Readonly<Record<string, Planter>> = {
  'xml-element': with_(password, s => `<Server><User>bob</User><Password>${s}</Password></Server>`, '<User>bob</User>'),
  'xml-namespace': with_(password, s => `<wsse:Password Type="PasswordText">${s}</wsse:Password>`, 'wsse:Password'),
  'xml-api-key': with_(key, s => `<ApiKey>${s}</ApiKey><Mode>on</Mode>`, '<Mode>on</Mode>'),
  'xml-attribute': with_(password, s => `<datasource user="bob" password="${s}"/>`, 'user="bob"'),
  'xml-add': with_(key, s => `<add key="ApiKey" value="${s}" />`, '<add key="ApiKey"'),
  'xml-escaped': with_(password, s => `&lt;password&gt;${s}&lt;/password&gt;&lt;a/&gt;`, '&lt;a/&gt;'),
  'xml-cdata': with_(key, s => `<token><![CDATA[${s}]]></token>`, '</token>'),
  'xml-plist': with_(
    key,
    s => `<key>API_TOKEN</key>\n<string>${s}</string>\n<key>MODE</key><string>on</string>`,
    '<string>on</string>',
  ),
  'xml-maven': with_(
    password,
    s => `<server>\n  <username>ci</username>\n  <password>${s}</password>\n</server>`,
    'ci',
  ),
  'table-columns': with_(key, s => `host       db1\napi_key    ${s}\nmode       on`, 'mode       on', 'db1'),
  'table-tabs': with_(key, s => `host\tdb1\napi_key\t${s}\nmode\ton`, 'mode\ton'),
  'table-pipes': with_(key, s => `| host | db1 |\n| api_key | ${s} |\n| mode | on |`, '| mode | on |'),
  'table-drawn': with_(key, s => `│ host    │ db1 │\n│ api_key │ ${s} │`, 'db1'),
  'table-password': with_(password, s => `user        bob\npassword    ${s}`, 'bob'),
  'table-leader': with_(key, s => `api key ......... ${s}`, 'api key'),
  'table-header': with_(
    key,
    (s, r) => `NAME     TOKEN                                         AGE\nbot      ${s}  3d\napi      ${key(r)}  4d`,
    'NAME',
    '3d',
  ),
  'table-csv': with_(password, s => `name,password,role\nbob,${s},admin`, 'bob', 'admin'),
  'table-markdown': with_(key, s => `| name | api_key |\n|------|---------|\n| bot | ${s} |`, '| bot |'),
  'markdown-bold': with_(key, s => `**API key:** \`${s}\` (production)`, '(production)'),
  'flag-blank': with_(key, s => `usage: bot --api-key ${s} --verbose`, '--verbose'),
  'flag-equals': with_(password, s => `+ bot --db-password=${s} --verbose`, '--verbose'),
  'flag-single': with_(key, s => `bot -token ${s} -v`, ' -v'),
  'flag-quoted': with_(password, s => `bot --password "${s}" --port 80`, '--port 80'),
  'name-blank': with_(key, s => `Private key: ${s}`, 'Private key'),
  'name-camel': with_(key, s => `botToken=${s} n=1`, 'n=1'),
  'name-suffix': with_(key, s => `stripe_secret_live: ${s}`, 'stripe_secret_live'),
  'value-after-name': with_(
    r => `${word(r, 34)}6v`,
    s => `Your API key:\n    ${s}\n\nKeep it.`,
    'Keep it.',
  ),
  'aws-secret': with_(
    r => base64(r, 40),
    s => `AWS_SECRET_ACCESS_KEY=${s}`,
    'AWS_SECRET_ACCESS_KEY',
  ),
  'aws-file': with_(
    r => base64(r, 40),
    s => `[default]\naws_secret_access_key = ${s}\nregion = eu-west-1`,
    'region = eu-west-1',
  ),
  'aws-session': with_(
    r => `${base64(r, 300)}==`,
    s => `aws_session_token=${s}`,
  ),
  'azure-storage': with_(
    r => `${base64(r, 84)}==`,
    s => `DefaultEndpointsProtocol=https;AccountName=logs;AccountKey=${s};EndpointSuffix=core`,
    'AccountName=logs',
    'EndpointSuffix',
  ),
  'wireguard-key': with_(
    r => `${base64(r, 43)}=`,
    s => `[Interface]\nPrivateKey = ${s}\nAddress = 10.0.0.1/24`,
    'Address = 10.0.0.1/24',
  ),
  'wifi-psk': with_(password, s => `network={\n  ssid="home"\n  psk="${s}"\n}`, 'ssid="home"'),
  'twilio-token': with_(
    r => hex(r, 32),
    s => `TWILIO_AUTH_TOKEN=${s}`,
  ),
  'pagerduty-key': with_(
    r => hex(r, 32),
    s => `{"routing_key":"${s}","event_action":"trigger"}`,
    'trigger',
  ),
  'datadog-key': with_(
    r => hex(r, 32),
    s => `DD-API-KEY: ${s}\r\nhost: a`,
    'host: a',
  ),
  'okta-serial': with_(
    r => `${capitals(r, 5)}-${capitals(r, 5)}-${capitals(r, 5)}-${capitals(r, 5)}`,
    s => `LICENSE_KEY=${s}`,
  ),
  'postgres-sql': with_(password, s => `ERROR in: ALTER ROLE bot WITH PASSWORD '${s}';`, 'ALTER ROLE bot'),
  'mysql-sql': with_(password, s => `CREATE USER 'bot'@'%' IDENTIFIED BY '${s}'`, "'bot'@'%'"),
  'redis-config': with_(password, s => `requirepass ${s}\nport 6379`, 'port 6379'),
  'control-split': with_(key, s => `password=\u001b[1m${s.slice(0, 5)}\u001b[0m${s.slice(5)} end`, 'end'),
  'line-split': with_(
    r => `${word(r, 70)}5`,
    s => `API_KEY=${s.slice(0, 40)}\n${s.slice(40)}\nready`,
    'ready',
  ),
  'line-split-shell': with_(
    r => `${word(r, 70)}5`,
    s => `bot --api-key=${s.slice(0, 40)}\\\n  ${s.slice(40)}\nready`,
    'ready',
  ),
  'line-split-token': with_(
    r => `ghp_${word(r, 36)}`,
    s => `cloning with ${s.slice(0, 26)}\n${s.slice(26)}\nready`,
    'ready',
  ),
  'line-split-python': with_(
    r => `${word(r, 60)}5`,
    s => `token = ("${s.slice(0, 30)}"\n         "${s.slice(30)}")`,
    'token',
  ),
  'pick-any-name': r => {
    const name = pick(r, [
      'ADMIN_PASS',
      'root_password',
      'xAccessToken',
      'SIGNING_SECRET',
      'webhook-secret',
      'ENCRYPTION_KEY',
      'auth.secret',
      'MASTER_KEY',
      'gh_token',
      'HOOK_TOKEN',
    ]);
    const secret = `${word(r, 26)}9w`;
    return [secret, `${name}${pick(r, ['=', ': ', ' = ', '="', "='"])}${secret}`];
  },
};
