import type { Rule } from '../rule.ts';

/** Answers of servers: too many requests (whatever the number says), no entry, their own fault. */
export const rateRules: readonly Rule[] = [
  {
    id: 'http.rate-limit',
    category: 'rate-limited',
    pattern:
      /Too ?Many ?Requests|RateLimit(?:Error|Exceeded|Exception|ed)?\b|rate[ _-]?limit(?:ed|ing|s)?\b(?! ?(?:ok|remaining|reset))|Rate exceeded|Throttl(?:ed|ing)(?:Exception)?\b|FloodWait|Flood (?:control|wait)|SlowDown\b|toomanyrequests|request weight|retry after \d+|(?:HTTP|status|code|error|returned|response)\W{0,8}(?:status |code )?\W{0,4}429\b|\b429 (?:Client Error|Too|-)|RESOURCE_EXHAUSTED(?!: (?:Out of|OOM))|ResourceExhausted|Resource has been exhausted|quota (?:exceeded|limit|exhausted)|exceeded (?:your |the |its )?(?:\w+ )?(?:request |API |daily |rate )?(?:quota|rate limit)|quotaExceeded|too many (?:attempts|tries|login attempts|API calls)|requests per (?:minute|second|day)/i,
    example:
      'requests.exceptions.HTTPError: 429 Client Error: Too Many Requests for url: https://api.example.com/v2/items',
    weight: 0.35,
    check:
      'Check how often this calls {host|that service}: honour Retry-After, lower the rate, and share one limiter between the workers.',
  },
];

export const authRules: readonly Rule[] = [
  {
    id: 'auth.database',
    category: 'auth-failed',
    pattern:
      /password authentication failed|Access denied for user|no pg_hba\.conf entry|Login failed for user|\bNOAUTH\b|\bWRONGPASS\b|NOPERM|bad auth\b|SCRAM|SASL authentication|authentication failed against database|Peer authentication failed|Ident authentication failed|ORA-01017|no password supplied|MongoServerError: Authentication|AUTH failed|invalid username-password pair/i,
    example:
      'psycopg2.OperationalError: connection to server at "db" (10.1.0.4), port 5432 failed: FATAL:  password authentication failed for user "app"',
    weight: 0.4,
    check:
      "Check user and password of the database ({host|see the line}) in the configuration of the service against the server's.",
  },
  {
    id: 'auth.key',
    category: 'auth-failed',
    pattern:
      /invalid_api_key|Incorrect API key|invalid (?:x-)?api[- _]?key|API[- _]?key (?:is )?(?:not valid|invalid|expired|revoked|disabled|format invalid)|API_KEY_INVALID|authentication_error|AuthenticationError|AuthenticationException|Improper token|(?:invalid|bad|expired|revoked|wrong|unknown|incorrect|malformed) (?:\w+ )?(?:access |bot |auth |refresh |session |bearer )?(?:token|credentials?|password|secret|signature|login|api key)\b|InvalidToken|TokenInvalid|token (?:has |is )?(?:been )?(?:expired|invalid|revoked)|ExpiredToken|TokenExpired|invalid_grant|invalid_client|InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient|InvalidAccessKeyId|AuthFailure|RefreshError|AUTH_KEY_\w+|AuthKey\w+Error|session .{0,20}expired|Bad credentials|LoginFailure|SMTPAuthenticationError|535[ -]5\.7|Username and Password not accepted|not logged in|login (?:required|failed)|log ?in again|(?:please|must|need to) (?:re-?)?(?:log ?in|authenticate)|missing_scope|insufficient[_ ]scope|not_authed|invalid_auth|account_inactive|AuthorizationError|gated repo|pull access denied|code=-201[45]\b/i,
    example:
      "openai.AuthenticationError: Error code: 401 - {'error': {'message': 'Incorrect API key provided: sk-abc', 'code': 'invalid_api_key'}}",
    weight: 0.35,
    check:
      "Check that the key or token in use is the current one: ask {host|the service} with it by hand (curl), then renew it in the service's environment.",
  },
  {
    id: 'auth.ssh-git',
    category: 'auth-failed',
    pattern:
      /Permission denied \(publickey|Host key verification failed|could not read (?:Username|Password)|Authentication failed\b|Permission denied, please try again|Too many authentication failures|terminal prompts disabled|Support for password authentication was removed/i,
    example: 'git@github.com: Permission denied (publickey).',
    weight: 0.4,
    check:
      'Check which key or token this user offers ({host|to that host}); a service has neither your agent nor your keychain.',
  },
  {
    id: 'auth.http',
    category: 'auth-failed',
    pattern:
      /\b401\b.{0,30}Unauthorized|\bUnauthorized\b|\bUnauthenticated\b|UNAUTHENTICATED|(?:HTTP|status|code|error|returned|response)\W{0,8}(?:status |code )?\W{0,4}40[13]\b|\b40[13] (?:Client Error|Forbidden)|\bForbidden\b|PERMISSION_DENIED|Authentication (?:required|failed|failure|error)|Authorization (?:required|failed)|auth(?:entication)? fail|not authenticated|login incorrect|HTTP Error 40[13]|ETELEGRAM: 401|AccessDeniedException/i,
    example: 'requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://api.example.com/me',
    weight: 0.25,
    check: 'Check the credentials sent to {host|that service}: present, current, and with the rights this call needs.',
  },
];

export const upstreamRules: readonly Rule[] = [
  {
    id: 'http.server-error',
    category: 'upstream-error',
    pattern:
      /\b5\d\d Server Error|\b50[0-9]:? (?:Internal Server Error|Bad Gateway|Service (?:Temporarily )?Unavailable|Gateway Time-?out)|Internal ?Server ?Error\b|Bad Gateway|Service ?(?:Temporarily )?Unavailable(?:Error)?|Gateway Time-?out|(?:HTTP|status|code|error|returned|response)\W{0,8}(?:status |code )?\W{0,4}5\d\d\b|HTTP Error 5\d\d|HTTP\/[\d.]+ 5\d\d|upstream connect error|StatusCode\.(?:UNAVAILABLE|INTERNAL)|code = (?:Unavailable|Internal)(?!.{0,40}transport is closing)|ServerError\b|server returned an error|remote server returned|cluster_block_exception|no healthy upstream|requests\.exceptions\.HTTPError: 5|InternalServerException|\b52[0-9]: |web server is down/i,
    example: 'requests.exceptions.HTTPError: 502 Server Error: Bad Gateway for url: https://api.example.com/v1/orders',
    weight: 0.25,
    check:
      'The fault is at {host|the other end}: check its status page or its log, and whether a retry with backoff would have carried this.',
  },
  {
    id: 'http.client-error',
    category: 'bad-config',
    pattern:
      /\b4(?:00|04|05|06|10|15|22) Client Error|HTTP Error 4(?:00|04|05|10|22)|(?:status|response) code:? 4(?:00|04|05|22)\b|BadRequestError|UnprocessableEntity|invalid_request_error/i,
    example: 'requests.exceptions.HTTPError: 404 Client Error: Not Found for url: https://api.example.com/v1/missing',
    weight: -0.2,
    check:
      'The request itself is refused by {host|the service}: check the URL and the parameters against its documentation.',
  },
];
