import type { Fact, IncidentSeed, Note } from '../../core/events.ts';
import type { Verdict } from '../../core/judgement.ts';
import type { State } from '../../core/model.ts';
import type { Wall } from '../../core/units.ts';
import type { Diagnosed } from '../../diagnosis/diagnose.ts';
import type { Incident } from '../../incidents/incident.ts';

/**
 * One who is told what happens, beside the machine: the console, the log, probes, alerts, systemd, an HTTP page. No call may
 * delay supervision; one that throws is reported and keeps the news from none of the others.
 */
export interface Observer {
  /** Each fact, before the machine decides on it. */
  fact?(fact: Fact): void;
  /** The child wrote; the buffer is valid only during the call. */
  hear?(stream: 'stdout' | 'stderr', bytes: Buffer): void;
  /** Each state, once it was handed to the disk. */
  see?(state: State): void;
  /** What the machine has to say to people. */
  note?(note: Note): void;
  /** An incident happened. `opened` or `counted` follows, or neither if it cannot be explained. */
  happened?(seed: IncidentSeed): void;
  /** The incident is explained and on disk. */
  opened?(incident: Incident, seed: IncidentSeed): void;
  /** The incident came too quickly after others and is only counted: it is not explained. */
  counted?(seed: IncidentSeed): void;
  /** A healthy run closed all incidents that were open. */
  recovered?(at: Wall): void;
  /** The output of a run was judged; `worth`: whether the judge is calibrated, in words. */
  judged?(run: number, verdict: Verdict, worth: string): void;
  /** The watcher ends: what is still to be said is said now. Takes half a second at most after a stop, else five seconds. */
  close?(): Promise<void>;
}

/** Who keeps the incidents, and puts into them what is found out later. Neither delays or throws. */
export interface IncidentAttachments {
  attachDiagnosis(id: string, diagnosis: Diagnosed): void;
  /** That there is no guess, and why. */
  attachDiagnosisFault(id: string, why: string): void;
  attachRemedy(id: string, remedy: NonNullable<Incident['remedy']>): void;
}

/** All observers as one, in the order in which they were added. */
export interface Observers extends Required<Observer> {
  add(...observers: readonly (Observer | null)[]): void;
}

/** @param fault told what an observer threw */
export function createObservers(fault: (error: unknown) => void): Observers {
  const all: Observer[] = [];
  /** Those who hear the child: they are asked for each piece of its output. */
  const hearers: Observer[] = [];

  function tell(act: (observer: Observer) => void, some: readonly Observer[] = all): void {
    for (const observer of some) {
      try {
        act(observer);
      } catch (error) {
        fault(error);
      }
    }
  }

  return {
    add(...observers) {
      all.push(...observers.filter(observer => observer !== null));
      hearers.splice(0, hearers.length, ...all.filter(({ hear }) => hear !== undefined));
    },
    fact: fact => tell(observer => observer.fact?.(fact)),
    hear: (stream, bytes) => tell(observer => observer.hear?.(stream, bytes), hearers),
    see: state => tell(observer => observer.see?.(state)),
    note: note => tell(observer => observer.note?.(note)),
    happened: seed => tell(observer => observer.happened?.(seed)),
    opened: (incident, seed) => tell(observer => observer.opened?.(incident, seed)),
    counted: seed => tell(observer => observer.counted?.(seed)),
    recovered: at => tell(observer => observer.recovered?.(at)),
    judged: (run, verdict, worth) => tell(observer => observer.judged?.(run, verdict, worth)),
    async close() {
      await Promise.all(all.map(observer => observer.close?.()));
    },
  };
}

/** After this time without a start and without much output, the memory that a start or a burst needed is given back. */
const SETTLE_MS = 3000;
/** What makes a burst: this many starts, or this much output. */
const MANY_STARTS = 20;
const MANY_BYTES = 32 * 1024 * 1024;
/** So many starts are no burst any more: V8, which collects all only when its heap has grown by megabytes, is not waited for. */
const ENDLESS_STARTS = 500;
/** More output than this between two looks: the burst goes on. */
const BUSY_BYTES = 1024 * 1024;

/**
 * Has memory given back once the first start has settled, after each burst, and now and then in a crash loop without an end. A watcher
 * that idles runs no timer for it.
 */
export function createIdleTrim(trim: () => void | Promise<void>): Observer {
  // The first start always counts.
  let starts = MANY_STARTS - 1;
  let run = 0;
  let bytes = 0;
  let seen = { run: 0, bytes: 0 };
  let timer: NodeJS.Timeout | null = null;

  function arm(): void {
    if (timer !== null || (starts < MANY_STARTS && bytes < MANY_BYTES)) return;
    seen = { run, bytes };
    timer = setTimeout(look, SETTLE_MS).unref();
  }

  function look(): void {
    timer = null;
    const goesOn = run !== seen.run || bytes - seen.bytes > BUSY_BYTES;
    if (goesOn && starts < ENDLESS_STARTS) return arm();
    [starts, bytes] = [0, 0];
    void trim();
  }

  return {
    see(state) {
      if (state.run === run) return;
      starts += 1;
      run = state.run;
      arm();
    },
    hear(_stream, chunk) {
      bytes += chunk.length;
      if (bytes >= MANY_BYTES) arm();
    },
    async close() {
      if (timer !== null) clearTimeout(timer);
    },
  };
}
