import type { AlertEvent, AlertKind } from '../../alerts/alert.ts';
import { type AlertPorts, createAlerts } from '../../alerts/alerts.ts';
import { createHeartbeat, type Heartbeat } from '../../alerts/send.ts';
import type { Target } from '../../alerts/target.ts';
import type { IncidentSeed, Note } from '../../core/events.ts';
import { KILL_WHEN } from '../../core/health-model.ts';
import { reasonText, type Verdict } from '../../core/judgement.ts';
import type { Policy, State } from '../../core/model.ts';
import { CANNOT_END, survivorsText } from '../../core/requests.ts';
import { restartsOf } from '../../core/status.ts';
import { durationText, type Mono, type Stamp, type Wall } from '../../core/units.ts';
import type { Incident } from '../../incidents/incident.ts';
import { explained, incidentEvent, kindsOf, ownDetail, plainEvent } from './alert-events.ts';

/** What the heartbeat is told of the watcher's life. */
export interface HeartbeatDriver {
  hear(note: Note): void;
  finish(limitMs: number): Promise<void>;
}

/** A probe's failure is no note until it has ended the run: so often the state is looked at. */
const LOOK_EVERY_MS = 1000;

/** Lets a heartbeat beat while the child is running or healthy, and tells it of starts and ends. */
function createHeartbeatDriver(heartbeat: Heartbeat, policy: Policy, state: () => State): HeartbeatDriver {
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
  // It waits as planned; a budget that is used up is a person's to look at.
  if (phase.kind === 'limited') return phase.limit.until !== null && phase.limit.cause !== 'budget';
  if (phase.kind !== 'running') return false;
  return !phase.live.health.probes.some(
    (probe, at) => probe.ok === false && health.probes[at]?.severity === 'critical',
  );
}

/** Who is told of what, and where a dead-man's switch is. */
export interface AlertOrder {
  targets: readonly Target[];
  on: ReadonlySet<AlertKind>;
  cooldownMs: number;
  heartbeat: { url: URL; intervalMs: number } | null;
  /** The watcher's own, for alert commands and the proxy. */
  env: Readonly<Record<string, string | undefined>>;
  /** Where the watcher was started: alert commands run there. */
  cwd: string;
}

/** What it needs of the watcher. */
export interface AlertingWorld {
  name: string;
  host: string;
  policy: Policy;
  state(): State;
  now(): Stamp;
  ports: AlertPorts;
}

/** Every method but `close` returns at once. */
export interface Alerting {
  hear(note: Note): void;
  /** An incident happened; `explained` follows, or does not. */
  happened(seed: IncidentSeed): void;
  /** null: there will be no explanation. */
  explained(incident: Incident | null, seed: IncidentSeed): void;
  /** A healthy run closed the last incident. */
  recovered(at: Wall): void;
  /** A run was judged. */
  judged(run: number, verdict: Verdict, worth: string): void;
  /** Sends what is left; what cannot be delivered in time stays queued for the next start. A stop waits for at most 500 ms, an end of itself for 5 s. */
  close(): Promise<void>;
}

/** An alert that waits for its incident to be explained. */
interface Waiting {
  readonly kind: AlertKind;
  callOff(): void;
  /** What is told after it: a recovery never comes before what it ends. */
  afterwards(): void;
}

/** The cause of an alert that a judge gave. */
const JUDGE = 'judge';

/** Whoever stops a service waits for it. */
const STOP_MS = 500;
/** An end that nobody asked for may have no next start for a day, and a success that is not told is an alarm. */
const END_MS = 5000;
/** How long an alert waits for its incident to be explained. */
const EXPLAIN_MS = 10_000;
/** A storm's incidents are put together, and most of them never explained. */
const MOST_WAITING = 50;

/** Turns what happens into alerts and heartbeats. What an earlier life could not deliver is sent too. */
export function createAlerting(order: AlertOrder, world: AlertingWorld): Alerting {
  const { policy, ports } = world;
  const alerts = createAlerts({ ...order, name: world.name, host: world.host }, ports);
  const heartbeatDriver =
    order.heartbeat === null
      ? null
      : createHeartbeatDriver(createHeartbeat({ ...order.heartbeat, env: order.env }, ports), policy, world.state);
  const waiting = new Map<IncidentSeed, Waiting>();
  const warned = new Map<string, Mono>();
  let slowLoop = false;
  let last: Incident | null = null;
  let trouble: Trouble | null = null;
  let lastStart: Stamp | null = null;
  let stopped = false;

  const raise = (event: AlertEvent) => alerts.raise(event);
  const plain = (kind: AlertKind, more: Partial<AlertEvent> = {}) =>
    raise(plainEvent(kind, world.now().wall, world.state(), more));

  function tell(seed: IncidentSeed, incident: Incident | null): void {
    const told = waiting.get(seed);
    if (told === undefined) return;
    told.callOff();
    waiting.delete(seed);
    raise(incidentEvent(told.kind, seed, incident, world.state(), policy.health, world.host));
    told.afterwards();
  }

  /** Something that is not well though the run goes on, and its end. */
  function warn(name: string, message: string, reason: string | null): void {
    warned.set(name, warned.get(name) ?? world.now().mono);
    const isBudget = policy.health.probes.some(probe => probe.name === name && probe.endsAs === 'budget');
    plain(isBudget ? 'limited' : 'unhealthy', { cause: name, reason, probe: { name, message } });
  }
  function wellAgain(name: string): void {
    const since = warned.get(name);
    if (since === undefined) return;
    warned.delete(name);
    const downMs = world.now().mono - since;
    const restarts = { total: restartsOf(world.state()), window: 0 };
    plain('recovered', { cause: name, reason: `${name} is passing again`, downMs, restarts });
  }

  function listen(note: Note): void {
    switch (note.kind) {
      case 'started':
        lastStart = world.now();
        if (trouble !== null) trouble.restarts += 1;
        return plain('start', { reason: `run ${note.run}` });
      case 'stopped':
        stopped = true;
        return plain('stop', { reason: 'as asked' });
      case 'exited':
        stopped = note.cause === 'stopped';
        if (stopped) plain('stop', { reason: 'as asked', uptimeMs: note.uptimeMs });
        else if (note.next.kind === 'finish')
          plain('stop', { reason: 'no restart was requested', exit: note.exit, uptimeMs: note.uptimeMs });
        return;
      case 'held':
        return plain('hold', { cause: note.hold.cause, reason: note.hold.why });
      case 'slow-loop':
        slowLoop = true;
        return;
      case 'relapsed':
        return plain('slow-loop', {
          ...(last === null ? {} : explained(last)),
          reason: 'each run ends like the one before',
        });
      case 'unusual':
        return plain('unusual', { reason: note.reasons.join('; ') });
      case 'probe-warning':
        return warn(note.name, note.detail, ownDetail(policy.health, note.name, note.detail));
      case 'probe-restored':
        return wellAgain(note.name);
      case 'cannot-end': {
        const text = survivorsText(note.survivors);
        return warn(CANNOT_END, text, `cannot be ended: ${text}`);
      }
      case 'ended-at-last':
        return wellAgain(CANNOT_END);
      case 'hold-unwritten':
        return plain('hold', {
          cause: note.kind,
          reason: `the hold could not be written to the disk (${note.why}): another watcher of this name would start the command`,
        });
      case 'blind':
        return warn(KILL_WHEN, note.why, `no current metrics: ${note.why}`);
      case 'sees-again':
        return wellAgain(KILL_WHEN);
    }
  }

  return {
    hear(note) {
      listen(note);
      heartbeatDriver?.hear(note);
    },
    happened(seed) {
      const kind = kindsOf(seed, slowLoop).find(one => order.on.has(one));
      slowLoop = false;
      trouble ??= { since: seed.at, restarts: 0 };
      if (kind === undefined) return;
      waiting.set(seed, { kind, callOff: ports.after(EXPLAIN_MS, () => tell(seed, null)), afterwards() {} });
      const [oldest] = waiting.keys();
      if (waiting.size > MOST_WAITING && oldest !== undefined) tell(oldest, null);
    },
    explained(incident, seed) {
      last = incident ?? last;
      tell(seed, incident);
    },
    recovered(at) {
      const { uptimeText, ...was } = troubleOver(trouble, lastStart, at, world);
      trouble = null;
      const restarts = { total: restartsOf(world.state()), window: was.restarts };
      const reason = `up for ${uptimeText}`;
      const say = () => plain('recovered', { at, incidentId: last?.id ?? null, downMs: was.downMs, restarts, reason });
      const newest = [...waiting.values()].at(-1);
      if (newest === undefined) say();
      else newest.afterwards = say;
    },
    judged(run, { verdict, reasons }, worth) {
      if (verdict !== 'fail') return;
      const reason = `the judge says that run ${run} fails its rubric; ${worth}`;
      plain('unusual', { cause: JUDGE, reason, probe: { name: JUDGE, message: reasonText({ reasons }) } });
    },
    async close() {
      for (const seed of [...waiting.keys()]) tell(seed, null);
      const limitMs = stopped ? STOP_MS : END_MS;
      await Promise.all([alerts.close(limitMs), heartbeatDriver?.finish(limitMs)]);
    },
  };
}

/** From the first incident to the run that ended it. */
interface Trouble {
  since: Stamp;
  restarts: number;
}

/** What it took until the run that is healthy now; of a trouble that an earlier watcher saw, the last incident is all that is known. */
function troubleOver(trouble: Trouble | null, lastStart: Stamp | null, at: Wall, { state, now }: AlertingWorld) {
  const { phase, incident } = state();
  const up = phase.kind === 'running' ? phase.live.since : lastStart;
  const uptimeText = durationText(up === null ? 0 : Math.max(0, now().mono - up.mono));
  if (trouble !== null) return { restarts: trouble.restarts, downMs: downMs(trouble.since.mono, up?.mono), uptimeText };
  return { restarts: 0, downMs: downMs(incident?.at ?? at, up?.wall), uptimeText };
}

const downMs = (since: number, until: number | undefined): number | null =>
  until === undefined ? null : Math.max(0, until - since);
