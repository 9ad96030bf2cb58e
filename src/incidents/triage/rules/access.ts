import type { Rule } from '../../incident.ts';

/** Being let in: logins, keys, signatures. What tells a person to log in comes before the rules for missing variables. */
export const loginRules: readonly Rule[] = [
  {
    id: 'auth.not-logged-in',
    category: 'auth-failed',
    pattern:
      /not (?:currently |yet )?(?:logged|signed) in\b|(?:run|use|using|via|with|type) [`'"]?\/(?:login|auth)\b|(?:run|use|using|try|with|execute|first):?(?: command)? [`'"\u2018\u201c]?[\w-]{1,30}(?: [\w-]{1,20})? (?:auth )?(?:login|log-in|signin)\b|(?:must|need to|have to|please)(?: be)? (?:log(?:ged)?|sign(?:ed)?|re-?log|re-?sign)[ -]?in\b(?! \(using)|sign out and sign in|(?:log|sign) ?in again|log back in|re-?authenticate\b|no (?:existing |valid |saved |cached )?(?:authentication|auth|login|credentials)(?: \w+){0,2} (?:found|selected|configured|available)|set an auth(?:entication)? method|(?:failed|unable) to (?:log ?in|authenticate|sign in)\b|authorization is required but|(?:token|credentials)\b.{0,60}could not be refreshed|token has expired and refresh failed|(?:invalidated|revoked|expired) (?:oauth |access |refresh |session )?token|OAuth (?:access )?(?:token|credentials?|session)\b.{0,20}(?:expired|revoked|invalid)|(?:sign|log) in to (?:confirm|continue|proceed)\b|^(?:you (?:have been|are|were) )?logged out\b|(?:device_removed|been logged out)|client to provide credentials|(?:no|without an?|have an) active account|currently have an active account|(?:organization|account|workspace|team) (?:does not|doesn't) have access|no token found\b|populate the [A-Z_]{4,60} environment variable|(?<!AuthenticationError: )Authentication required\b|interactively to (?:review|accept|log|sign)|accept the (?:terms|license)|denied by policy|policy setting/i,
    example: 'You are not logged in. Run `agentctl login` first.',
    weight: 0.4,
    check:
      'Log in as the user that runs the service, or set its key in the environment of the service ({variable|see the key line}). A login of another user does not count: it is stored in the home directory of that user.',
  },
  {
    id: 'auth.invalid-key',
    category: 'auth-failed',
    pattern:
      /invalid_api_key|API_KEY_INVALID|(?:incorrect|invalid|bad|unknown|malformed) (?:x-)?api[- _]?key|API[- _]?key (?:is |was )?(?:not valid|invalid|expired|revoked|disabled|incorrect)|api-key header is required|Missing bearer\b|authentication_(?:error|failed)\b/i,
    example: 'Invalid API key',
    weight: 0.35,
    check:
      'Replace the API key that {host|the service} refused: create a new one there and set it in the environment of the service.',
  },
  {
    id: 'auth.region',
    category: 'auth-failed',
    pattern:
      /(?:country|region|territory|location|jurisdiction)\b.{0,60}(?:not|un|isn't )(?: ?supported| ?available| ?allowed| ?eligible)|unsupported_country|restricted (?:location|region|country|jurisdiction)|not (?:currently )?available in your (?:country|region|location)|request forbidden.{0,30}(?:country|region)/i,
    example: 'Your region is not supported by this service',
    weight: 0.4,
    check:
      'Requests from this location are refused by {host|the service}. Run it from a supported region, or through a proxy that is in one.',
  },
  {
    id: 'auth.clock-skew',
    category: 'auth-failed',
    pattern:
      /recv_?window|\bcode["':= ]{1,4}-1021\b|timestamp (?:for this request|request expired)|RequestTimeTooSkewed|request time.{0,40}(?:skew|expired|too far|too large)|clock (?:skew|drift|is (?:ahead|behind|off|not synchroni[sz]ed))|Invalid ?Nonce|nonce (?:window|must be (?:greater|increas\w+)|is not increasing|too small)|timestamp .{0,60}(?:ahead of|behind|out of (?:range|sync)|too old|too far|outside)|check your server time|token used before issued|\biat\b.{0,30}future/i,
    example: 'order refused: timestamp is 4210 ms ahead of the server',
    weight: 0.5,
    check:
      "The clock of this machine differs from the server's, so the signed request is refused. Synchronize it (`timedatectl`, `chronyc tracking`), and use one key for one program only.",
  },
  {
    id: 'auth.signature',
    category: 'auth-failed',
    pattern:
      /signature (?:for this request )?(?:is |was )?(?:invalid|not valid|mismatch|does not match|incorrect|verification failed)|(?:invalid|bad|wrong|mismatched) (?:request )?sign(?:ature)?\b|error sign!|SignatureDoesNotMatch|\bcode["':= ]{1,4}-(?:1022|2014|2015)\b|API-key, IP, or permissions|E(?:API|General):(?:Invalid (?:key|signature)|Permission denied)|ACCESS-(?:KEY|SIGN|PASSPHRASE)\b.{0,30}(?:incorrect|invalid|error|expired|empty)|ErrCode: (?:1000[345]|33004)\b|request is not authorized/i,
    example: 'exchange answered: invalid signature',
    weight: 0.45,
    check:
      'Check key and secret (copied whole, same account, live or test network), the permissions of the key, and the IP addresses allowed for it.',
  },
  {
    id: 'auth.keyring',
    category: 'auth-failed',
    pattern:
      /(?:access|open|unlock|read|use) (?:the )?(?:keyring|keychain|secret service)|(?:keyring|keychain) .{0,60}(?:locked|unavailable|not available|not provided|NoKeyring)|secure storage failure|NoKeyringError|org\.freedesktop\.secrets/i,
    example: 'could not unlock the keyring: no session bus',
    weight: 0.4,
    check:
      'A service has no desktop keyring. Give the program its credentials in the environment or in a file instead.',
  },
];

export const authRules: readonly Rule[] = [
  {
    id: 'auth.database',
    category: 'auth-failed',
    pattern:
      /password authentication failed|Access denied for user|no pg_hba\.conf entry|Login failed for user|\bNOAUTH\b|redis\S{0,40}AuthenticationError|\bWRONGPASS\b|NOPERM|bad auth\b|SCRAM|SASL authentication|authentication failed against database|Peer authentication failed|Ident authentication failed|ORA-01017|no password supplied|MongoServerError: Authentication|AUTH failed|invalid username-password pair/i,
    example:
      'psycopg2.OperationalError: connection to server at "db" (10.1.0.4), port 5432 failed: FATAL:  password authentication failed for user "app"',
    weight: 0.4,
    check:
      'Check user and password of the database at {host|the address in use}: they must match in the configuration of the service and on the server.',
  },
  {
    id: 'auth.key',
    category: 'auth-failed',
    pattern:
      /invalid_api_key|Incorrect API key|invalid (?:x-)?api[- _]?key|API[- _]?key (?:is )?(?:not valid|invalid|expired|revoked|disabled|format invalid)|API_KEY_INVALID|authentication_error|AuthenticationError|AuthenticationException|Improper token|(?:invalid|bad|expired|revoked|wrong|unknown|incorrect|malformed) (?:\w+ )?(?:access |bot |auth |refresh |session |bearer )?(?:token|credentials?|password|secret|signature|login|api key)\b|InvalidToken|TokenInvalid|token (?:has |is )?(?:been )?(?:expired|invalid|revoked)|ExpiredToken|TokenExpired|invalid_grant|invalid_client|InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient|InvalidAccessKeyId|AuthFailure|RefreshError|AUTH_KEY_\w+|AuthKey\w+Error|session .{0,20}expired|Bad credentials|LoginFailure|SMTPAuthenticationError|535[ -]5\.7|Username and Password not accepted|login (?:required|failed)|(?:please|must|need to) authenticate|missing_scope|insufficient[_ ]scope|not_authed|invalid_auth|account_inactive|AuthorizationError|gated repo|pull access denied|code=-201[45]\b/i,
    example:
      "openai.AuthenticationError: Error code: 401 - {'error': {'message': 'Incorrect API key provided: sk-abc', 'code': 'invalid_api_key'}}",
    weight: 0.35,
    check:
      'Check that the key or token for {host|the service} is the current one. Try it by hand (curl), then replace it in the environment of the service.',
  },
  {
    id: 'auth.ssh-git',
    category: 'auth-failed',
    pattern:
      /Permission denied \(publickey|could not read (?:Username|Password)|Authentication failed\b|Permission denied, please try again|Too many authentication failures|terminal prompts disabled|Support for password authentication was removed/i,
    example: 'git@github.com: Permission denied (publickey).',
    weight: 0.4,
    check:
      'Check which key or token this user offers to {host|that host}. A service has no SSH agent and no keychain of yours: give it a key file or a token.',
  },
  {
    id: 'auth.http',
    category: 'auth-failed',
    pattern:
      /\b401\b.{0,30}Unauthorized|\bUnauthorized\b|\bUnauthenticated\b|UNAUTHENTICATED|(?:HTTP|status|code|error|returned|response)\W{0,8}(?:status |code )?\W{0,4}40[13]\b|\b40[13] (?:Client Error|Forbidden)|\bForbidden\b|PERMISSION_DENIED|Authentication (?:required|failed|failure|error)|Authorization (?:required|failed)|auth(?:entication)? fail|not authenticated|Authorization Violation|not authorised\b|(?<!is )not authorized\.?$|login incorrect|HTTP Error 40[13]|ETELEGRAM: 401|AccessDeniedException/i,
    example: 'requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://api.example.com/me',
    weight: 0.25,
    check:
      'Check the credentials sent to {host|the service}: they must be present, current, and allowed to do this request.',
  },
];

/** What language models and their clients say: too long a prompt, no quota, an overloaded provider. */
export const llmRules: readonly Rule[] = [
  {
    id: 'llm.context',
    category: 'context-overflow',
    pattern:
      /context_length_exceeded|ran out of room\b.{0,60}context|exceeds the context window|maximum (?:context|prompt|model|input) length|(?:prompt|input|request|messages?|conversation|content)\b.{0,30}(?:is|are|was|were) too (?:long|large)\b.{0,60}|exceeds? (?:the )?(?:model'?s? )?(?:available |maximum |max )?(?:context|token)[\w -]{0,12}(?:window|limit|size|length|count)|exceed(?:s|ed)? context (?:limit|window)|ContextWindowExceeded|exceed context window|longer than the maximum model length|maximum number of (?:input )?tokens|input token count|reduce the length of the (?:messages|prompt|input)|context (?:window|size|length) (?:exceeded|overflow|is full)|too many (?:input |prompt )?tokens(?!, please wait)|exceeds the (?:model's )?(?:maximum )?(?:number of )?tokens|string_above_max_length|n_ctx\b.{0,40}(?:exceed|too small)|prompt contains \d+ tokens/i,
    example: 'anthropic.BadRequestError: Error code: 400 - prompt is too long: 213462 tokens > 200000 maximum',
    weight: 0.4,
    check:
      'Shorten the prompt: check what grew (history, a tool result, a file), cut or summarize it before the call, or use a model with a larger context window.',
  },
  {
    id: 'llm.no-quota',
    category: 'rate-limited',
    pattern:
      /insufficient_quota|exceeded your current quota|credit balance is too low|(?<!\b(?:order|trade|transfer|withdrawal|card)\b.{0,40})Insufficient (?:Balance|credits?|funds)\b(?! for (?:gas|intrinsic|transfer|trade|order)| \(need)|billing_(?:error|hard_limit)|usage limits? (?:has been )?(?:reached|exceeded)|(?:hit|reached|exceeded) your (?:[\w-]{1,20} ){0,3}limit\b|\d-hour limit reached|limit reached\b.{0,20}resets|out of (?:extra )?usage\b|exhausted your (?:\w+ ){0,2}(?:quota|capacity|credits|limit)|reached your (?:specified )?(?:API )?usage limit|spend(?:ing)? limit|402 Payment Required|Payment Required|out of credits|requires more credits|quota (?:has been )?(?:exhausted|exceeded)/i,
    example: 'Error 429: You exceeded your current quota (insufficient_quota)',
    weight: 0.4,
    check:
      'Check plan and balance at {host|the provider}. Where the quota is used up, a retry does not help before it is renewed.',
  },
  {
    id: 'llm.overloaded',
    category: 'upstream-error',
    pattern:
      /overloaded_error|(?:model|server|service) is (?:currently )?at capacity|no capacity available|high demand\b.{0,60}(?:error|later|again)|\bOverloaded\b|model is (?:currently )?overloaded|currently (?:experiencing high|at capacity)|The server had an error while processing|engine is currently overloaded|MidStreamFallbackError|Error code: 5\d\d|status[_ ]?code[=:]? ?5\d\d\b/i,
    example:
      "anthropic.InternalServerError: Error code: 529 - {'type': 'error', 'error': {'type': 'overloaded_error', 'message': 'Overloaded'}}",
    weight: 0.3,
    check: 'The provider is overloaded. Check its status page, and let the program retry with a longer backoff.',
  },
  {
    id: 'llm.unknown-model',
    category: 'bad-config',
    pattern:
      /^(?!.{0,20}Model metadata for).{0,1200}(?:model_?not_?found(?:error)?\b|model .{1,80} (?:does not exist|not found|is not found|is not supported|was not found|has been (?:deprecated|retired|decommissioned))|model_decommissioned|not a valid model (?:ID|identifier|name)|Unknown model\b|Unsupported (?:parameter|value)\b|LLM Provider NOT provided|unsupported model|Model not found\b|DeploymentNotFound|deployment for this resource does not exist|issue with the selected model|model: [\w.:/-]{2,80}|model is not supported|no (?:LLM |model )?providers? (?:is |are )?configured|not_found_error)/i,
    example:
      "openai.NotFoundError: Error code: 404 - {'error': {'message': 'The model `gpt-9` does not exist or you do not have access to it.', 'code': 'model_not_found'}}",
    weight: 0.3,
    check:
      "Correct the model name in the configuration: compare it with the provider's list. Models are renamed and retired.",
  },
];
