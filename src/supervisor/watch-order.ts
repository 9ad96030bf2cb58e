import type { Outputs } from '../child/sink.ts';
import type { Note } from '../core/events.ts';
import type { Policy, Remedy } from '../core/model.ts';
import type { Schedule } from '../probes/runner.ts';
import type { Onlooker } from './observers/observer.ts';
import type { HealthOrder } from './probing.ts';
import type { AftermathOrder } from './response/notifications.ts';

/** What is to be watched, and who is told. */
export interface WatchOrder {
  name: string;
  stateDir: string;
  command: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  stdin: 'inherit' | 'null';
  stdinIsTerminal: boolean;
  policy: Policy;
  health: HealthOrder;
  /** Null: it runs always. */
  schedule: Schedule | null;
  /** Whether a run reads the output of the last one. */
  feedLastOutput: boolean;
  ringBytes: number;
  /** The copy on disk; null: none. */
  log: { maxBytes: number; keep: number } | null;
  outputs: Outputs;
  /** How much of the end is kept in an incident, and whether the rules explain it. */
  incidents: { tailLines: number; rules: boolean };
  aftermath: AftermathOrder;
  remedies: readonly Remedy[];
  onlookers: readonly Onlooker[];
  tell(note: Note): void;
  /** A line that is no note of the machine. */
  warn(text: string): void;
}

/** How a watch ended: it never began because the name is taken, or it is over. */
export type WatchEnd = { heldBy: number | null } | { code: number };
