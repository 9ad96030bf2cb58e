import type { HealthPolicy, KillWhenPolicy, ProbeJudging, ProbePolicy } from '../core/health-model.ts';
import { cpuProbe, type Members, memoryProbe } from './memory-and-cpu.ts';
import {
  errorRateProbe,
  failPatternProbe,
  firstOutputProbe,
  repeatsProbe,
  rhythmProbe,
  staleProbe,
} from './output-probes.ts';
import {
  budgetProbe,
  checkProbe,
  diskProbe,
  freshFileProbe,
  growProbe,
  httpProbe,
  portProbe,
} from './polled-probes.ts';
import {
  type BudgetKeeper,
  type BudgetLimit,
  idleLookMs,
  type Probe,
  type ProbeBasics,
  type ProbeKind,
  type ProbeSpec,
  type ProbeWorld,
  type RhythmKeeper,
  type SpeakUp,
  type SpecOf,
  silenceLimitMs,
  type WatchedRun,
} from './probe.ts';

/** What a probe may need. */
export interface ProbeNeeds {
  readonly run: WatchedRun;
  readonly world: ProbeWorld;
  readonly members: Members;
  readonly speakUp: SpeakUp;
}

/** A kind of probe: how it is judged, what makes it for one run, and what is known of all of its kind. */
interface KindRow<K extends ProbeKind> {
  /** What it says of itself quotes neither the output, an answer nor a command, so that an alert may carry it. */
  readonly ownWords: boolean;
  /** A run that it ends has exceeded a limit. */
  readonly isLimit?: true;
  /** What it limits comes back with time: the number of a failing answer is the wall clock time of that. */
  readonly isBudget?: true;
  judging(spec: SpecOf<K>): ProbeJudging;
  /** What costs time to load (HTTP, a shell) is loaded when it first asks. */
  make(spec: SpecOf<K>, needs: ProbeNeeds): Probe;
  /** Whether new processes of the run are looked for often, because something is judged by them. */
  followsTree?(spec: SpecOf<K>): boolean;
  /** Its question has no limit of its own: it is given up at the timeout, not some time after. */
  readonly waitsOnDisk?: true;
}

/** Memory and disk are looked at this often, or at the interval if that is shorter. */
const SAMPLE_MS = 5000;
/** A glob may match many files: it is not walked more often than this, unless it is due. */
const GROW_LOOK_MS = 30_000;
const FILE_LOOK_MS = 10_000;
/** Its look costs nothing but the wake-up, which it shares with the heartbeat. */
const STALE_LOOK_MS = 5000;
/** A question has a time limit of its own; this long after it, it is given up whatever it does. */
const GIVE_UP_MS = 30_000;

const asked = ({ intervalMs, retries, startPeriodMs }: ProbeBasics): ProbeJudging => {
  return { way: 'asked', intervalMs, retries, graceMs: startPeriodMs + intervalMs, judged: true, isMemory: false };
};
const sampled = ({ intervalMs, retries }: ProbeBasics, judged: boolean, isMemory: boolean): ProbeJudging => {
  const sampleMs = judged ? Math.min(intervalMs, SAMPLE_MS) : intervalMs;
  return { way: 'asked', intervalMs: sampleMs, retries, graceMs: 0, judged, isMemory };
};
const output = (limitMs: number, startPeriodMs: number): Extract<ProbeJudging, { way: 'timed' }> => {
  const lookMs = Math.min(STALE_LOOK_MS, Math.max(250, limitMs / 4));
  return { way: 'timed', watches: 'output', limitMs, startPeriodMs, lookMs };
};
const told = ({ startPeriodMs, intervalMs }: ProbeBasics, lasts: boolean): ProbeJudging => {
  return { way: 'told', lasts, startPeriodMs, lookMs: intervalMs };
};

function budgetOf({ budget }: ProbeWorld, limit: BudgetLimit): BudgetKeeper {
  if (budget === undefined) throw new Error('a budget needs a place to keep what was used');
  return budget(limit);
}

function rhythmOf({ rhythm }: ProbeWorld): RhythmKeeper {
  if (rhythm === undefined) throw new Error('a probe that learns needs a place to keep what it learns');
  return rhythm();
}

/** Every kind of probe. */
const kinds: { readonly [K in ProbeKind]: KindRow<K> } = {
  stale: {
    ownWords: true,
    judging: spec => {
      const judging = output(silenceLimitMs(spec), spec.startPeriodMs);
      return spec.when === 'idle' ? { ...judging, lookMs: idleLookMs(spec.afterMs) } : judging;
    },
    make: (spec, { world, members }) => staleProbe(spec, () => world.now().mono, members),
  },
  rhythm: {
    ownWords: true,
    // The limit comes with each answer: none is known beforehand.
    judging: ({ startPeriodMs }) => output(Number.MAX_SAFE_INTEGER, startPeriodMs),
    make: (spec, { world }) => rhythmProbe(spec, rhythmOf(world), () => world.now().mono),
  },
  repeats: {
    ownWords: false,
    judging: spec => told(spec, false),
    make: (spec, { world, speakUp }) => repeatsProbe(spec, () => world.now().mono, speakUp),
  },
  budget: {
    ownWords: true,
    isBudget: true,
    judging: spec => ({ ...told(spec, false), startPeriodMs: 0, lookMs: Math.min(spec.intervalMs, SAMPLE_MS) }),
    make: (spec, { world, speakUp }) => budgetProbe(spec, budgetOf(world, spec.budget), speakUp),
  },
  'first-output': {
    ownWords: true,
    // The time counts from the start: a start period would only lengthen it.
    judging: ({ withinMs }) => ({ ...output(withinMs, 0), once: true }),
    make: () => firstOutputProbe(),
  },
  'fail-pattern': {
    ownWords: false,
    judging: spec => told(spec, true),
    make: (spec, { speakUp }) => failPatternProbe(spec, speakUp),
  },
  'fresh-file': {
    ownWords: true,
    waitsOnDisk: true,
    judging: ({ maxAgeMs: limitMs, startPeriodMs }) => {
      const lookMs = Math.max(FILE_LOOK_MS, Math.min(60_000, limitMs / 10));
      return { way: 'timed', watches: 'file', limitMs, startPeriodMs, lookMs };
    },
    make: spec => freshFileProbe(spec),
  },
  grow: {
    ownWords: true,
    judging: ({ withinMs: limitMs, startPeriodMs }) => {
      const lookMs = Math.max(GROW_LOOK_MS, Math.min(300_000, limitMs / 10));
      return { way: 'timed', watches: 'artifacts', limitMs, startPeriodMs, lookMs };
    },
    make: spec => growProbe(spec),
  },
  http: { ownWords: false, judging: asked, make: (spec, { world }) => httpProbe(spec, world) },
  port: { ownWords: true, judging: asked, make: (spec, { world }) => portProbe(spec, world) },
  check: { ownWords: false, judging: asked, make: (spec, { run, world }) => checkProbe(spec, run, world) },
  memory: {
    ownWords: true,
    isLimit: true,
    followsTree: spec => spec.maxBytes !== null,
    judging: spec => sampled(spec, spec.maxBytes !== null, true),
    make: (spec, { members }) => memoryProbe(spec, members),
  },
  cpu: {
    ownWords: true,
    isLimit: true,
    followsTree: () => true,
    judging: spec => sampled({ ...spec, retries: 1 }, true, false),
    make: (spec, { members, world }) => cpuProbe(spec, members, () => world.now().mono),
  },
  disk: {
    ownWords: true,
    waitsOnDisk: true,
    judging: spec => sampled(spec, true, false),
    make: spec => diskProbe(spec),
  },
  'error-rate': {
    ownWords: false,
    judging: spec => told(spec, false),
    make: (spec, { world, speakUp }) => errorRateProbe(spec, () => world.now().mono, speakUp),
  },
};

// A spec and the row of its kind belong together, which the type of a union does not tell.
const rowOf = <K extends ProbeKind>({ kind }: SpecOf<K>): KindRow<K> => kinds[kind] as KindRow<K>;

/** What the judge needs of the probes and the kill condition. Names must be distinct. */
export function healthPolicy(specs: readonly ProbeSpec[], killWhen: KillWhenPolicy | null): HealthPolicy {
  return { probes: specs.map(policyOf), killWhen };
}

function policyOf(spec: ProbeSpec): ProbePolicy {
  const { name, kind, severity } = spec;
  const { ownWords, isLimit, isBudget, judging } = rowOf(spec);
  const endsAs = isBudget ? 'budget' : isLimit ? 'limit' : 'probe';
  return { name, kind, severity, ownWords, endsAs, ...judging(spec) };
}

/** Makes the probe of a spec for one run. */
export function makeProbe(spec: ProbeSpec, needs: ProbeNeeds): Probe {
  return rowOf(spec).make(spec, needs);
}

/** Whether the processes of a run are to be looked for often. */
export function followsTree(spec: ProbeSpec): boolean {
  return rowOf(spec).followsTree?.(spec) ?? false;
}

/** How long its answer is waited for, in ms; null: as long as the kill condition's. */
export function patienceMs(spec: ProbeSpec | null): number {
  if (spec === null) return GIVE_UP_MS;
  return rowOf(spec).waitsOnDisk ? spec.timeoutMs : spec.timeoutMs + GIVE_UP_MS;
}

/** How often the kill condition is read, by the contract. */
export function killWhenIntervalMs(healthIntervalMs: number): number {
  return Math.min(healthIntervalMs, SAMPLE_MS);
}
