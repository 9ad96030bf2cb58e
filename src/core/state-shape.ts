import type { Shape } from './shape.ts';

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

/** The form of a State in a file, as strict as the type: its reader may trust every field. */
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
