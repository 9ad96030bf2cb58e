import type { Rule } from '../rule.ts';

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
      /insufficient_quota|exceeded your current quota|credit balance is too low|Insufficient (?:Balance|credits?|funds)\b(?! for (?:gas|intrinsic|transfer|trade|order))|billing_(?:error|hard_limit)|usage limits? (?:has been )?(?:reached|exceeded)|(?:hit|reached|exceeded) your (?:[\w-]{1,20} ){0,3}limit\b|\d-hour limit reached|limit reached\b.{0,20}resets|out of (?:extra )?usage\b|exhausted your (?:\w+ ){0,2}(?:quota|capacity|credits|limit)|reached your (?:specified )?(?:API )?usage limit|spend(?:ing)? limit|402 Payment Required|Payment Required|out of credits|requires more credits|quota (?:has been )?(?:exhausted|exceeded)/i,
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
      /^(?!.{0,20}Model metadata for).{0,1200}(?:model_not_found|model .{1,80} (?:does not exist|not found|is not found|is not supported|was not found|has been (?:deprecated|retired|decommissioned))|model_decommissioned|not a valid model (?:ID|identifier|name)|Unknown model\b|Unsupported (?:parameter|value)\b|LLM Provider NOT provided|unsupported model|Model not found\b|DeploymentNotFound|deployment for this resource does not exist|issue with the selected model|model: [\w.:/-]{2,80}|model is not supported|no (?:LLM |model )?providers? (?:is |are )?configured|not_found_error)/i,
    example:
      "openai.NotFoundError: Error code: 404 - {'error': {'message': 'The model `gpt-9` does not exist or you do not have access to it.', 'code': 'model_not_found'}}",
    weight: 0.3,
    check:
      "Correct the model name in the configuration: compare it with the provider's list. Models are renamed and retired.",
  },
];
