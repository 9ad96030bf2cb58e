/** Probes from what was written for them: values, companions (--http-expect), and their own timing in the file. */
import { categories } from '../../incidents/triage/rule.ts';
import { type OptionName, type OptionValues, optionRow } from '../options/index.ts';
import type { Remedy } from '../options/option.ts';
import { at, nearest, quoted, UsageError } from '../usage-error.ts';
import { type RawValue, readValue } from '../values/read-value.ts';
import { readChoice, readText } from '../values/words.ts';
import type { RawValues } from './resolve-options.ts';
import type { HealthSettings, ProbeBasics, ProbeSettings } from './settings.ts';

/** What a probe's name begins with, whether or not one of that kind is there: without one the remedy has nothing to act on. */
const PROBE_WORDS = ['stale', 'fail-pattern', 'fresh', 'grow', 'http', 'port', 'check', 'memory', 'disk', 'errors'];

/** Throws a UsageError for a remedy that could never fit: its word is neither a category nor a probe's name. */
function refuseUnknownWords(
  remedies: readonly Remedy[],
  probes: readonly string[],
  written: readonly RawValue[] | undefined,
): void {
  const known = [...categories, ...PROBE_WORDS, ...probes];
  remedies.forEach(({ when }, index) => {
    if (when.kind !== 'word' || known.includes(when.word)) return;
    const where = written?.[index]?.where ?? '--remedy';
    throw new UsageError(
      `${where}: ${quoted(when.word)} is no category and no probe's name; did you mean ${nearest(when.word, known)}?`,
    );
  });
}

/** What a probe may say for itself in the file. */
export const probeKeys = ['interval', 'timeout', 'retries', 'start-period', 'name', 'severity'] as const;

/**
 * The options that are probes, the option that goes with one, and how its value may be written in a mapping of the file:
 * `value`, or these parts, joined by `=` as on the command line.
 */
export const probeOptions = {
  'stale-after': { companion: 'progress-pattern', parts: ['after'] },
  'fail-pattern': { companion: null, parts: ['pattern'] },
  'fresh-file': { companion: null, parts: ['path', 'age'] },
  grow: { companion: null, parts: ['files', 'within'] },
  http: { companion: 'http-expect', parts: ['url'] },
  port: { companion: null, parts: ['address'] },
  check: { companion: null, parts: ['command'] },
  'max-memory': { companion: null, parts: ['size'] },
  'min-disk': { companion: null, parts: ['free', 'path'] },
  'error-rate': { companion: 'error-pattern', parts: ['rate'] },
} as const satisfies Partial<Record<OptionName, { companion: OptionName | null; parts: readonly string[] }>>;

export type ProbeOption = keyof typeof probeOptions;

/** Everything of the Health section. `folder`: the child's working directory, where --min-disk looks by default. */
export function healthSettings(values: OptionValues, raw: RawValues, folder: string): HealthSettings {
  const found = probes(values, raw, folder);
  const names = found.map(({ name }) => name);
  refuseUnknownWords(values.remedy, names, raw.get('remedy'));
  return {
    probes: found,
    intervalMs: values['health-interval'],
    timeoutMs: values['health-timeout'],
    retries: values['health-retries'],
    startPeriodMs: values['health-start-period'],
    killWhen: values['kill-when'],
    metrics: values.metrics,
    metricsMaxAgeMs: values['metrics-max-age'],
    killWhenBlind: values['kill-when-blind'],
    remedies: values.remedy,
  };
}

function probes(values: OptionValues, raw: RawValues, folder: string): ProbeSettings[] {
  const found: ProbeSettings[] = [];
  const taken = new Set<string>();
  for (const option of Object.keys(probeOptions) as ProbeOption[]) {
    const written = raw.get(option) ?? [];
    const patterns = companions(option, written, values, raw);
    written.forEach((one, index) => {
      const what = probeOf(option, values, index, patterns[index] ?? null, folder);
      const basics = basicsOf(one, values, uniqueName(defaultName(option, one, index), taken));
      if (taken.has(basics.name)) throw new UsageError(`${one.where}: two probes are called ${basics.name}`);
      taken.add(basics.name);
      found.push({ ...what, ...basics });
    });
  }
  return found;
}

/** A second probe of the same default name gets a number: `fail-pattern:2`. */
function uniqueName(name: string, taken: ReadonlySet<string>): string {
  let unique = name;
  for (let n = 2; taken.has(unique); n++) unique = `${name}:${n}`;
  return unique;
}

/** One pattern goes with all probes of its kind; several go one to one, in order; the file's own come first. */
function companions(
  option: ProbeOption,
  written: readonly RawValue[],
  values: OptionValues,
  raw: RawValues,
): (RegExp | null)[] {
  const { companion } = probeOptions[option];
  if (companion === null) return [];
  const patterns = values[companion];
  if (written.length > 0 && patterns.length > 1 && patterns.length !== written.length) {
    const where = raw.get(companion)?.[0]?.where ?? `--${companion}`;
    throw new UsageError(
      `${where}: given ${patterns.length} times for ${written.length} of --${option}; give it once, or once for each`,
    );
  }
  return written.map((one, index) => {
    const own = one.own?.companion;
    if (own !== undefined) return readValue(optionRow(companion), own) as RegExp;
    return patterns[patterns.length > 1 ? index : 0] ?? null;
  });
}

function basicsOf(one: RawValue, values: OptionValues, ownName: string): ProbeBasics {
  const own = one.own ?? {};
  const amount = (key: 'interval' | 'timeout' | 'retries' | 'start-period') => {
    const written = own[key];
    return written === undefined ? values[`health-${key}`] : (readValue(optionRow(`health-${key}`), written) as number);
  };
  const { name, severity } = own;
  return {
    name: name === undefined ? ownName : at(name.where, () => readText(name.text)),
    severity:
      severity === undefined
        ? 'critical'
        : at(severity.where, () => readChoice(severity.text, ['critical', 'optional'] as const)),
    intervalMs: amount('interval'),
    timeoutMs: amount('timeout'),
    retries: amount('retries'),
    startPeriodMs: amount('start-period'),
  };
}

/** The contract's name of a probe, paths and addresses as they were written. */
function defaultName(option: ProbeOption, { text }: RawValue, index: number): string {
  const place = text.slice(0, text.lastIndexOf('='));
  const names: Record<ProbeOption, string> = {
    'stale-after': 'stale',
    'fail-pattern': 'fail-pattern',
    'fresh-file': `fresh:${place}`,
    grow: `grow:${place}`,
    http: `http:${text}`,
    port: `port:${text.replace(/^.*:/, '')}`,
    check: `check:${index + 1}`,
    'max-memory': 'memory',
    'min-disk': 'disk',
    'error-rate': 'errors',
  };
  return names[option];
}

type WithoutBasics<P> = P extends unknown ? Omit<P, keyof ProbeBasics> : never;

function probeOf(
  option: ProbeOption,
  values: OptionValues,
  index: number,
  pattern: RegExp | null,
  folder: string,
): WithoutBasics<ProbeSettings> {
  switch (option) {
    case 'stale-after':
      return { kind: 'stale', afterMs: values[option][index]!, progressPattern: pattern };
    case 'fail-pattern':
      return { kind: 'fail-pattern', pattern: values[option][index]! };
    case 'fresh-file':
      return { kind: 'fresh-file', path: values[option][index]!.place, maxAgeMs: values[option][index]!.ms };
    case 'grow':
      return { kind: 'grow', glob: values[option][index]!.place, withinMs: values[option][index]!.ms };
    case 'http':
      return { kind: 'http', url: values[option][index]!, expect: pattern };
    case 'port':
      return { kind: 'port', ...values[option][index]! };
    case 'check':
      return { kind: 'check', command: values[option][index]! };
    case 'max-memory':
      return { kind: 'memory', maxBytes: values[option][index]! };
    case 'min-disk': {
      const { bytes, place } = values[option][index]!;
      return { kind: 'disk', minFreeBytes: bytes, path: place ?? folder };
    }
    case 'error-rate':
      return { kind: 'error-rate', rate: values[option][index]!, pattern };
  }
}
