import { isChatter } from './chatter.ts';
import type { Failure } from './log-lines.ts';
import type { Rule } from './rule.ts';
import { authRules, loginRules } from './rules/access.ts';
import { configRules, runningRules } from './rules/config.ts';
import { corruptRules, lockRules } from './rules/data.ts';
import { dependencyRules } from './rules/dependency.ts';
import { anyError, anyTrace, echoRules, exceptionRules, vagueRules, wrapperRules } from './rules/general.ts';
import { gpuRules } from './rules/gpu.ts';
import { llmRules } from './rules/llm.ts';
import { memoryRules } from './rules/memory.ts';
import { heapRules, killRules, nativeRules, workerRules } from './rules/native.ts';
import { networkRules, rateRules, timeoutRules, tlsRules, upstreamRules, vagueNetworkRules } from './rules/network.ts';
import { diskRules, fileRules, limitRules, portRules } from './rules/system.ts';

/** All rules, in the order they are tried: the first that fits a line speaks for it. What is precise or misleading comes first. */
export const ruleBook: readonly Rule[] = [
  ...echoRules,
  ...workerRules,
  ...runningRules,
  ...memoryRules,
  ...gpuRules,
  ...limitRules,
  ...diskRules,
  ...portRules,
  ...lockRules,
  ...llmRules,
  ...rateRules,
  ...tlsRules,
  ...loginRules,
  ...dependencyRules,
  ...configRules,
  ...authRules,
  ...networkRules,
  ...upstreamRules,
  ...timeoutRules,
  ...heapRules,
  ...corruptRules,
  ...fileRules,
  ...wrapperRules,
  ...vagueNetworkRules,
  ...nativeRules,
  ...killRules,
  ...exceptionRules,
  ...vagueRules,
];

/** What every failing line has in it, whatever the language of its program: lines without any of it are not tried at all. */
export const trigger =
  /err|exce|fail|fatal|panic|abort|crash|den[iy]|refus|reset|time|cannot|can't|could|unable|not |n't|no such|missing|invalid|unauth|forbid|kill|term|signal|sig[a-z]{3}|memory|space|quota|limit|exceed|lock|in use|already|corrupt|malform|unexpected|cert|ssl|tls|close|unreach|route|resol|cuda|hip|gpu|nccl|nvml|too |overload|unavail|exit|E[A-Z]{3}|undef|null|none|requir|usage|unknown|unrecog|double|segm|bus |illegal|trap|bad|lost|end|stop|interrupt|cancel|evict|preempt|\b[45]\d\d\b|hangup|thrott|flood|install|uncaught|what\(|assert|broken|\^C|shut|expect|available|EULA|must|with|hostname|another|provide|fork|address|log(?:ged)?[ -]?in|auth|tty|terminal|trust|prompt|root|sudo|mismatch|without|should|please|hit |capacity|credit|balance|demand|browser|pending|changed|nonce|incompat|directive|duplicat|exhaust|retry|reconnect|waiting|bound|locate|need|revision|migrat|instance|incorrect|conflict|only|supported|allowed/i;

/** What a line that calls itself information must have in it to be tried: most of a log is such lines, and they fail outright or not at all. */
const plainTrigger =
  /\b(?:error|exception|fail(?:ed|ure)|fatal|panic|crash|kill|denied|refused|cannot|unable|not found|no such|invalid|unauthori[sz]ed|forbidden|exceeded|too many|out of memory|timed out|unreachable|corrupt|aborted|need to agree|must be)|_exceeded|SIG[A-Z]{3,4}\b|\b[45]\d\d\b|signal:? /i;

/** A rule and the text of the failure that it fits. */
export interface Match {
  readonly rule: Rule;
  readonly text: string;
  /** 0 for the headline, more for what the message says below it. */
  readonly depth: number;
}

const fits = (rule: Rule, text: string, context: readonly string[]): boolean =>
  rule.pattern.test(text) && (rule.context === undefined || context.some(line => rule.context?.test(line) === true));

const ofText = (text: string, { context, grade }: Failure): Rule | undefined =>
  (grade === 'info' ? plainTrigger : trigger).test(text) ? ruleBook.find(rule => fits(rule, text, context)) : undefined;

const isVague = (rule: Rule): boolean =>
  rule.wrapper === true || rule.id.startsWith('exception.') || rule.id.startsWith('log.') || (rule.weight ?? 0) <= 0.1;

/** The rule that speaks for a failure: the headline's, unless it says little and the rest of its message says more. */
export const matchFailure = (failure: Failure): Match | null => {
  const found = new Map<number, Rule>();
  for (const [depth, text] of failure.texts.slice(0, 12).entries()) {
    const rule = ofText(text, failure);
    if (rule === undefined) continue;
    if (!isVague(rule)) return { rule, text, depth };
    if (!found.has(depth)) found.set(depth, rule);
  }
  const [depth, rule] = [...found.entries()][0] ?? [];
  if (depth !== undefined && rule !== undefined) return { rule, text: failure.texts[depth] ?? '', depth };
  const text = failure.texts[0] ?? '';
  if (failure.trace) return { rule: anyTrace, text, depth: 0 };
  const calledError = failure.grade === 'error' || failure.grade === 'fatal';
  return calledError && !isChatter(text) && /[a-z]{3,}\W+\w{2,}/i.test(text)
    ? { rule: anyError, text, depth: 0 }
    : null;
};
