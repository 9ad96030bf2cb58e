import type { IncidentKind } from '../core/events.ts';
import type { Exit } from '../core/model.ts';
import type { Category } from './triage/category.ts';

/**
 * An incident as it lies on disk and as `incidents --json` prints it: redacted, free of control sequences, no field ever
 * missing. Times are RFC 3339 UTC, durations ms.
 */
export interface Incident {
  id: string;
  name: string;
  at: string;
  kind: IncidentKind;
  /** The probes or limits that ended the run. */
  reasons: { name: string; detail: string }[];
  exit: Exit;
  uptimeMs: number;
  category: Category;
  /** 0 to 1. */
  confidence: number;
  /** Sentences, the strongest first. */
  evidence: string[];
  keyLine: string | null;
  fingerprint: string;
  /** Earlier incidents with this fingerprint, as they were known when this one was opened. */
  priorMatches: { count: number; windowDays: number; firstAt: string | null; lastAt: string | null };
  /** How many more like it came too quickly to be kept each. */
  repeats: number;
  tail: string[];
  memory: { at: string; bytes: number }[];
  /** What was done about it, in a sentence. */
  action: string;
  remedy: { command: string; exitCode: number | null; ms: number } | null;
  recoveredAt: string | null;
  recoveryProof: string | null;
  /** A model's guess, or null. */
  diagnosis: { source: string; model: string | null; text: string; costUsd: number | null; ms: number } | null;
  recommendation: string;
}
