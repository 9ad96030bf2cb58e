/** The form of a row in a file. */
export const healthRowShape: Shape = {
  object: {
    name: 'string',
    ok: { nullable: 'boolean' },
    severity: { oneOf: ['critical', 'optional'] },
    detail: 'string',
    since: 'string',
  },
};

const stamp: Shape = { object: { mono: 'number', wall: 'number' } };
const probe: Shape = {
  object: {
    ok: { nullable: 'boolean' },
    since: stamp,
    detail: 'string',
    value: { nullable: 'number' },
    failures: 'number',
    settled: 'boolean',
    askedAt: { nullable: 'number' },
    askedBeforeGap: 'boolean',
    nextAt: 'number',
    base: 'number',
    suspect: 'boolean',
    seen: { nullable: { object: { at: stamp, mtime: { nullable: 'number' }, count: 'number', bytes: 'number' } } },
  },
};

/** The form of a list of reasons. */
const reasonsShape: Shape = {
  list: { object: { name: 'string', detail: 'string', severity: { oneOf: ['critical', 'optional'] } } },
};

const memoryShape: Shape = { list: { object: { at: 'number', bytes: 'number' } } };

/** The form of a HealthState in a file. */
export const healthShape: Shape = {
  object: {
    startedAt: stamp,
    probes: { list: probe },
    killWhen: { nullable: probe },
    lastTickAt: 'number',
    nextTickAt: { nullable: 'number' },
    outputBlocked: 'boolean',
    reasons: reasonsShape,
    green: 'boolean',
    memory: memoryShape,
  },
};

const exit = { code: { nullable: 'number' }, signal: { nullable: 'string' } } as const;
const timer: Shape = { nullable: 'number' };
const hold: Shape = {
  object: {
    cause: { oneOf: ['kill-condition', 'max-restarts', 'hold-code', 'unreadable'] },
    why: 'string',
    at: 'number',
  },
};
const live: Shape = {
  object: {
    runId: 'string',
    pid: 'number',
    startTicks: { nullable: 'number' },
    since: stamp,
    healthy: 'boolean',
    healthyTimer: timer,
    runtimeTimer: timer,
    health: healthShape,
    tickTimer: timer,
  },
};
const stopCauses: Shape = { oneOf: ['stopped', 'restarted', 'done', 'probe', 'limit', 'kill-condition'] };
const waitShape = { waitMs: 'number', since: stamp, timer } as const;

/** The form of a State in a file, as strict as the type: whoever reads it may trust every field. */
export const stateShape: Shape = {
  object: {
    phase: {
      kinds: {
        starting: { runId: 'string', since: stamp, checking: 'boolean' },
        running: { live },
        stopping: {
          live,
          cause: stopCauses,
          why: 'string',
          reasons: reasonsShape,
          since: stamp,
          signal: 'string',
          graceTimer: 'number',
          restAskedAt: { nullable: 'number' },
          killed: { nullable: { oneOf: ['main', 'tree'] } },
        },
        checking: {
          ended: {
            object: {
              runId: 'string',
              exit: { object: exit },
              at: stamp,
              uptimeMs: 'number',
              healthy: 'boolean',
              memory: memoryShape,
            },
          },
          code: { nullable: 'number' },
          asked: 'boolean',
        },
        backoff: waitShape,
        cooldown: waitShape,
        limited: {
          limit: { object: { cause: 'string', until: { nullable: 'number' }, line: { nullable: 'string' } } },
          startAt: 'number',
          since: stamp,
          timer,
        },
        waiting: { due: { nullable: 'number' }, timer },
        held: { hold },
        finished: { code: 'number' },
        stopped: {},
      },
    },
    run: 'number',
    backoffStep: 'number',
    restartsInRow: 'number',
    shortRuns: 'number',
    limitsInRow: 'number',
    refusalsInRow: 'number',
    resumeNext: 'boolean',
    resumedInRow: 'number',
    stepBefore: 'number',
    crashes: { list: 'number' },
    slowDeaths: { list: 'number' },
    lastExit: {
      nullable: {
        object: {
          ...exit,
          at: 'number',
          uptimeMs: 'number',
          cause: {
            oneOf: [
              'crash',
              'success',
              'stopped',
              'restarted',
              'probe',
              'limit',
              'limited',
              'kill-condition',
              'orphan',
            ],
          },
        },
      },
    },
    everUp: 'boolean',
    toldSuccess: 'boolean',
    toldFloor: 'boolean',
    clearing: {
      nullable: {
        object: { runId: 'string', pid: { nullable: 'number' }, startTicks: { nullable: 'number' }, since: stamp },
      },
    },
    stuck: {
      nullable: { object: { survivors: { list: { object: { pid: 'number', why: 'string' } } }, since: stamp } },
    },
    leaving: { nullable: { object: { code: 'number', since: stamp, signal: 'string', now: 'boolean' } } },
    outputBlockedSince: { nullable: stamp },
    logDroppedBytes: 'number',
    lastDue: { nullable: 'number' },
    incident: { nullable: { object: { at: 'number', open: 'boolean', limited: 'boolean' } } },
    saveTimer: timer,
    nextTimer: 'number',
  },
};

/**
 * The little that is needed to check a value of a file against a form, on the start path, where a schema library's load
 * time would be start time.
 */
export type Shape =
  | 'string'
  | 'number'
  | 'boolean'
  | { object: Readonly<Record<string, Shape>> }
  | { list: Shape }
  | { nullable: Shape }
  | { oneOf: readonly string[] }
  /** Objects told apart by their field `kind`. */
  | { kinds: Readonly<Record<string, Readonly<Record<string, Shape>>>> }
  | { is: (value: unknown) => boolean; what: string };

/** Null if the value has the shape, else one phrase that says where it has not. */
export function faultOf(shape: Shape, value: unknown): string | null {
  const fault = misfit(shape, value);
  return fault === null ? null : `${fault.path === '' ? 'the file' : fault.path.replace(/^\./, '')} ${fault.what}`;
}

/** Where a value has not its shape. The path is put together only once there is a fault, from the inside out. */
interface Misfit {
  path: string;
  what: string;
}

function misfit(shape: Shape, value: unknown): Misfit | null {
  if (typeof shape === 'string') {
    const right = shape === 'number' ? Number.isFinite(value) : typeof value === shape;
    return right ? null : here(`is no ${shape}`);
  }
  if ('nullable' in shape) return value === null ? null : misfit(shape.nullable, value);
  if ('is' in shape) return shape.is(value) ? null : here(`is not ${shape.what}`);
  if ('oneOf' in shape)
    return shape.oneOf.includes(value as string) ? null : here(`is none of ${shape.oneOf.join(', ')}`);
  if ('list' in shape) return Array.isArray(value) ? misfitInList(shape.list, value) : here('is not a list');
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return here('is no object');
  const fields = value as Record<string, unknown>;
  const wanted = 'object' in shape ? shape.object : ownOf(shape.kinds, fields['kind']);
  return wanted === undefined ? here('is of no known kind') : misfitInFields(wanted, fields);
}

const here = (what: string): Misfit => ({ path: '', what });

function misfitInList(inner: Shape, list: readonly unknown[]): Misfit | null {
  for (let index = 0; index < list.length; index++) {
    const fault = misfit(inner, list[index]);
    if (fault !== null) return { ...fault, path: `[${index}]${fault.path}` };
  }
  return null;
}

function misfitInFields(wanted: Readonly<Record<string, Shape>>, fields: Record<string, unknown>): Misfit | null {
  for (const name in wanted) {
    const fault = misfit(wanted[name]!, fields[name]);
    if (fault !== null) return { ...fault, path: `.${name}${fault.path}` };
  }
  return null;
}

function ownOf<T>(table: Readonly<Record<string, T>>, key: unknown): T | undefined {
  return typeof key === 'string' && Object.hasOwn(table, key) ? table[key] : undefined;
}
