import type { Heartbeat } from '../alerts/heartbeat.ts';
import type { Note } from '../core/events.ts';
import type { Policy, State } from '../core/model.ts';

/** What the heartbeat is told of the watcher's life. */
export interface Pulse {
  hear(note: Note): void;
  finish(limitMs: number): Promise<void>;
}

/** A probe's failure is no note until it has ended the run: so often the state is looked at. */
const LOOK_EVERY_MS = 1000;

/** Lets a heartbeat beat while the child is running or healthy, and tells it of starts and ends. */
export function createPulse(heartbeat: Heartbeat, policy: Policy, state: () => State): Pulse {
  const look = setInterval(() => heartbeat.well(isWell(policy, state())), LOOK_EVERY_MS);
  look.unref();
  return {
    hear(note) {
      if (note.kind === 'started') {
        heartbeat.started();
        heartbeat.well(true);
      } else if (note.kind === 'exited') {
        const asked = note.cause === 'stopped' || note.cause === 'restarted';
        const how = asked ? 'asked' : note.cause === 'success' ? 'succeeded' : 'crashed';
        heartbeat.ended(how, note.exit.code);
      } else if (note.kind === 'start-failed') heartbeat.ended('crashed', null);
      else if (note.kind === 'stopping') heartbeat.well(false);
    },
    async finish(limitMs) {
      clearInterval(look);
      await heartbeat.finish(limitMs);
    },
  };
}

/** As `status` would say running or healthy: up, and no critical probe failing. */
function isWell({ health }: Policy, { phase }: State): boolean {
  if (phase.kind !== 'running') return false;
  return !phase.live.health.probes.some(
    (probe, at) => probe.ok === false && health.probes[at]?.severity === 'critical',
  );
}
