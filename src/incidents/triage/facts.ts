/** What was measured about an end, from outside the program. Facts outrank words: a counter cannot mislead. */
export type Fact =
  /** The `oom_kill` counter of the cgroup the run lived in, at its start and at its end. */
  | { readonly kind: 'oom-kill-counter'; readonly before: number; readonly after: number }
  /** The kernel log names a victim among the run's processes. */
  | { readonly kind: 'oom-kill-logged'; readonly line: string }
  /** Resident memory near the limit that holds for the tree, at the last sample. */
  | { readonly kind: 'memory-near-limit'; readonly bytes: number; readonly limitBytes: number }
  /** A file system the run writes to has nothing left; `inodes` if it is those that ran out. */
  | { readonly kind: 'disk-full'; readonly path: string; readonly freeBytes: number; readonly inodes?: boolean }
  /** Who listens on a port that the log names. */
  | {
      readonly kind: 'port-holder';
      readonly port: number;
      readonly pid: number | null;
      readonly command: string | null;
    }
  /** We sent the signal that ended it; `why` says on whose behalf. */
  | { readonly kind: 'sent-by-us'; readonly signal: string; readonly why?: string }
  /** Open descriptors against their limit, at the last sample. */
  | { readonly kind: 'open-files'; readonly open: number; readonly limit: number }
  /** The command could not be started: errno's name, and what it was that is missing or forbidden. */
  | { readonly kind: 'spawn-failed'; readonly errno: string; readonly path: string };
