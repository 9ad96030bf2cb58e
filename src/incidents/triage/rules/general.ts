import type { Rule } from '../../incident.ts';

/** Echoes that quote the cause's own words: they must speak before the rules that know those words. */
export const echoRules: readonly Rule[] = [
  {
    id: 'exception.test-failed',
    category: 'unhandled-exception',
    pattern: /^(?:FAILED|ERROR) \S{1,300}::\S|^--- FAIL: \w|^FAIL\s+\S{1,300}\.(?:test|spec)\.[cm]?[jt]sx?\b/,
    example: 'FAILED tests/test_api.py::test_limits - AssertionError: assert 429 == 200',
    check: 'A test failed: run it by hand.',
  },
  {
    id: 'wrapper.marker',
    category: 'unknown',
    pattern:
      /^(?:\[[^[\]]{0,80}\] ?)?\W{0,4}(?:error|err|fatal|warn\w*|info|critical|fail(?:ed|ure)?|exception)\W{0,4}$|^Full report available at|^Error found at |^Failed to compile\.?$|^(?:\*{3,} )?(?:APPLICATION FAILED TO START|FAILURE: Build failed)|-> \[Help \d\]|^\[Help \d\]|re-run Maven|^(?:To see the full stack trace|For more information about the errors)|^(?:error: )?Type checking failed|^Traceback \(most/i,
    example: '[ERROR]',
    wrapper: true,
  },
  {
    id: 'wrapper.process-manager',
    category: 'unknown',
    pattern:
      /^(?:PM2 log: )?App \[.{1,80}\] (?:exited with code|online|starting|with id|will restart)|^\[?PM2\b.{0,20}(?:Error caught|Process \S+ (?:not found|in))|^(?:gave up|exited|spawned|success): \S{1,60} |^bundler: failed to load command|^Command failed with exit code|(?:^|: )Error\(s\) found in|(?:^|: )Fatal errors found in|^FPM initialization failed|^Aborting$|^FATAL CONFIG FILE ERROR|^Failed listening on port|\(logrus\.Entry\)|^panic: \(\*|could not create any TCP\/IP sockets|^Execution halted|^\*\* \(Mix\) Could not start/i,
    example: 'App [bot:0] exited with code [1] via signal [SIGINT]',
    wrapper: true,
  },
  {
    id: 'wrapper.python-shutdown',
    category: 'unknown',
    pattern:
      /^(?:Exception ignored (?:in|on|while)|Task was destroyed but|task: <Task|future: <|Unclosed (?:client session|connector|connection)|client_session: <|connector: <|sys:1: |Error in sys\.excepthook|Original exception was)/,
    example: 'Task was destroyed but it is pending!',
    wrapper: true,
  },
  {
    id: 'wrapper.npm-echo',
    category: 'unknown',
    pattern:
      /^npm (?:ERR!|error) (?:spawn|errno|syscall|file|path|code (?:ELIFECYCLE|1$|ENOENT|EACCES)|signal|cwd|command|Failed at)|^npm (?:ERR!|error) \S{1,100}@\S{1,40} \w{1,40}: /,
    example: 'npm ERR! spawn ENOENT',
    wrapper: true,
  },
  {
    id: 'wrapper.java-fatal',
    category: 'native-crash',
    pattern: /^# A fatal error has been detected by the Java/,
    example: '# A fatal error has been detected by the Java Runtime Environment:',
    wrapper: true,
  },
  {
    id: 'wrapper.nginx-echo',
    category: 'bad-config',
    pattern: /configuration file .{1,200} test failed|still could not bind/,
    example: 'nginx: configuration file /etc/nginx/nginx.conf test failed',
    wrapper: true,
  },
  {
    id: 'wrapper.perhaps',
    category: 'unknown',
    pattern: /^(?:perhaps|maybe|is (?:the|another) .{1,60}\?$)/i,
    example: 'Perhaps a server is already running on that port?',
    wrapper: true,
  },
];

/** Lines that only pass on that something failed: believed when nothing else in the log says what. */
export const wrapperRules: readonly Rule[] = [
  {
    id: 'wrapper.exit-status',
    category: 'unknown',
    pattern:
      /^(?:exit status|Error: Command failed|error Command failed|exited with code|Process (?:exited|finished|completed) with)|(?:returned|with|has) (?:a )?non-?zero (?:exit )?(?:status|code)|exit(?:ed)? (?:with )?(?:code|status):? (?:[1-9]|1\d\d?|2\d\d?)\b(?!\d)|ELIFECYCLE|npm (?:ERR!|error) (?:code|path|command|errno|A complete log|Exit status|Failed at|This is probably|\s*\/|cwd|workspace|location|in workspace|Lifecycle|signal|notsup|[\w@./-]+@[\d.]+ \w+: )|^make(?:\[\d+\])?: \*\*\*|error Command failed|ERR_PNPM_RECURSIVE|CalledProcessError|Process completed with exit code|script returned exit code|npm error Lifecycle script|\bsubprocess .{0,40}failed|\[nodemon\] app crashed|app crashed|error: script "\w+" exited|error: Recipe|Execution failed for task|BUILD FAIL|plugin process exited|A complete log of this run|Main process exited|Failed with result|failed with exit code|died with <Signals|Could not create the Java Virtual Machine|fatal exception has occurred\. Program will exit|(?<!payload): Any \{ \.\. \}|aborting due to .{0,20}previous error|tar: (?:Error is not recoverable|Child returned)|could not compile `/i,
    example: 'subprocess.CalledProcessError: Command \'["make", "run"]\' returned non-zero exit status 2.',
    wrapper: true,
  },
  {
    id: 'wrapper.see-above',
    category: 'unknown',
    pattern:
      /see (?:root cause|above|the (?:logs?|traceback|error|output) above|logs? for|stack ?trace)|ChildFailedError|RemoteTraceback|ExceptionWithTraceback|root cause above|Root Cause \(first observed|WorkerError|worker (?:process )?(?:failed to boot|exited|died|terminated)|Engine core initialization failed|EngineDeadError|EngineCore (?:failed|encountered)|(?:ExceptionGroup|BaseExceptionGroup): |unhandled errors in a TaskGroup|transport is closing|RayTaskError|Application startup failed|Worker \(pid:\d+\) exited|Shutting down: Master|Reason: Worker failed|Task handler raised error|Error in atexit|MultiprocessingError|terminating child|ProcessExitedException|ProcessRaisedException|The actor died|RayActorError|Failed at the |Uncaught exception in thread|Task exception was never retrieved|Future exception was never|Exception in ASGI application|Traceback \(most recent|Unhandled exception in|Application run failed|Error creating bean|BeanCreationException|UnsatisfiedDependencyException|Unable to start (?:web server|embedded)|ApplicationContextException|The above exception|During handling|throw er;|Emitted 'error' event|Unhandled '?error'? event|Export encountered errors|Build error occurred|InvocationTargetException|CompletionException: |ExecutionException: |UndeclaredThrowable|Encountered an? (?:unexpected |internal )?(?:error|exception)\.?$|^Caused by:$|^Error:?$|^(?:An )?(?:unexpected )?error (?:has )?occurred:?\.?$/i,
    example: 'RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}',
    wrapper: true,
  },
];

/** What only tells that a program failed and in which language it was written. */
export const exceptionRules: readonly Rule[] = [
  {
    id: 'exception.compile',
    category: 'unhandled-exception',
    pattern:
      /\bSyntaxError\b|IndentationError|TabError|error\[E\d{4}\]|error TS\d{4}|:\d+:\d+: (?:fatal )?error: |^FAILED \S+::|Parse error: |syntax error|ParseError at|Compilation failed|Transform failed with \d+ error|^Type error: |Unexpected (?:token|identifier|strict mode)/,
    example: 'SyntaxError: invalid syntax',
    check: 'The source does not compile. Correct {place|the place that the key line or the line below it names}.',
  },
  {
    id: 'exception.panic',
    category: 'unhandled-exception',
    terminal: true,
    pattern:
      /^panic: |http: panic serving|PanicHookInfo|PanicInfo \{|panicked at|^fatal error: (?:all goroutines|concurrent map|stack overflow)|called `(?:Result|Option)::\w+\(\)` on|attempt to \w+ with overflow|index out of bounds/,
    example: "thread 'main' panicked at src/main.rs:14:9:",
    check: 'Handle the case that made the program panic at {place|the place that the key line names}.',
  },
  {
    id: 'exception.stack-overflow',
    category: 'unhandled-exception',
    pattern:
      /RecursionError|StackOverflow(?:Error|Exception)?|Maximum call stack size|stack level too deep|maximum recursion depth/,
    example: 'RangeError: Maximum call stack size exceeded',
    weight: 0.2,
    check: 'A function calls itself without end. Check {place|the frame that repeats in the trace}.',
  },
  {
    id: 'exception.uncaught',
    category: 'unhandled-exception',
    pattern:
      /\bUncaught\b|Unhandled(?:PromiseRejection| exception| Promise| rejection|Exception)|Exception in thread|unhandledRejection|uncaughtException|ERR_UNHANDLED_REJECTION|PHP Fatal error|Fatal error: {1,2}Uncaught|LoadError|\*\* \(\w+Error\)|Application error: |Unexpected (?:error|exception)/i,
    example:
      'PHP Fatal error:  Uncaught TypeError: Unsupported operand types: string + array in /var/www/html/cart.php:31',
    check: 'Handle the error at {place|the first frame of your own code} in the trace.',
  },
  {
    id: 'exception.other-languages',
    category: 'unhandled-exception',
    pattern:
      /^lua[\d.]{0,4}: |attempt to (?:index|call|perform arithmetic on|compare|concatenate) an? (?:nil|\w+ value)|^Error in .{1,300} : |^Error: .{1,200} object '.{1,80}' not found|Prelude\.\w+: |Map\.!: |Generic server .{1,120} terminating|\{bad(?:arith|match|arg|key|fun)\b|undefined (?:local variable or )?method [`']|Unexpectedly found nil|execution reverted|nonce (?:has already been used|too (?:low|high))|NONCE_EXPIRED|replacement transaction underpriced|InsufficientFunds\b|insufficient (?:funds|balance|margin) (?:for|to)\b|(?:account has|margin is|balance) insufficient|not enough (?:balance|margin|funds)\b/i,
    example: "lua: plan.lua:3: attempt to index a nil value (local 'step')",
    weight: 0.3,
    check: 'Unhandled error at {place|the place that the key line names}. Handle the case that the message describes.',
  },
  {
    id: 'exception.named',
    category: 'unhandled-exception',
    pattern:
      /^(?:Caused by: |\[cause\]: |Uncaught )?(?:[\w$./\\<>-]{0,160}[.:\\/])?(?:[A-Z]\w{0,60}(?:Error|Exception|Fault|Failure|Exit|Interrupt|Warning|Panic|Timeout)|Exception|Error|KeyError|AssertionError|StopIteration|SystemExit)\b(?:\s?\[\w+\])?(?:: |$|\()|\((?:[A-Z]\w{0,60}(?:Error|Exception)|RuntimeError)\)$|^[\w.]{1,100}(?:Error|Exception): |^(?:[a-z_]\w{0,60}\.){1,6}[A-Z][A-Za-z]{3,60}(?<!Handler|Logger|App|Bot|Server|Client|Service|Worker|Manager|Engine): /,
    example: "AttributeError: 'NoneType' object has no attribute 'group'",
    check: 'Handle the error at {place|the first frame of your own code} in the trace.',
  },
];

/** The log said only that it was an error. */
export const vagueRules: readonly Rule[] = [
  {
    id: 'log.failed',
    category: 'unhandled-exception',
    pattern:
      /\b(?:error|exception|failed|failure|fatal|cannot|can't|could not|unable to|abort(?:ed|ing)?|giving up|crash(?:ed)?|invalid|unexpected)\b/i,
    example: 'ERROR could not render the page',
    weight: -0.6,
    check: 'No rule knows this message. It is the last one that speaks of a failure: start there.',
  },
];

/** For a trace whose headline no rule knows: whatever its name, it ended in an exception. */
export const anyTrace: Rule = {
  id: 'exception.trace',
  category: 'unhandled-exception',
  pattern: /./,
  example: 'binascii.Incomplete: truncated record',
  check: 'Handle the error at {place|the first frame of your own code} in the trace.',
};

/** For a line that calls itself an error and that no rule knows. */
export const anyError: Rule = {
  id: 'log.level',
  category: 'unhandled-exception',
  pattern: /./,
  example: 'ERROR: the ledger is not in balance',
  weight: -0.7,
  check: 'No rule knows this message. It is the last one with the level of an error: start there.',
};
