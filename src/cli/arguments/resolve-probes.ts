/** Probes from what was written for them: values, companions (--http-expect), and their own timing in the file. */
import { closeSync } from 'node:fs';
import type { Severity } from '../../core/health-model.ts';
import type { Remedy } from '../../core/model.ts';
import { openRegularSync, reasonOf } from '../../host/read-file.ts';
import { categories } from '../../incidents/incident.ts';
import type { ProbeBasics, ProbeSpec, ProbeSubject } from '../../probes/probe.ts';
import { type ProbeContext, type ProbeOption, type ProbeOptionName, probeOptions } from '../options/health.ts';
import { type OptionValues, optionRow } from '../options/index.ts';
import { type RawValue, readValue } from '../options/option.ts';
import { at, didYouMean, quoted, UsageError } from '../usage-error.ts';
import { readChoice, readText } from '../values/words.ts';
import type { HealthSettings, RawValues } from './invocation.ts';

/** Throws a UsageError for a remedy that could never fit: its word is neither a category nor a probe's name. */
function refuseUnknownWords(
  remedies: readonly Remedy[],
  probes: readonly string[],
  written: readonly RawValue[] | undefined,
): void {
  // Of a probe that is not there too: without one the remedy has nothing to act on.
  const kinds = probeOptionNames.map(name => probeOptions[name].name('', 0).replace(/:.*/, ''));
  const known = [...categories, ...kinds, ...probes];
  remedies.forEach(({ when }, index) => {
    if (when.kind !== 'word' || known.includes(when.word)) return;
    const where = written?.[index]?.where ?? '--remedy';
    throw new UsageError(
      `${where}: ${quoted(when.word)} is neither a category nor the name of a probe${didYouMean(when.word, known)}`,
    );
  });
}

/** A mistyped place would be a probe that always fails, and a command that is never left alone. */
function refuseUnreadable(path: string): void {
  try {
    closeSync(openRegularSync(path));
  } catch (error) {
    throw new UsageError(`${quoted(path)} cannot be read: ${reasonOf(error)}`);
  }
}

/** What a probe may say for itself in the file. */
export const probeKeys = ['interval', 'timeout', 'retries', 'start-period', 'name', 'severity'] as const;

const probeOptionNames = Object.keys(probeOptions) as ProbeOptionName[];

/** Everything of the Health section. `folder`: the child's working directory, where --min-disk looks by default. */
export function healthSettings(values: OptionValues, raw: RawValues, folder: string): HealthSettings {
  if (values['stale-when'] === 'idle' && values['stale-after'].includes('auto'))
    throw new UsageError('--stale-when idle needs a time: --stale-after auto learns from the output alone');
  const httpCa = values['http-ca'];
  if (httpCa !== null) at(raw.get('http-ca')?.[0]?.where ?? '--http-ca', () => refuseUnreadable(httpCa));
  const found = probes(values, raw, { folder, staleWhen: values['stale-when'], httpCa });
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

function probes(values: OptionValues, raw: RawValues, context: ProbeContext): ProbeSpec[] {
  const found: ProbeSpec[] = [];
  const taken = new Set<string>();
  for (const option of probeOptionNames) {
    const written = raw.get(option) ?? [];
    const { name, probe }: ProbeOption<never> = probeOptions[option];
    const patterns = companions(option, written, values, raw);
    written.forEach((one, index) => {
      const subject = at(one.where, () => probe(values[option][index] as never, patterns[index] ?? null, context));
      const usual = subject.kind === 'repeats' && values['repeat-action'] === 'alert' ? 'optional' : 'critical';
      const basics = basicsOf(one, values, uniqueName(name(one.text, index), taken), usual);
      if (taken.has(basics.name)) throw new UsageError(`${one.where}: two probes are called ${basics.name}`);
      taken.add(basics.name);
      found.push({ ...subject, ...basics }, ...earlyStage(subject, basics));
    });
  }
  return found;
}

/** A learned limit, a budget and an idle tree are alerted first: by a probe of its own that stops nothing. */
function earlyStage(subject: ProbeSubject, basics: ProbeBasics): ProbeSpec[] {
  const early = { severity: 'optional', name: `${basics.name}:early` } as const;
  if (subject.kind === 'budget') return [{ ...subject, ...basics, ...early, stage: 'alert' }];
  if (subject.kind === 'rhythm') return [{ ...subject, ...basics, ...early, stage: 'alert' }];
  // One that only alerts needs no other alert before it.
  const restarts = subject.kind === 'stale' && subject.when === 'idle' && basics.severity === 'critical';
  return restarts ? [{ ...subject, ...basics, ...early, early: true }] : [];
}

/** A second probe of the same default name gets a number: `fail-pattern:2`. */
function uniqueName(name: string, taken: ReadonlySet<string>): string {
  let unique = name;
  for (let n = 2; taken.has(unique); n++) unique = `${name}:${n}`;
  return unique;
}

/** One pattern goes with all probes of its kind; several go one to one, in order; the file's own come first. */
function companions(
  option: ProbeOptionName,
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

function basicsOf(one: RawValue, values: OptionValues, ownName: string, usual: Severity): ProbeBasics {
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
        ? usual
        : at(severity.where, () => readChoice(severity.text, ['critical', 'optional'] as const)),
    intervalMs: amount('interval'),
    timeoutMs: amount('timeout'),
    retries: amount('retries'),
    startPeriodMs: amount('start-period'),
  };
}
