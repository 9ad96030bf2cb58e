import type { IncidentSeed } from '../core/events.ts';
import type { Category } from './incident.ts';
import { triage } from './triage/triage.ts';

/** What the watcher's own measurement says about a run that the watcher ended. */
export interface MeasuredCause {
  readonly category: Category;
  readonly confidence: number;
  /** The measurement with its numbers, as one sentence: it takes the place of a line of the log. */
  readonly keyLine: string;
  readonly recommendation: string;
  /** `proof.…`: the fingerprint is made of the names of the probes, not of the numbers. */
  readonly rule: string;
}

type Words = Pick<MeasuredCause, 'category' | 'confidence' | 'rule' | 'recommendation'>;

const NO_EXIT = { code: null, signal: null };

/**
 * The cause of an end by a kill condition, a limit, a silence or a failed probe. The log of such a run tells what the program
 * did before, and what it printed because it was ended: neither is the cause.
 */
export function measuredCause(seed: IncidentSeed, kindOf: (probe: string) => string | null): MeasuredCause {
  const why = seed.why ?? 'the watcher ended the run';
  if (seed.cause === 'kill-condition') return { ...words.killCondition, keyLine: `Kill condition met: ${why}` };
  const reason = seed.reasons[0];
  if (reason === undefined) return { ...words.runtime, keyLine: capital(why) };
  const kind = kindOf(reason.name);
  const rest = seed.reasons.slice(1).map(({ name, detail }) => `; ${name}: ${detail}`);
  const keyLine = (text: string) => `${text}${rest.join('')}`;
  if (kind === 'memory') return { ...words.memory, keyLine: keyLine(`Memory limit exceeded: ${reason.detail}`) };
  if (kind === 'budget') return { ...words.budget, keyLine: keyLine(`Budget used up: ${reason.detail}`) };
  if (kind === 'disk') return { ...words.disk, keyLine: keyLine(`Disk space below the limit: ${reason.detail}`) };
  if (kind === 'error-rate') return { ...words.errors, keyLine: keyLine(`Too many errors: ${reason.detail}`) };
  if (seed.kind === 'stalled') return { ...words.silence, keyLine: keyLine(silenceText(reason)) };
  if (seed.kind === 'limit')
    return { ...words.limit, keyLine: keyLine(`Limit ${reason.name} exceeded: ${reason.detail}`) };
  return { ...failedProbe(reason, kind), keyLine: keyLine(`Probe ${reason.name} failed: ${reason.detail}`) };
}

const silenceText = ({ name, detail }: { name: string; detail: string }): string =>
  /^no output\b/.test(detail) ? capital(detail) : `No progress seen by ${name}: ${detail}`;

/** What the probe itself was told (a status, a body, an errno, a line) is put to the rules; where they are silent, its kind speaks. */
function failedProbe({ name, detail }: { name: string; detail: string }, kind: string | null): Words {
  const recommendation = checkOfProbe(name, kind);
  const found = triage({ exit: NO_EXIT, output: detail, facts: [] });
  const known = !/^(?:exit|log|wrapper|exception|kill)\./.test(found.rule);
  if (known) return { category: found.category, confidence: 0.6, rule: 'proof.probe', recommendation };
  const category = /\bHTTP 5\d\d\b/.test(detail) ? 'upstream-error' : kind === 'port' ? 'network-unreachable' : null;
  if (category !== null) return { category, confidence: 0.6, rule: 'proof.probe', recommendation };
  const silent = /\b(?:no answer|in time|did not end|not changed|not written|no growth)\b/.test(detail);
  return { category: silent ? 'timeout' : 'unhandled-exception', confidence: 0.5, rule: 'proof.probe', recommendation };
}

/** What a hang is cured by, where its processes told what they waited for. Source of the sentence: core/autopsy.ts. */
export function hangAdvice(recommendation: string, autopsySentence: string | undefined): string {
  const peer = /\b(?:waits for|waits for a connection to) (\S+:\d+) \(/.exec(autopsySentence ?? '')?.[1];
  if (peer === undefined || recommendation !== words.silence.recommendation) return recommendation;
  return `The program hung waiting for ${peer}. Find out why that does not answer, and give the call a time limit shorter than the probe.`;
}

function checkOfProbe(name: string, kind: string | null): string {
  if (kind === 'http')
    return `Run \`curl -i ${name.replace(/^http:(?=https?:)/, '')}\`, and find in the last output what the request waits for.`;
  if (kind === 'port')
    return `Check with \`ss -ltnp\` whether the program still listens on ${name.replace(/^port:/, 'port ')}.`;
  if (kind === 'check') return `Run the command of ${name} by hand, as the user of the service, and read its output.`;
  if (kind === 'fail-pattern') return 'Look up the line that matched --fail-pattern in the last output.';
  return `Find out why ${name} fails: run by hand what the probe checks, and read the last output.`;
}

const words = {
  killCondition: {
    category: 'resource-limit',
    confidence: 0.9,
    rule: 'proof.kill-when',
    recommendation:
      'Find out why the values passed their limits. Clear the hold only when that is settled: until then nothing starts.',
  },
  runtime: {
    category: 'timeout',
    confidence: 0.8,
    rule: 'proof.max-runtime',
    recommendation: 'Find out what took so long, or raise --max-runtime.',
  },
  memory: {
    category: 'out-of-memory',
    confidence: 0.9,
    rule: 'proof.max-memory',
    recommendation: 'Compare --max-memory with what the program needs, and look for a leak in the memory history.',
  },
  disk: {
    category: 'disk-full',
    confidence: 0.9,
    rule: 'proof.min-disk',
    recommendation:
      'Free space on the file system that the reason names: `df -h` shows it, `du -xh --max-depth=2` shows what grew.',
  },
  budget: {
    category: 'resource-limit',
    confidence: 0.9,
    rule: 'proof.budget',
    recommendation:
      'Find out what the runs used so much for, or raise --budget. `agent-watch reset` empties the window.',
  },
  errors: {
    category: 'unhandled-exception',
    confidence: 0.6,
    rule: 'proof.error-rate',
    recommendation: 'Look up the errors in the last output: they came more often than --error-rate allows.',
  },
  limit: {
    category: 'resource-limit',
    confidence: 0.8,
    rule: 'proof.limit',
    recommendation: 'Compare the limit with what the program needs, and find out what used so much.',
  },
  silence: {
    category: 'timeout',
    confidence: 0.8,
    rule: 'proof.silence',
    recommendation:
      'The program hung. Find in its last output what it waited for, and give that call a time limit shorter than the probe.',
  },
} as const satisfies Readonly<Record<string, Words>>;

const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
