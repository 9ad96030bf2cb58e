import type { Category } from '../incident.ts';

/**
 * What a statement of a program about its own end calls for.
 * - `quota`: an allowance is used up, until a time that may be named.
 * - `throttle`: too many requests at the moment; the next try may succeed.
 * - `login`: credentials that no restart renews.
 * - `context`: the conversation is too long for the model.
 * - `setup`: the command line or its surroundings are wrong for this program.
 * - `upstream`: the service behind it fails.
 */
export type StatementKind = 'quota' | 'throttle' | 'login' | 'context' | 'setup' | 'upstream';

/** One wording by which a program says why it cannot go on. */
export interface Statement {
  /** `program.what`, unique: part of the fingerprint of its incidents. */
  readonly id: string;
  readonly category: Category;
  readonly kind: StatementKind;
  /** An agent CLI's own words: a time in them is believed up to --max-wait, and exit code 0 does not contradict them. */
  readonly own: boolean;
  /** Tried on a line without its prefixes (timestamps, levels, "Error:", exception names), which the words begin. */
  readonly pattern: RegExp;
  /** It may stand anywhere in a line that is an error by its shape. */
  readonly anywhere?: boolean;
  /** A line of this kind: the statement's test. */
  readonly example: string;
  /** What to do about it, where the kind's own recommendation is too general. */
  readonly check?: string;
}

const checks: Readonly<Record<StatementKind, string>> = {
  quota:
    'The allowance of this account is used up. Wait for its reset, or raise the limit or the balance at the provider.',
  throttle: 'Too many requests at the moment. Lower the request rate, or let the program retry with a longer backoff.',
  login: 'Log in again on this machine as the user of the service, or renew its API key. The next start reads it.',
  context: 'The conversation is too long for the model. Start a new session, or give it less to read at once.',
  setup: 'Correct the command line or the settings of this program; a restart does not change them.',
  upstream: "The service behind it fails. Check the provider's status page; the next try may succeed.",
};

/** What to do about a statement. */
export const checkOf = ({ check, kind }: Statement): string => check ?? checks[kind];

const general = { own: false, anywhere: true } as const;
const quota = { ...general, category: 'rate-limited', kind: 'quota' } as const;
const throttle = { ...general, category: 'rate-limited', kind: 'throttle' } as const;
const login = { ...general, category: 'auth-failed', kind: 'login' } as const;

/** The words of the services behind the programs: model providers, forges, exchanges, chats. The more precise first. */
export const apiStatements: readonly Statement[] = [
  {
    ...quota,
    id: 'anthropic.usage-limit',
    own: true,
    pattern: /you have reached your (?:specified )?(?:api )?usage limits?|you will regain access on/i,
    example: 'You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.',
  },
  {
    ...quota,
    id: 'api.balance',
    pattern:
      /credit balance is too low|insufficient[_ ](?:balance|credits?|funds|quota)|insufficientquota|requires more credits|billing_(?:error|hard_limit_reached|not_active)|billing (?:hard )?limit|402 payment required|payment required|(?:prepayment )?credits are depleted|out of credits|spend(?:ing)? (?:limit|cap)|monthly (?:spending|included credits)|key limit exceeded|account (?:is )?in arrears|arrearage/i,
    example: "Error code: 402 - {'error': {'message': 'Insufficient Balance', 'code': 'invalid_request_error'}}",
    check: 'The balance of this account is used up. Add credits or a payment method at the provider.',
  },
  {
    ...quota,
    id: 'openai.quota',
    pattern:
      /exceeded your current quota|check your plan and billing|insufficient_quota|quota[_ ](?:has been )?(?:exhausted|exceeded)\b(?!.{0,120}per ?minute)|exceeded (?:your |the )?(?:monthly|daily|weekly) (?:quota|limit|usage)/i,
    example: "Error code: 429 - {'type': 'insufficient_quota', 'message': 'You exceeded your current quota'}",
  },
  {
    ...quota,
    id: 'api.per-day',
    pattern:
      /(?:tokens|requests|calls|messages|quota|limit)\b.{0,40}\bper[-_ ]?(?:day|month|week)\b|free-models-per-day|\((?:TPD|RPD)\)|daily (?:limit|quota|request limit|token limit)|RequestsPerDay|pull rate limit/i,
    example: 'Rate limit exceeded: free-models-per-day. Add credits to unlock more requests.',
  },
  {
    ...throttle,
    id: 'api.banned',
    pattern:
      /way too (?:many requests|much request weight)|banned until|too many visits|EAPI:Rate limit|EOrder:Rate limit|DDoSProtection/i,
    example: 'ccxt.base.errors.DDoSProtection: binance 418 I am a teapot; IP banned until 1793001600000',
  },
  {
    ...throttle,
    id: 'github.secondary',
    pattern: /secondary rate limit|API rate limit exceeded|abuse detection mechanism/i,
    example: 'HTTP 403: API rate limit exceeded for user ID 1234 (https://api.github.com/graphql)',
  },
  {
    ...throttle,
    id: 'api.flood',
    pattern: /flood (?:control exceeded|wait)|FLOOD_WAIT|retry after \d+|you are being rate limited/i,
    example: 'telegram.error.RetryAfter: Flood control exceeded. Retry in 35 seconds',
  },
  {
    ...throttle,
    id: 'api.throttled',
    pattern:
      /\b429\b.{0,60}too many requests|^429 status code|too many (?:requests|tokens|concurrent)|rate[- _]?limit(?:ed)?[- _]?(?:is |was |has been |been )?(?:exceeded|reached|hit|error)?\b|rate_?limit_?(?:error|exceeded)|ratelimit(?:error|exceeded)|toomanyrequests|throttl(?:ing|ed)(?:exception|error)?\b|requestlimitexceeded|resource[_ ]?(?:has been )?exhausted|resourceexhausted|exceeded (?:the )?(?:token |call |request )?rate limit|last status: 429|(?:status|code|error|http(?:\/[\d.]+)?|returned|response)\W{0,3}(?:status |code )*\W{0,3}429\b|slow ?down\b|sending (?:requests|messages) too (?:quickly|fast)|E429\b|exhausted your capacity|capacity (?:has been )?exceeded/i,
    example: "Error code: 429 - {'message': 'Rate limit reached for requests'}",
  },
  {
    ...general,
    id: 'api.overloaded',
    category: 'upstream-error',
    kind: 'upstream',
    pattern:
      /overloaded_error|\bis (?:currently |temporarily )?overloaded|at capacity|currently experiencing high demand|529 (?:overloaded|\{)/i,
    example:
      "anthropic.InternalServerError: Error code: 529 - {'type': 'error', 'error': {'type': 'overloaded_error'}}",
  },
  {
    ...login,
    id: 'api.login',
    pattern:
      /authentication_(?:error|failed)|invalid_api_key|incorrect api key|invalid (?:x-)?api[- ]key|api[_ ]key[_ ]invalid|api key not valid|oauth token (?:has )?(?:expired|been revoked)|token (?:has )?expired|\b401\b.{0,20}unauthori[sz]ed|authenticationerror|account (?:has been |is )?(?:deactivated|suspended|disabled)|invalid bearer token|expiredtoken|refresh token (?:was already used|has expired|is invalid)/i,
    example: "openai.AuthenticationError: Error code: 401 - {'error': {'code': 'invalid_api_key'}}",
  },
  {
    ...general,
    id: 'api.context',
    category: 'context-overflow',
    kind: 'context',
    pattern:
      /context_length_exceeded|prompt is too long|maximum context length|exceeds? (?:the )?(?:maximum number of tokens|context window|model's context)|input token count|too many (?:input|prompt) tokens/i,
    example: "Error code: 400 - {'error': {'message': 'prompt is too long: 210345 tokens > 200000 maximum'}}",
  },
];
