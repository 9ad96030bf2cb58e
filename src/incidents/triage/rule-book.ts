import type { Rule } from './rule.ts';
import { configRules } from './rules/config.ts';
import { corruptRules, lockRules } from './rules/data.ts';
import { dependencyRules } from './rules/dependency.ts';
import { echoRules, exceptionRules, vagueRules, wrapperRules } from './rules/general.ts';
import { gpuRules } from './rules/gpu.ts';
import { authRules, rateRules, upstreamRules } from './rules/http.ts';
import { llmRules } from './rules/llm.ts';
import { memoryRules } from './rules/memory.ts';
import { heapRules, killRules, nativeRules } from './rules/native.ts';
import { networkRules, timeoutRules, tlsRules, vagueNetworkRules } from './rules/network.ts';
import { diskRules, fileRules, limitRules, portRules } from './rules/system.ts';

/** All rules, in the order they are tried: the first that fits a line speaks for it. What is precise or misleading comes first. */
export const ruleBook: readonly Rule[] = [
  ...echoRules,
  ...memoryRules,
  ...gpuRules,
  ...limitRules,
  ...diskRules,
  ...portRules,
  ...lockRules,
  ...llmRules,
  ...rateRules,
  ...tlsRules,
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
