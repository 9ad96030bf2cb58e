import type { Rule } from '../rule.ts';

/** The allocator's own checks: they speak of corruption, and mean memory, not data. */
export const heapRules: readonly Rule[] = [
  {
    id: 'native.heap',
    category: 'native-crash',
    terminal: true,
    pattern:
      /double free|free\(\): invalid|malloc\(\): |malloc_consolidate|munmap_chunk|corrupted (?:size|double-linked|unsorted|top)|invalid (?:next )?(?:size|pointer)\b|stack smashing|buffer overflow detected|AddressSanitizer|UndefinedBehaviorSanitizer|ThreadSanitizer|MemorySanitizer|LeakSanitizer|heap corruption|heap-use-after-free|pointer being freed was not allocated|free list corrupt/i,
    example: 'free(): double free detected in tcache 2',
    weight: 0.4,
    check: 'Run it under AddressSanitizer or valgrind. Suspect native modules that were updated recently.',
  },
];

/** Deaths of native code: signals, aborts, sanitizers, virtual machines. */
export const nativeRules: readonly Rule[] = [
  {
    id: 'native.announced',
    category: 'native-crash',
    // The shell's word for the signal: how it died, not why.
    pattern:
      /^(?:.{0,300}: line \d+: +(?:\d+ )?)?(?:Segmentation fault|Aborted|Bus error|Illegal instruction|Floating point exception|Trace\/breakpoint trap)(?: \(core dumped\)| +\S|$)/,
    example: 'Segmentation fault (core dumped)',
    terminal: true,
    weight: -0.3,
    check:
      'Get a native trace from the core file (`coredumpctl debug`, or `python -X faulthandler`). Suspect native modules that were updated recently.',
  },
  {
    id: 'native.go-nil',
    category: 'unhandled-exception',
    terminal: true,
    pattern:
      /panic: runtime error:|nil pointer dereference|fatal error: (?:all goroutines|concurrent map|stack overflow)|goroutine stack exceeds/,
    example: 'panic: runtime error: index out of range [5] with length 3',
    weight: 0.4,
    check:
      'Handle the nil or out-of-range value at {place|the first frame of your own code} in the goroutine that panicked.',
  },
  {
    id: 'native.rust-assertion',
    category: 'unhandled-exception',
    pattern: /^assertion `?(?:left|\(?left).{0,40}failed|^assertion failed: (?!\()/,
    example: 'assertion `left == right` failed: totals differ',
    terminal: true,
    weight: 0.4,
    check: 'Find out how the program came to the values that the assertion at {place|the named place} excludes.',
  },
  {
    id: 'native.segfault',
    category: 'native-crash',
    terminal: true,
    pattern:
      /Segmentation (?:fault|violation)|Caught (?:fatal )?signal|signo: ?(?:4|6|7|8|11)\b|\bSIGSEGV\b|segfault|EXCEPTION_ACCESS_VIOLATION|access violation|0xC0000005|\bBus error|\bSIGBUS\b|Illegal instruction|\bSIGILL\b|Floating point exception|\bSIGFPE\b|Trace\/breakpoint trap|\bSIGTRAP\b|signal 11\b|exit(?:ed)?(?: with)?(?: code)? (?:139|-11)\b|unexpected fault address|(?:killed|terminated) by signal:? (?:4|6|7|8|11)\b|3221225477|Uncaught signal: (?:6|11|7|4)\b/i,
    example: 'Segmentation fault (core dumped)',
    weight: 0.4,
    check:
      'Get a native trace from the core file (`coredumpctl debug`, or `python -X faulthandler`). Suspect native modules that were updated recently.',
  },
  {
    id: 'native.browser',
    category: 'native-crash',
    pattern:
      /(?:Chrome|Chromium|Firefox|browser) (?:failed to start|has crashed|crashed)|DevToolsActivePort|Target (?:page|crashed)|page crashed|tab crashed/i,
    example: 'session not created: Chrome failed to start: crashed.',
    weight: 0.2,
    check:
      'The browser ended right after its start. Start it by hand as the user of the service (`chromium --headless --no-sandbox`), and give the container enough shared memory (--shm-size).',
  },
  {
    id: 'native.abort',
    category: 'native-crash',
    terminal: true,
    pattern:
      /terminate called|what\(\): |\bSIGABRT\b|^Aborted\b|: Aborted\b|Abort trap|Assertion [`'"(].{1,300}failed|assertion failed|Assertion failed: \(|\bAssertion .{1,200} failed\.|pure virtual method|Fatal Python error|fatal error in , line|Check failed: |GGML_ASSERT|# Fatal error in|has overflowed its stack|fatal runtime error|Fatal error: {1,3}(?! |Uncaught|all goroutines|concurrent map|stack overflow)|uncaught exception of type|libc\+\+abi|core dumped|SIGABRT|abort\(\) called|signal 6\b|panic!? in a (?:function|destructor)|fatal error: unexpected signal|munmap|VM (?:crash|aborted)|Uncaught signal/i,
    example: "engine: src/graph.c:118: push: Assertion `n < cap' failed.",
    weight: 0.3,
    check:
      'Check the assertion or exception at {place|the place that the key line names}, and the core file if there is one (`coredumpctl info`).',
  },
];

/** A worker that was killed: what its parent says of it, with the usual reasons in the sentence. Comes before the rules that know those. */
export const workerRules: readonly Rule[] = [
  {
    id: 'kill.worker',
    category: 'killed-externally',
    pattern:
      /BrokenProcessPool|in the process pool was terminated|child process terminated abruptly|TerminatedWorkerError|worker process .{0,60}was unexpectedly terminated|WorkerLostError|Worker exited prematurely|DataLoader worker \(pid.{1,40}(?:exited unexpectedly|killed by signal: Killed)|(?:worker|child|pool) (?:process )?(?:\S{1,40} )?(?:was|got) (?:killed|sent SIGKILL)/,
    example: 'pool worker 3 was killed',
    weight: -0.1,
    check:
      'A worker process was killed, most often by the out-of-memory killer. Check `dmesg` or `journalctl -k` for an oom-kill at this time, then lower the number of workers or the size of their jobs.',
  },
];

/** Ended from outside, and said so. */
export const killRules: readonly Rule[] = [
  {
    id: 'kill.sigkill',
    category: 'killed-externally',
    pattern:
      /(?:^|[\s:])Killed\b(?!:? (?:process|by signal: [1-8])|.{0,20}\bby user\b)|\bSIGKILL\b|signal 9\b|exit(?:ed)?(?: with)?(?: code| status)? (?:137|-9)\b|signal: killed/,
    example: './serve.sh: line 4: 3121 Killed                  python3 server.py',
    weight: 0.1,
    check:
      'Find out who sent SIGKILL: check the kernel log for an out-of-memory kill first, then the orchestrator, scripts and people.',
  },
  {
    id: 'kill.cancelled',
    category: 'killed-externally',
    pattern:
      /CANCELLED AT|\bPREEMPT(?:ED|ION)|job (?:was )?(?:cancell?ed|preempted)|node (?:is )?(?:shutting down|failure|drain)|being preempted|spot (?:instance )?(?:interruption|termination)|instance .{0,30}(?:will be )?terminated|system is going down|evict(?:ed|ing)/i,
    example: 'slurmstepd: error: *** STEP 5121.0 ON node3 CANCELLED AT 2026-02-02T08:00:00 ***',
    weight: 0.3,
    check: 'The scheduler or a person ended the job. Ask the scheduler who and why (`sacct`, `kubectl describe`).',
  },
  {
    id: 'kill.sigterm',
    category: 'killed-externally',
    pattern:
      /^(?:.{0,300}: line \d+: +(?:\d+ )?)?Terminated(?:$|\s{2,}|: 15)|\bSIGTERM\b|\bSIGINT\b|\bSIGHUP\b|(?:received|got|caught|handling|handle|on|by|with) (?:a )?(?:signal|sig) ?:? ?\(?(?:1|2|15|term|int|hup)\b|signal 15\b|KeyboardInterrupt|exit(?:ed)?(?: with)?(?: code| status)? (?:143|130|-15)\b|signal: (?:terminated|interrupt|hangup)|^\^C|Interrupted\b|shutdown signal|termination signal|Stopping .{0,30}due to signal|Received (?:shutdown|stop|termination|exit) (?:signal|request|command)|Ctrl\+?C\b(?! to)|user interrupt|^Hangup/i,
    example: 'Received SIGTERM, shutting down gracefully',
    check: 'Find out who stopped it at that time: the service manager, a deployment, a cron job or a person.',
  },
];
