import type { Mono } from '../../core/time.ts';
import type { Metrics } from './values.ts';

/** What a source gave last: its values and since when they are so, or in a phrase why there are none. */
export type Reading = { readonly values: Metrics; readonly at: Mono } | { readonly fault: string };

/** A place where metrics come from. Made once for a watcher. */
export interface MetricsSource {
  /** For people: `metrics.json`. */
  readonly label: string;
  /** `now`: it can be read at any time, before the child is up too. `child`: only the child's output brings it. */
  readonly from: 'now' | 'child';
  /** Reads it within its own time limit. */
  read(abort: AbortSignal): Promise<Reading>;
  hearLines?(lines: readonly string[], at: Mono): void;
}

/** Where metrics come from, as it was asked for. */
export type MetricsPlace =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'exec'; readonly command: string }
  | { readonly kind: 'output'; readonly pattern: RegExp | null };

/** A document of metrics is no bigger than this. */
export const DOCUMENT_BYTES = 1_048_576;
