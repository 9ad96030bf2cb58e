import { healthShape, reasonsShape } from './health-rows.ts';
import type { Shape } from './shape.ts';

const stamp: Shape = { object: { mono: 'number', wall: 'number' } };
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
const stopCauses: Shape = { oneOf: ['stopped', 'restarted', 'probe', 'limit', 'kill-condition'] };
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
          graceTimer: 'number',
          killed: 'boolean',
        },
        backoff: waitShape,
        cooldown: waitShape,
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
    crashes: { list: 'number' },
    slowDeaths: { list: 'number' },
    lastExit: {
      nullable: {
        object: {
          ...exit,
          at: 'number',
          uptimeMs: 'number',
          cause: {
            oneOf: ['crash', 'success', 'stopped', 'restarted', 'probe', 'limit', 'kill-condition', 'orphan'],
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
    leaving: { nullable: { object: { code: 'number', since: stamp, signal: 'string', now: 'boolean' } } },
    outputBlockedSince: { nullable: stamp },
    logDroppedBytes: 'number',
    lastDue: { nullable: 'number' },
    incident: { nullable: { object: { at: 'number', open: 'boolean' } } },
    saveTimer: timer,
    nextTimer: 'number',
  },
};
