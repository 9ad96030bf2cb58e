import type { Category } from '../incident.ts';

/** How a program ended: exactly one of the two is not null, if anything is known. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** What the bare exit tells when the log tells nothing. */
export interface ExitVerdict {
  readonly category: Category;
  readonly confidence: number;
  readonly rule: string;
  readonly evidence: string;
  readonly check: string;
}

const verdict = (
  category: Category,
  confidence: number,
  rule: string,
  evidence: string,
  check: string,
): ExitVerdict => ({
  category,
  confidence,
  rule,
  evidence,
  check,
});

/** 128+n, and Node's and Python's negative codes, are signals that a program in between has translated. */
export const signalOf = (exit: Exit): string | null => {
  if (exit.signal !== null) return exit.signal;
  const number =
    exit.code === null ? 0 : exit.code > 128 && exit.code < 160 ? exit.code - 128 : exit.code < 0 ? -exit.code : 0;
  return signalNames[number] ?? null;
};

const signalNames: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  5: 'SIGTRAP',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  13: 'SIGPIPE',
  15: 'SIGTERM',
  24: 'SIGXCPU',
  25: 'SIGXFSZ',
  31: 'SIGSYS',
}; // prettier-ignore

export const crashSignals: ReadonlySet<string> = new Set([
  'SIGSEGV',
  'SIGBUS',
  'SIGILL',
  'SIGFPE',
  'SIGTRAP',
  'SIGABRT',
  'SIGSYS',
]);
export const stopSignals: ReadonlySet<string> = new Set(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGKILL']);

/** The verdict on the exit alone. */
export const verdictOfExit = (exit: Exit): ExitVerdict => {
  const signal = signalOf(exit);
  if (signal !== null) return verdictOfSignal(signal);
  const byCode = exit.code === null ? undefined : codes[exit.code];
  if (byCode !== undefined) return byCode;
  return verdict(
    'unknown',
    0.2,
    'exit.code',
    `exit code ${exit.code ?? 'unknown'}`,
    'No cause found in the output. Run the command by hand with the same environment, or raise its log level.',
  );
};

const verdictOfSignal = (signal: string): ExitVerdict => {
  if (signal === 'SIGKILL')
    return verdict(
      'killed-externally',
      0.5,
      'exit.sigkill',
      'SIGKILL, sender unknown',
      'Find out who sent SIGKILL: check the kernel log for an out-of-memory kill first, then orchestrators, scripts and people.',
    );
  if (signal === 'SIGXCPU' || signal === 'SIGXFSZ')
    return verdict(
      'resource-limit',
      0.8,
      `exit.${signal.toLowerCase()}`,
      `ended by ${signal}`,
      'The process reached a limit on CPU time or file size. Check `ulimit -a` and the limits of the unit.',
    );
  if (crashSignals.has(signal))
    return verdict(
      'native-crash',
      0.7,
      `exit.${signal.toLowerCase()}`,
      `ended by ${signal}`,
      'Native code crashed. Look for a core file (`coredumpctl list`), and suspect native modules that were updated recently.',
    );
  if (stopSignals.has(signal))
    return verdict(
      'killed-externally',
      0.6,
      `exit.${signal.toLowerCase()}`,
      `${signal}, sender unknown`,
      'Find out who stopped it at that time: the service manager, a deployment, a script or a person.',
    );
  return verdict(
    'unknown',
    0.3,
    `exit.${signal.toLowerCase()}`,
    `ended by ${signal}`,
    `Find out who sends ${signal} and whether the program should handle it.`,
  );
};

const codes: Readonly<Record<number, ExitVerdict>> = {
  64: verdict('bad-config', 0.4, 'exit.usage', 'exit code 64 (usage)', 'Check the command line.'),
  66: verdict('missing-file', 0.4, 'exit.no-input', 'exit code 66 (no input)', 'Check the input files of the program.'),
  69: verdict(
    'network-unreachable',
    0.3,
    'exit.unavailable',
    'exit code 69 (service unavailable)',
    'Check the services that the program depends on.',
  ),
  77: verdict(
    'permission-denied',
    0.4,
    'exit.no-permission',
    'exit code 77 (no permission)',
    'Check the permissions of the user of the service.',
  ),
  78: verdict(
    'bad-config',
    0.5,
    'exit.config',
    'exit code 78 (configuration)',
    'Check the configuration of the program.',
  ),
  124: verdict(
    'timeout',
    0.6,
    'exit.timeout',
    'exit code 124 (timeout(1) ended it)',
    'Find out what took so long, or raise the time limit.',
  ),
  126: verdict(
    'permission-denied',
    0.6,
    'exit.not-executable',
    'exit code 126 (found but not executable)',
    'Check the mode of the command (chmod +x) and of its file system (noexec).',
  ),
  127: verdict(
    'missing-dependency',
    0.7,
    'exit.not-found',
    'exit code 127 (command not found)',
    'Install the command, or add its directory to the PATH of the service.',
  ),
  3221225477: verdict(
    'native-crash',
    0.8,
    'exit.access-violation',
    'exit code 0xC0000005 (access violation)',
    'Native code crashed. Suspect native modules that were updated recently.',
  ),
  [-1073741819]: verdict(
    'native-crash',
    0.8,
    'exit.access-violation',
    'exit code 0xC0000005 (access violation)',
    'Native code crashed. Suspect native modules that were updated recently.',
  ),
  3221225786: verdict(
    'killed-externally',
    0.7,
    'exit.control-c',
    'exit code 0xC000013A (Ctrl-C)',
    'Ctrl-C was pressed, or the window was closed.',
  ),
};
