import type { Statement } from './last-lines.ts';

const own = true;
const quota = { category: 'rate-limited', kind: 'quota', own } as const;
const throttle = { category: 'rate-limited', kind: 'throttle', own } as const;
const login = { category: 'auth-failed', kind: 'login', own } as const;
const context = { category: 'context-overflow', kind: 'context', own } as const;
const setup = { category: 'bad-config', kind: 'setup', own } as const;

/** The words of the agent CLIs themselves, the more precise first. */
export const agentStatements: readonly Statement[] = [
  // Throttles that mention limits and are none.
  {
    ...throttle,
    id: 'claude.server-throttle',
    pattern: /^(?:the )?server is temporarily limiting requests/i,
    example: 'Server is temporarily limiting requests; wait a minute',
  },
  {
    ...throttle,
    id: 'claude.rejected',
    pattern: /^request rejected \(429\)/i,
    example: 'API Error: Request rejected (429) · this request would exceed the rate limit of your organization',
  },
  {
    id: 'claude.overloaded',
    category: 'upstream-error',
    kind: 'upstream',
    own,
    pattern:
      /^(?:repeated )?(?:529\b.{0,60})?(?:the )?(?:(?:api|model|server|service) (?:is )?)?(?:currently |temporarily )?overloaded\b|^repeated 529/i,
    example: 'API Error: Repeated 529 Overloaded',
  },
  // Usage limits.
  {
    ...quota,
    id: 'agent.limit-hit',
    pattern:
      /^(?:sorry, )?(?:it (?:looks|seems) like )?you(?:'ve| have)? (?:just |already |now )?(?:hit|reached|exceeded|used up|exhausted|run out of|ran out of)(?: all(?: of)?)? (?:your|the|all)\b(?! (?:end|top|point|max(?:imum)? (?:context|turns|length)|context)).{0,70}?\b(?:limits?|quota|usage|credits?|capacity|allowance|allotment|messages?|requests|budget|cap)\b/i,
    example: "You've hit your session limit · resets 7:10pm (Europe/Madrid)",
  },
  {
    ...quota,
    id: 'agent.limit-reached',
    pattern:
      /^(?:the )?(?=.{0,60}\b(?:usage|quota|sessions?|hours?|5h|daily|weekly|monthly|messages?|requests?|spend(?:ing)?|credits?|account|plan|free|model|opus|sonnet|haiku|claude|codex|cursor|copilot|amp|workspace|team|org(?:ani[sz]ation)?|pro|max|api|premium|individual|trial|billing)\b)(?!.{0,40}\b(?:connections?|memory|recursion|files?|size|time|depth|iterations?|turns?|retry|retries|disk|process(?:es)?|threads?|cpu|steps?|lines?|output|upload|body|stack|heap|pages?|attempts?|rate|context|length|nesting|loop|descriptors?|sockets?|log) (?:limit|quota|cap))(?:[\w.-]+ ){0,5}?(?:limit|quota|cap|usage)s? (?:has been |have been |was |is )?(?:reached|exceeded|hit|exhausted|depleted|used up)\b(?!.{0,160}per[-_ ]?minute)/i,
    example: 'Weekly usage limit reached. Resets in 2 days',
  },
  {
    ...quota,
    id: 'agent.out-of-usage',
    pattern:
      /^(?:you're|you are|your (?:workspace|account|organi[sz]ation|team|plan) is|you) (?:now |currently )?(?:all )?out of (?:free |extra |paid |ai |monthly |included |your )*(?:usage|credits?|messages|requests|tokens|quota|acus)\b|^out of (?:(?:free|extra|paid|ai|monthly|included|premium) )*(?:credits?|usage|quota|tokens)\b|^extra usage is required\b/i,
    example: "You're out of extra usage · resets 6:20am (Asia/Tokyo)",
  },
  {
    ...quota,
    id: 'agent.team-limit',
    pattern:
      /^your (?:team|organi[sz]ation|workspace|account|company|plan|admin)\b.{0,60}\b(?:hit|reached|exceeded|used up|exhausted|used all)\b.{0,60}\b(?:limits?|quota|usage|credits?|budget|allowance|cap)\b/i,
    example: 'Your organization has reached its monthly usage limit.',
  },
  {
    ...quota,
    id: 'codex.usage-limit',
    anywhere: true,
    pattern: /\busage_limit_(?:reached|exceeded)\b/i,
    example: '{"type":"error","resets_in_seconds":5400,"message":"usage_limit_reached"}',
  },
  {
    ...quota,
    id: 'claude.rate-limit-event',
    pattern: /^rate_limit_event rejected\b/,
    example: '{"rate_limit_info":{"resetsAt":1793001600,"status":"rejected"},"type":"rate_limit_event"}',
  },
  {
    ...quota,
    id: 'gemini.quota',
    pattern:
      /^(?:you have )?exhausted your (?:daily |capacity|quota)|^daily quota (?:exceeded|reached)|^quota exceeded for (?:quota )?metric.{0,200}per ?day|^reached (?:the )?(?:daily|quota) limit|^your (?:free )?daily quota/i,
    example: 'You have exhausted your daily quota.',
  },
  {
    ...quota,
    id: 'qwen.quota',
    pattern:
      /^(?:qwen oauth )?(?:free )?(?:allocated |oauth )?quota (?:has been )?exceeded\b(?!.{0,200}per[-_ ]?minute)|^free allocated quota/i,
    example: 'Qwen OAuth quota exceeded: your free daily quota has been reached.',
  },
  {
    ...quota,
    id: 'agent.free-usage',
    pattern:
      /^(?:(?:free|daily|weekly|monthly|included|premium) )+(?:usage|requests?|quota|credits?)\b.{0,30}\b(?:exceeded|exhausted|used|depleted|reached)\b/i,
    example: 'Free usage exceeded, subscribe to continue',
  },
  {
    ...quota,
    id: 'agent.credits',
    pattern:
      /^(?:your )?(?:(?:account|workspace|api|prepayment|prepaid|amp|team) )?(?:credit )?(?:balance is too low|balance (?:is )?insufficient|credits (?:are |have been |were )?(?:depleted|exhausted|used up))|^(?:insufficient|not enough) (?:credits?|balance|funds|quota)\b|^credits? (?:balance )?(?:exhausted|depleted|too low)|^add (?:more )?(?:credits|funds) to continue|^no (?:valid )?payment method\b/i,
    example: 'Credit balance is too low',
    check: 'The balance of this account is used up. Add credits or a payment method at the provider.',
  },
  {
    ...quota,
    id: 'copilot.quota',
    pattern:
      /^(?:sorry, )?you(?:'ve| have)? (?:exceeded|exhausted|used all|reached)\b.{0,40}\bpremium\b|^you have no (?:remaining )?(?:quota|credits|premium requests)|^(?:sorry, )?you(?:'ve| have) (?:hit|reached) (?:a|the) (?:global )?rate limit that restricts/i,
    example:
      "Sorry, you've hit a rate limit that restricts the number of model requests you can make. Please try again in 42 minutes.",
  },
  {
    ...throttle,
    id: 'copilot.throttle',
    pattern: /^(?:sorry, )?you(?:'ve| have)? (?:been|are being) (?:temporarily )?(?:rate[- ]limited|throttled)/i,
    example: 'Sorry, you have been rate-limited. Please wait a moment before trying again.',
  },
  {
    ...throttle,
    id: 'aider.throttle',
    pattern: /^the api provider has rate limited you/i,
    example: 'The API provider has rate limited you; wait.',
  },
  // Logins.
  {
    ...login,
    id: 'claude.login',
    pattern:
      /^not logged in\b|^(?:please )?run \/login\b|^(?:oauth )?authentication is (?:currently )?not (?:allowed|supported|enabled)\b|^login (?:has )?expired\b|^invalid api key\b|^oauth (?:token|session|account)\b.{0,60}\b(?:revoked|expired|invalid|not found)|^your account (?:is|has been) (?:on hold|disabled|suspended|deactivated|banned|locked)|^this organi[sz]ation has been disabled|^failed to authenticate\b|^(?:your )?(?:account|access|organi[sz]ation|subscription|plan)\b.{0,60}\b(?:does(?: not|n't) have access|does(?: not|n't) include|(?:has|was) been revoked|(?:has|is) (?:disabled|expired|cancell?ed))|^auth(?:entication)? (?:token )?(?:has )?expired/i,
    example: 'Not logged in · Please run /login',
    check:
      'Run `claude` on this machine as the user of the service and log in, or renew its token. The next start reads it.',
  },
  {
    ...login,
    id: 'codex.login',
    pattern:
      /^(?:your|provided) (?:access|authentication|refresh) (?:token|session)\b.{0,80}\b(?:could not be refreshed|expired|invalid|revoked|already used)|^(?:please )?(?:log ?out and )?(?:sign|log) in again|^(?:please )?run [`']?codex login|^encountered invalidated oauth token|^(?:unexpected status )?401 unauthorized|^missing bearer/i,
    example: 'Your access token could not be refreshed. Please log out and sign in again.',
    check:
      'Log in again on this machine as the user of the service (for Codex: `codex login`). The next start reads the new token.',
  },
  {
    ...login,
    id: 'gemini.login',
    pattern:
      /^please set an auth method|^(?:invalid|unknown|unsupported) auth(?:entication)? (?:method|type)\b|^failed to (?:login|log in|sign in)\b|^login with google failed|^api key (?:not valid|not found|expired|invalid)|^(?:no auth(?:entication)? (?:type|method) is selected|please configure an auth type)|^(?:your |the )?(?:application )?default credentials (?:were not found|are not set|could not)|^reauth(?:entication)? (?:is )?(?:needed|required)|^invalid_grant\b/i,
    example: 'Please set an Auth method in your settings.json before running',
    check: 'Set the API key or log in on this machine as the user of the service. The next start reads it.',
  },
  {
    ...login,
    id: 'agent.login',
    pattern:
      /^(?:authentication|authorization|login|sign[- ]in) (?:is )?required\b|^(?:you(?:'re| are) )?not (?:logged in|authenticated|signed in)\b|^please (?:log|sign) ?in\b|^you (?:must|need to) (?:be logged in|log in|sign in|authenticate)|^no (?:authentication|auth|login|credential)s? (?:information |credentials? |token )?(?:was |were )?(?:found|configured|available)|^(?:the )?api provider is not able to authenticate you|^(?:your )?(?:session|login|credentials?|api key|token)s? (?:has |have |is |was |were )?(?:been )?(?:expired|revoked|disabled|deactivated)\b|^(?:please )?run [`'"]?(?:gh auth login|amp login|agent login|cursor-agent login|opencode auth login|goose configure|copilot login)|^(?:invalid|expired|incorrect|bad) (?:api[- ]?key|access token|auth(?:entication)? token|credentials|token)\b/i,
    example: "Authentication required. Please run 'agent login' first.",
  },
  // Context.
  {
    ...context,
    id: 'agent.context',
    pattern:
      /^(?:error during compaction: )?(?:the |this )?(?:conversation|prompt|input|request|message|session) (?:is )?too (?:long|large)\b|^context (?:window |length |size )?(?:limit )?(?:reached|exceeded|overflow|is full|low)|^(?:codex )?ran out of room in the model's context|^(?:your )?input (?:exceeds|is longer than)|^input length and .?max_tokens.? exceed|^.{0,60}has hit a token limit/i,
    example: 'Conversation too long. Start a new one to go on.',
  },
  // Set up for a person at a terminal, or for another place.
  {
    ...setup,
    id: 'agent.wants-terminal',
    pattern:
      /^(?:the )?(?:std(?:in|out)|input(?: device)?|output|standard (?:input|output)) (?:is not|must be|isn't) a (?:terminal|tty)|^raw mode is not supported|^(?:this (?:command|program) )?(?:requires|needs) (?:an? )?(?:interactive )?(?:terminal|tty)|^not a (?:terminal|tty)\b|^(?:cannot|could not|failed to|unable to) (?:open|access|initiali[sz]e)\b.{0,30}(?:\/dev\/tty|terminal)|^.{0,40}\/dev\/tty: (?:no such device|device not configured)|^must be run in (?:an? )?(?:interactive )?terminal|^interactive mode requires/i,
    example: 'Raw mode is not supported on the current process.stdin',
    check: "The program wants a terminal. Run its unattended mode, or give it one: script -qfec 'COMMAND' /dev/null",
  },
  {
    ...setup,
    id: 'agent.wants-prompt',
    pattern:
      /^no (?:prompt|input|message|instructions?)\b.{0,20}\b(?:was |were )?(?:provided|given|specified|found|via)|^input must be provided\b|^(?:a )?(?:prompt|message) (?:is required|must be provided|argument is required)|^you must provide (?:a|the) (?:prompt|message)/i,
    example: 'Input must be provided either through stdin or as a prompt argument when using --print',
    check: 'The program got no prompt. Give it as an argument, or as a file: --stdin PROMPT.md',
  },
  {
    ...setup,
    id: 'agent.untrusted-folder',
    pattern:
      /^not inside a trusted (?:directory|folder|workspace)|^(?:this |the current )?(?:folder|directory|workspace) is not trusted|^workspace trust required|^.{0,40}not running in a trusted (?:directory|folder)|^do you trust the files in this folder/i,
    example: 'Not inside a trusted directory. Pass --skip-git-repo-check to run here.',
    check: 'The program does not trust its working directory. Trust it once by hand, or set --cwd to one it trusts.',
  },
  {
    ...setup,
    id: 'agent.refuses-root',
    pattern: /^--(?:dangerously-skip-permissions|yolo) cannot be used with root/i,
    example: '--yolo cannot be used with root or sudo privileges',
    check: 'Run the service as another user than root.',
  },
];

const api = { own: false, anywhere: true } as const;
const apiQuota = { ...api, category: 'rate-limited', kind: 'quota' } as const;
const apiThrottle = { ...api, category: 'rate-limited', kind: 'throttle' } as const;
const apiLogin = { ...api, category: 'auth-failed', kind: 'login' } as const;

/** The words of the services behind the programs: model providers, forges, exchanges, chats. The more precise first. */
export const apiStatements: readonly Statement[] = [
  {
    ...apiQuota,
    id: 'anthropic.usage-limit',
    own: true,
    pattern: /you have reached your (?:specified )?(?:api )?usage limits?|you will regain access on/i,
    example: 'You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.',
  },
  {
    ...apiQuota,
    id: 'api.balance',
    pattern:
      /credit balance is too low|insufficient[_ ](?:balance|credits?|funds|quota)|insufficientquota|requires more credits|billing_(?:error|hard_limit_reached|not_active)|billing (?:hard )?limit|402 payment required|payment required|(?:prepayment )?credits are depleted|out of credits|spend(?:ing)? (?:limit|cap)|monthly (?:spending|included credits)|key limit exceeded|budget_exceeded|(?<!\b(?:time|error|memory|latency|performance|size|frame|retry|bundle) )budget (?:has been |is |was )?exceeded|exceeded (?:the |your |its )?(?:(?:usd|api|monthly|daily|max|maximum) )*budget\b|\bover budget\b|account (?:is )?in arrears|arrearage/i,
    example: "Error code: 402 - {'error': {'message': 'Insufficient Balance', 'code': 'invalid_request_error'}}",
    check: 'The balance of this account is used up. Add credits or a payment method at the provider.',
  },
  {
    ...apiQuota,
    id: 'openai.quota',
    pattern:
      /exceeded your current quota|check your plan and billing|insufficient_quota|quota[_ ](?:has been )?(?:exhausted|exceeded)\b(?!.{0,200}per[-_ ]?minute)|exceeded (?:your |the )?(?:monthly|daily|weekly) (?:quota|limit|usage)/i,
    example: "Error code: 429 - {'type': 'insufficient_quota', 'message': 'You exceeded your current quota'}",
  },
  {
    ...apiQuota,
    id: 'api.per-day',
    pattern:
      /(?:tokens|requests|calls|messages|quota|limit)\b.{0,40}\bper[-_ ]?(?:day|month|week)\b|free-models-per-day|\((?:TPD|RPD)\)|daily (?:limit|quota|request limit|token limit)|RequestsPerDay|pull rate limit/i,
    example: 'Rate limit exceeded: free-models-per-day. Add credits to unlock more requests.',
  },
  {
    ...apiThrottle,
    id: 'api.banned',
    pattern:
      /way too (?:many requests|much request weight)|banned until|too many visits|EAPI:Rate limit|EOrder:Rate limit|DDoSProtection/i,
    example: 'ccxt.base.errors.DDoSProtection: binance 418 I am a teapot; IP banned until 1793001600000',
  },
  {
    ...apiThrottle,
    id: 'github.secondary',
    pattern: /secondary rate limit|API rate limit exceeded|abuse detection mechanism/i,
    example: 'HTTP 403: API rate limit exceeded for user ID 1234 (https://api.github.com/graphql)',
  },
  {
    ...apiThrottle,
    id: 'api.flood',
    pattern: /flood (?:control exceeded|wait)|FLOOD_WAIT|retry after \d+|you are being rate limited/i,
    example: 'telegram.error.RetryAfter: Flood control exceeded. Retry in 35 seconds',
  },
  {
    ...apiThrottle,
    id: 'api.throttled',
    pattern:
      /\b429\b.{0,60}too many requests|quota (?:has been )?(?:exhausted|exceeded)\b.{0,200}per[-_ ]?minute|^429 status code|too many (?:requests|tokens|concurrent)|rate[- _]?limit(?:ed)?[- _]?(?:is |was |has been |been )?(?:exceeded|reached|hit|error)?\b|rate_?limit_?(?:error|exceeded)|ratelimit(?:error|exceeded)|toomanyrequests|throttl(?:ing|ed)(?:exception|error)?\b|requestlimitexceeded|resource[_ ]?(?:has been )?exhausted|resourceexhausted|exceeded (?:the )?(?:token |call |request )?rate limit|last status: 429|(?:status|code|error|http(?:\/[\d.]+)?|returned|response)\W{0,3}(?:status |code )*\W{0,3}429\b|slow ?down\b|sending (?:requests|messages) too (?:quickly|fast)|E429\b|exhausted your capacity|capacity (?:has been )?exceeded/i,
    example: "Error code: 429 - {'message': 'Rate limit reached for requests'}",
  },
  {
    ...api,
    id: 'api.overloaded',
    category: 'upstream-error',
    kind: 'upstream',
    pattern:
      /overloaded_error|\bis (?:currently |temporarily )?overloaded|at capacity|currently experiencing high demand|529 (?:overloaded|\{)/i,
    example:
      "anthropic.InternalServerError: Error code: 529 - {'type': 'error', 'error': {'type': 'overloaded_error'}}",
  },
  {
    ...apiLogin,
    id: 'api.login',
    pattern:
      /authentication_(?:error|failed)|invalid_api_key|incorrect api key|invalid (?:x-)?api[- ]key|api[_ ]key[_ ]invalid|api key not valid|oauth token (?:has )?(?:expired|been revoked)|token (?:has )?expired|\b401\b.{0,20}unauthori[sz]ed|authenticationerror|account (?:has been |is )?(?:deactivated|suspended|disabled)|invalid bearer token|\b(?:sso|oauth|login) session\b.{0,80}\b(?:expired|invalid)|expiredtoken|security token included in the request is (?:expired|invalid)|refresh token (?:was already used|has expired|is invalid)/i,
    example: "openai.AuthenticationError: Error code: 401 - {'error': {'code': 'invalid_api_key'}}",
  },
  {
    ...api,
    id: 'api.context',
    category: 'context-overflow',
    kind: 'context',
    pattern:
      /context_length_exceeded|prompt is too long|maximum context length|exceeds? (?:the )?(?:maximum number of tokens|context window|model's context)|input token count|too many (?:input|prompt) tokens/i,
    example: "Error code: 400 - {'error': {'message': 'prompt is too long: 210345 tokens > 200000 maximum'}}",
  },
];
