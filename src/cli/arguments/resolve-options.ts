/** From what was written for each option to the validated settings. */
import { WEBHOOK_VARIABLES, type Webhook } from '../../alerts/target.ts';
import type { CauseAction } from '../../core/model.ts';
import type { Environment } from '../environment.ts';
import { isOptionName, type OptionName, type OptionValues, optionRow, watchOptionNames } from '../options/index.ts';
import { type DiagnoseChoice, type RawValue, readValue } from '../options/option.ts';
import { at, UsageError } from '../usage-error.ts';
import { readSecretUrl } from '../values/words.ts';
import type {
  AlertSettings,
  DiagnosisSettings,
  JudgeSettings,
  OutputSettings,
  RawValues,
  RestartSettings,
  ServiceSettings,
} from './invocation.ts';

/** Reads the values of some options. Asking the result for another one is a mistake in the program, not in the input. */
export function readValues(names: readonly OptionName[], raw: RawValues): OptionValues {
  const values: Partial<Record<OptionName, unknown>> = {};
  for (const name of names) values[name] = settledValue(name, raw.get(name));
  return values as OptionValues;
}

function settledValue(name: OptionName, raw: readonly RawValue[] | undefined): unknown {
  const row = optionRow(name);
  if (raw === undefined) return row.value ?? (row.repeat ? [] : row.kind === 'switch' ? false : null);
  const values = raw.map(value => readValue(row, value));
  if (row.kind === 'codes' || row.kind === 'choices') return [...new Set(values.flat())];
  return row.repeat ? values : values[0];
}

/** Options that do nothing without one of these: written alone, they are a mistake that would be noticed too late. */
const partners: Readonly<Record<string, readonly string[]>> = {
  'progress-pattern': ['stale-after'],
  'stale-when': ['stale-after'],
  'repeat-action': ['repeat-limit'],
  'http-ca': ['http'],
  metrics: ['kill-when', 'budget'],
  'judge-with': ['judge'],
  'judge-acts': ['judge'],
};

/** @throws UsageError for an option whose partner is missing */
export function refuseWithoutPartner(raw: RawValues): void {
  for (const [name, wanted] of Object.entries(partners)) {
    const written = raw.get(name as OptionName)?.[0];
    const known = wanted.filter(isOptionName);
    if (written === undefined || known.some(partner => raw.has(partner))) continue;
    const names = known.map(partner => `--${partner}`).join(' or ');
    throw new UsageError(`${written.where}: has no effect without ${names}`);
  }
}

/** What --on-cause adds to, a cause at a time. */
const ON_CAUSE: Readonly<Record<string, CauseAction>> = {
  'rate-limited': { kind: 'wait', everyMs: null },
  'auth-failed': { kind: 'wait', everyMs: 15 * 60_000 },
};

/** The restart policy of the contract's Restart table. */
export function restartSettings(values: OptionValues, raw: RawValues): RestartSettings {
  return {
    restart: values.restart,
    backoffMs: values.backoff,
    backoffFactor: values['backoff-factor'],
    backoffMaxMs: values['backoff-max'],
    jitter: values.jitter,
    healthyAfterMs: values['healthy-after'],
    flapThreshold: values['flap-threshold'],
    flapWindowMs: values['flap-window'],
    flapCooldownMs: values['flap-cooldown'],
    maxRestarts: values['max-restarts'],
    successCodes: values['success-codes'],
    holdCodes: values['hold-codes'],
    onCause: { ...ON_CAUSE, ...Object.fromEntries(values['on-cause'].map(({ cause, action }) => [cause, action])) },
    maxWaitMs: values['max-wait'],
    accept: values.accept,
    resumeCommand: values['resume-command'],
    patterns: {
      success: values['success-pattern'],
      failAtExit: values['fail-at-exit'],
      done: values['done-pattern'],
      doneGraceMs: values['done-grace'],
    },
    onHold: values['on-hold'],
    stopSignal: values['stop-signal'],
    stopSignalGiven: raw.has('stop-signal'),
    stopTimeoutMs: values['stop-timeout'],
    dumpSignal: values['dump-signal'],
    stopTo: values['stop-to'],
    maxRuntimeMs: values['max-runtime'],
    expectDurationMs: values['expect-duration'],
    schedule: values.schedule,
    timezone: values.timezone,
    feedLastOutput: values['feed-last-output'],
  };
}

/** Under journald one rotated log is enough: the journal keeps the output itself. */
export function outputSettings(values: OptionValues, raw: RawValues, here: Environment): OutputSettings {
  const keep = here.underJournal && !raw.has('log-keep') ? 1 : values['log-keep'];
  return {
    quiet: values.quiet,
    log: values['no-log'] ? null : { maxBytes: values['log-max-size'], keep },
    tailLines: values['tail-lines'],
    bufferBytes: values['buffer-size'],
  };
}

/** A local model is given two minutes: it may have to be loaded first. */
export function diagnosisSettings(values: OptionValues): DiagnosisSettings {
  const ownTimeoutMs = values.diagnose.kind === 'ollama' ? 120_000 : 10_000;
  return {
    diagnose: values.diagnose,
    model: values['llm-model'],
    url: values['llm-url'],
    timeoutMs: values['llm-timeout'] ?? ownTimeoutMs,
    maxCalls: values['llm-max-calls'],
    keyFile: values['llm-key-file'],
  };
}

/** The rubric and who judges by it; null: nobody does. Throws a UsageError where no model is named. */
export function judgeSettings(values: OptionValues): JudgeSettings | null {
  const { judge: rubric, 'judge-with': own, 'judge-acts': acts } = values;
  if (rubric === null) return null;
  const isModel = ({ kind }: DiagnoseChoice) => kind !== 'off' && kind !== 'rules';
  if (own !== null && !isModel(own))
    throw new UsageError(`--judge-with: "${own.kind}" is not a model; name a provider`);
  const diagnosis = diagnosisSettings(values);
  const diagnose = own ?? diagnosis.diagnose;
  if (!isModel(diagnose))
    throw new UsageError('--judge: no model is named; give --judge-with PROVIDER, or a model to --diagnose');
  // What was said of the model that diagnoses says nothing of another provider's.
  const shared = !isModel(diagnosis.diagnose) || diagnosis.diagnose.kind === diagnose.kind;
  const timeoutMs = values['llm-timeout'] ?? (diagnose.kind === 'ollama' ? 120_000 : 10_000);
  const others = shared ? {} : { model: null, url: null, keyFile: null };
  return { rubric, acts, model: { ...diagnosis, ...others, diagnose, timeoutMs } };
}

const topics = [
  'flap',
  'slow-loop',
  'hold',
  'limited',
  'unhealthy',
  'recovered',
  'unusual',
  'crash',
  'start',
  'stop',
] as const;

/** Alerts as they were asked for; without a webhook of our own, the environment's. */
export function alertSettings(values: OptionValues, raw: RawValues, here: Environment): AlertSettings {
  const wanted: readonly string[] = values['alert-on'];
  // Nobody looks at each run of a schedule, and a judge is there to be heard.
  const judgesRuns = (values.schedule !== null || values.judge !== null) && !raw.has('alert-on');
  const isOn = (topic: string) =>
    wanted.includes(topic) || wanted.includes('all') || (judgesRuns && topic === 'unusual');
  const given = values['alert-webhook'].map(target => ({ target, from: 'option' as const }));
  return {
    webhooks: given.length > 0 ? given : webhookOfEnvironment(here),
    format: values['alert-format'],
    commands: values['alert-command'],
    files: values['alert-file'],
    on: new Set(topics.filter(isOn)),
    cooldownMs: values['alert-cooldown'],
    heartbeat: values['heartbeat-url'],
  };
}

/** The webhook that the environment names, if one of its variables does. @throws UsageError for an address that is none */
export function webhookOfEnvironment({ env, cwd }: Pick<Environment, 'env' | 'cwd'>): Webhook[] {
  const from = WEBHOOK_VARIABLES.find(name => env[name]);
  if (from === undefined) return [];
  return [{ target: at(`$${from}`, () => readSecretUrl(env[from] ?? '', cwd)), from }];
}

/** The face to scrapers and to systemd. */
export function serviceSettings(values: OptionValues): ServiceSettings {
  const { listen } = values;
  const loopback = listen === null || /^(?:localhost|127(?:\.\d+){3}|::1)$/.test(listen.host);
  if (!loopback && values['listen-token-file'] === null)
    throw new UsageError(`--listen: on ${listen.host}, which is not loopback, it needs --listen-token-file`);
  return { listen, listenTokenFile: values['listen-token-file'], notifyReady: values['notify-ready'] };
}

// Options that come by the environment instead of the command line: see secret-options.ts for which, and why.

export const OPTION_PREFIX = 'AGENT_WATCH_OPTION_';

/** The variable of an option's value; `index` counts the values of a repeatable one from 0. */
export function optionVariable(name: OptionName, index: number): string {
  return `${OPTION_PREFIX}${name.toUpperCase().replaceAll('-', '_')}${index === 0 ? '' : `_${index + 1}`}`;
}

/** The flags and, for options that are no flag here, what the environment says. */
export function withOptionVariables(flags: RawValues, here: Environment): RawValues {
  if (!Object.keys(here.env).some(name => name.startsWith(OPTION_PREFIX))) return flags;
  const all = new Map(flags);
  for (const name of watchOptionNames) {
    const values = variablesOf(name, here);
    if (values.length > 0 && !flags.has(name)) all.set(name, values);
  }
  return all;
}

function variablesOf(name: OptionName, here: Environment): RawValue[] {
  const values: RawValue[] = [];
  for (;;) {
    const variable = optionVariable(name, values.length);
    const text = here.env[variable];
    if (text === undefined) return values;
    values.push({ text, base: here.cwd, where: `$${variable}` });
  }
}
