import { stripSequences } from '../../core/text.ts';
import { type Level, readRecord } from './log-record.ts';

/**
 * How much a place in the log looks like the end of the program: `crash` a trace that nothing caught, `fatal` and `error` by
 * the line's own level, `plain` a line without a level, `warn` and `info` what is mostly survived.
 */
export type Grade = 'crash' | 'fatal' | 'error' | 'plain' | 'warn' | 'info';

/** A place in the log where something failed: a trace with its headline, or a single line. */
export interface Failure {
  /** Index of the line that says what happened. */
  readonly line: number;
  /** Indices of the first and last line that belong to it. */
  readonly first: number;
  readonly last: number;
  /** The headline, then what else its message says. */
  readonly texts: readonly string[];
  /** Frames, source lines and properties around it. */
  readonly context: readonly string[];
  readonly grade: Grade;
  /** Part of a trace, not a line of its own. */
  readonly trace: boolean;
  /** Stands right below an uncaught trace, without a prefix. */
  readonly rest: boolean;
  /** The same for all exceptions of one chain; -1 outside of one. */
  readonly chain: number;
}

const grades: Readonly<Record<Level, Grade>> = {
  fatal: 'fatal',
  error: 'error',
  none: 'plain',
  warn: 'warn',
  info: 'info',
  debug: 'info',
};

/** The grade that a line's own level gives it. */
export const gradeOf = (level: Level): Grade => grades[level];

/** What a reader of one language's traces found: the failures, and the first line that no longer belongs to them. */
export interface Found {
  readonly failures: readonly Failure[];
  readonly next: number;
}
export type BlockReader = (lines: readonly Line[], at: number, chain: number) => Found | null;

/** A line of the log as triage sees it. */
export interface Line {
  /** Without control sequences and outer blanks: what a key line quotes. */
  readonly shown: string;
  /** Without timestamps, log levels, process names and so on, cut for matching. */
  readonly text: string;
  /** Blanks left in front of `text` after its prefixes: a frame of a traceback has some, its last line has none. */
  readonly indent: number;
  readonly level: Level;
}

/** How much of the end of a log is looked at: a cause further up than this was survived. */
const lookedAtChars = 1024 * 1024;
const lookedAtLines = 20_000;
const matchedHeadChars = 1500;
const matchedTailChars = 500;

/** The last {@link lookedAtChars} of the output as lines. A carriage return ends one too: what a bar was drawn over stays readable. */
export const readLines = (output: string): Line[] =>
  stripSequences(output.slice(-lookedAtChars))
    .split(/\r\n|\n|\r/)
    .slice(-lookedAtLines)
    .map(readLine);

const blank: Line = { shown: '', text: '', indent: 0, level: 'none' };

/** Colour codes whose escape character was lost on the way (copied logs): `[1;31mERROR[0m`. */
const bareColours = /\[\d{1,3}(?:;\d{1,3}){0,4}m/g;

const readLine = (line: string): Line => {
  if (line.trim() === '') return blank;
  const cut =
    line.length > matchedHeadChars + matchedTailChars
      ? `${line.slice(0, matchedHeadChars)}\n${line.slice(-matchedTailChars)}`
      : line;
  const plain = cut.includes('[') ? cut.replace(bareColours, '') : cut;
  const { rest, indent } = withoutPrefix(plain);
  const record = rest.startsWith('{"') ? readRecord(line.slice(line.indexOf('{"'))) : null;
  if (record !== null) return { shown: line.trim(), text: record.text, indent, level: record.level };
  return { shown: line.trim(), text: rest, indent, level: levelOf(plain, rest) };
};

const time = '\\d{1,2}:\\d{2}:\\d{2}(?:[.,:]\\d{1,9})?(?: ?[AP]M)?';
const date =
  '(?:\\d{4}[-/.]\\d{1,2}[-/.]\\d{1,2}|\\d{1,2}[-/.](?:\\d{1,2}|[A-Z][a-z]{2})[-/.]\\d{2,4}|\\d{8}|\\d{2}-\\d{2})';
const zone = '(?: ?(?:Z|[+-]\\d{2}:?\\d{2}|UTC|GMT|CET|CEST|[ECMP][SD]T))?';
const month = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';

/** What loggers, containers and runners put in front of a line. Each takes one blank after it at most: the rest is indentation. */
const prefixes = [
  // [2026-01-02 03:04:05,678: ERROR/MainProcess] (celery)
  new RegExp(`^\\[${date}[T _]${time}${zone}[:,]? [A-Z]{4,8}/[\\w-]{1,60}\\] ?`),
  new RegExp(`^[\\[(<]?${date}[T _,:|]{1,2}${time}${zone}[\\])>]?(?: ?[:|-])? ?`),
  new RegExp(`^[\\[(<]?${time}${zone}[\\])>]?(?: ?[:|-])? ?`),
  // Mar 26 12:31:10 host unit[123]: (syslog, journal)
  new RegExp(`^${month} {1,2}\\d{1,2} ${time} [\\w.-]{1,64} [\\w./@-]{1,64}(?:\\[\\d{1,9}\\])?: ?`),
  new RegExp(`^\\[?(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?${month} {1,2}\\d{1,2} ${time}(?: \\d{4})?\\]?:? ?`),
  /^\[\s{0,6}\d{1,9}\.\d{3,9}\] ?/,
  // Seconds since 1970 (mosquitto, cron jobs)
  /^1[5-9]\d{8}(?:\.\d{1,6})?: ?/,
  // pm2: 0|name | 2026-01-02T03:04: (no seconds)
  /^\d{1,4}\|[\w.@-]{1,40} {0,30}\| /,
  new RegExp(`^${date}[T ]\\d{1,2}:\\d{2}${zone}: `),
  // redis: 1:M 05 Jan 2026 10:00:00.000 #
  new RegExp(`^\\d{1,8}:[A-Z] \\d{1,2} ${month} \\d{4} ${time} [#*.-] ?`),
  // Ruby's logger: F, [2026-01-02T03:04:05.678901 #12] FATAL -- app:
  /^[DIWEFA], \[[^\]\n]{10,60}\]\s{0,3}[A-Z]{3,7} -- [^:\n]{0,60}: ?/,
  // Sidekiq: 2026-01-02T03:04:05.678Z pid=1 tid=abc jid=… class=Job ERROR:
  /^(?:(?:pid|tid|jid|bid|class|elapsed)=\S{1,120} ?){1,6}(?:[A-Z]{4,5}: |: |(?=\S))/,
  // mysqld: 2026-01-02T03:04:05.678901Z 0 [ERROR]
  /^\d{1,6} (?=\[(?:ERROR|Warning|Note|System)\])/,
  // klog, absl and torch: E0711 19:10:32.605000 1389313 path/file.py:12]
  /^(?:\[rank\d{1,5}\]:)?[IWEF]\d{4} \d{2}:\d{2}:\d{2}\.\d{1,9}\s{1,6}\d{1,9} [\w./<>-]{1,200}:\d{1,6}\] ?/,
  // Spring: 1802220 --- [app] [main] o.s.boot.SpringApplication   :
  /^\d{1,8} --- (?:\[[^\]\n]{0,60}\] ?){1,3}[\w.$[\]/-]{1,80}\s{0,40}: ?/,
  // docker compose, foreman, honcho
  /^(?:[\w.-]{1,40}(?: \d{1,3})?|) {0,30}\| /,
  /^\d{1,4} (?:verbose|info|error|silly|warn|notice|http) (?:stack )?/,
  /^\(node:\d{1,9}\) /,
  /^\([\w.@/-]{1,60} \d{2,9}\) (?:<std(?:err|out)> )?/,
  /^(?:stdout|stderr) [FP] /,
  /^(?:stdout|stderr): ?/i,
  /^[a-z][\w.-]{0,30}\[[a-z]{1,20}\.\d{1,4}\]: /,
  // (EngineCore_0 pid=123), (RayTrainWorker pid=1, ip=10.0.0.1)
  /^\((?:[^()\n]{0,60}\b)?(?:pid|ip|rank|worker)[=: ][^()\n]{0,80}\) ?/i,
  /^\[(?!Errno|WinError|SSL|cause|errors|error:|signal|E_|os error|Error)[^[\]\n]{0,80}\](?:: ?| |$)/i,
  /^(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|FATAL|CRITICAL|CRIT)(?:\s{0,8}[:|>-]|(?= )|(?=\s*$))(?! ERROR) ?/,
  /^\[(?:trace|debug|info|notice|warn|warning|error|err|fatal|critical|crit|alert|emerg)\] ?/i,
  // - module - (Python's usual formats)
  /^- (?:[\w.-]{1,60} - )?/,
  /^\d{1,8}#\d{1,8}: (?:\*\d{1,9} )?/,
  /^[\w.]{1,60}:\d{1,6} - /,
  /^[A-Z][\w ]{0,30}:(?:DEBUG|INFO|WARNING|ERROR|CRITICAL): ?/,
  /^[\w.-]{1,60}: (?=panic: |goroutine \d|Traceback \(most|fatal error: |\[signal )/,
  /^(?:\u274c|\u2716|\u2717|\u2718|\u{1f525}|\u26a0|\u{1f6a8}|\u26d4|\u{1f4a5}|\u2757|\u203c|\u25cf|\u00d7|\u2a2f|\ufe0f)\s?/u,
];

/** The line behind its prefixes, and the blanks that were left in front of it. */
export const withoutPrefix = (line: string): { rest: string; indent: number } => {
  let rest = line;
  for (let round = 0; round < 8; round += 1) {
    const before = rest;
    const lead = rest.length - rest.trimStart().length;
    if (lead > 0 && lead < 9 && round > 0 && !/^\s+(?:File "|at |\^|\.\.\.)/.test(rest)) {
      const inner = stripOne(rest.trimStart());
      if (inner !== rest.trimStart()) rest = inner;
    } else rest = stripOne(rest);
    if (rest === before) break;
  }
  // A bar without a newline stands in front of what came after it.
  const glued = rest.indexOf('Traceback (most recent call last)');
  if (glued > 0 && !rest.startsWith('{"')) return { rest: rest.slice(glued).trimEnd(), indent: 0 };
  return { rest: rest.trim(), indent: (/^\s*/.exec(rest)?.[0] ?? '').replaceAll('\t', '    ').length };
};

const stripOne = (line: string): string => {
  for (const prefix of prefixes) {
    const found = prefix.exec(line);
    if (found !== null && found[0].length > 0 && found[0].length < line.length) return line.slice(found[0].length);
  }
  return line;
};

const levels: readonly (readonly [Level, RegExp])[] = [
  [
    'fatal',
    /\b(?:FATAL|CRITICAL|CRIT|EMERG|PANIC|ALERT)\b|\[(?:emerg|alert|crit|fatal|critical)\]|level"?[=:] ?"?(?:fatal|panic|critical|60)\b|\[C \d{4}-/,
  ],
  ['error', /\b(?:ERROR|ERR|SEVERE)\b|ERR!|\[(?:error|err)\]|level"?[=:] ?"?(?:error|err|50)\b|\u274c|^npm error\b/],
  [
    'warn',
    /\b(?:WARN|WARNING)\b|\[warn(?:ing)?\]|^PHP (?:Warning|Notice|Deprecated): |# Warning: |level"?[=:] ?"?(?:warn|40)|\b(?!UnhandledPromise)[A-Z]\w{2,40}Warning: |^npm warn\b|\u26a0/,
  ],
  ['info', /\b(?:INFO|NOTICE)\b|\[(?:info|notice)\]|level"?[=:] ?"?(?:info|30)\b/],
  [
    'debug',
    /(?<!\b(?:if|when|with|set|in|of|and|or|to|for) )\b(?:DEBUG|TRACE|VERBOSE)\b(?! (?:is|mode|must)\b|=)|\[(?:debug|trace)\]|level"?[=:] ?"?(?:debug|trace|20|10)\b/,
  ],
];
const klogLevels: Readonly<Record<string, Level>> = { I: 'info', W: 'warn', E: 'error', F: 'fatal' };

/** The level a line gives itself: the first level word near its start. */
const levelOf = (line: string, rest: string): Level => {
  const head = line.slice(0, 160);
  const klog = /^(?:\[rank\d+\]:)?([IWEF])\d{4} \d{2}:/.exec(head)?.[1];
  if (klog !== undefined) return klogLevels[klog] ?? 'none';
  let best: Level = 'none';
  let at = Number.POSITIVE_INFINITY;
  for (const [level, pattern] of levels) {
    const index = pattern.exec(head)?.index;
    if (index !== undefined && index < at) {
      best = level;
      at = index;
    }
  }
  if (best !== 'none') return best;
  // .NET's console logger: "crit: Name[0]", "fail: Name[0]"
  if (/^crit: /.test(rest)) return 'fatal';
  if (/^fail: /.test(rest)) return 'error';
  if (/^(?:fatal|panic)\b(?: error)?:/i.test(rest)) return 'fatal';
  if (/^(?:error|err)\b(?:\[\w+\])?:/i.test(rest)) return 'error';
  return /^warn(?:ing)?\b:?/i.test(rest) ? 'warn' : 'none';
};

/**
 * Lines that tell nothing about what happened: farewells after the cause, decoration, hints where to read on. They neither
 * speak for the end nor are they a sign that the program lived on after an error.
 */
export const farewell =
  /shutting down|shut ?down|stopping|stopped|exiting|goodbye|\bbye\b|clean(?:ing)? ?up|closing|closed|terminating|finished server process|waiting for (?:application|background|connections)|graceful|draining|disconnect|atexit|cancell?ing|removing|released?|unlock|flush(?:ed|ing)|saving|saved|sending .{0,40}signal|process exited|plugin exited|synced \d|find logs at|view run|run summary|run history|complete log|debug log|core dumped|resource_tracker|leaked semaphore|destroy_process_group|errored, so skipping|task was destroyed|^task: <|^future: <|unclosed (?:client|conn)|^client_session: |full report available|encountered errors|exiting eval tree|unwinding|crash report has been saved|exiting \(pid/i;

const decoration = /^(?:\d{1,6})?[\s\-=*#_~+.<>|^\u2500-\u257f\u2580-\u259f]*$/;
const hint =
  /^(?:note|hint|tip|help|see|for more|to (?:see|fix|disable)|try|usage|please|run |npm (?:ERR!|error|notice)|error Command|info Visit|Node\.js v|Require stack|- \/|\}|\]|\)|\{|https?:\/\/|set )|\bretry|attempt \d|back ?off|reconnect|trying again/i;
/** Access logs of the program's own server: their status codes are answers to others. */
export const accessLog =
  /"(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|CONNECT) [^"\n]{1,600}" \d{3}|\b(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) \/\S{0,300} (?:HTTP\/[\d.]+ )?\d{3}\b/;

/** Advice or a last word below a message: it belongs to what stands above. */
export const isHint = (text: string): boolean =>
  /^(?:note|hint|tip|help|see|detail|for more|try|usage|terminating|exiting|aborting|giving up|quitting)\b|\bdid you mean\b/i.test(
    text,
  );

/** Neither a failure nor life: blank, decoration, hints, farewells. */
export const isChatter = (text: string): boolean =>
  text === '' || decoration.test(text) || hint.test(text) || farewell.test(text);

/** The program says itself that what failed before is over. */
export const recovered =
  /\b(?:reconnected|recovered|connection restored|(?:re)?connect(?:ion)? (?:succeeded|established|successful)|back online|retry succeeded|successfully connected|resumed|healthy again|(?<!(?:that's|is|process|already|other|failed|something) )listening on|application startup complete|server started|ready (?:in|to accept|for)|started successfully)\b/i;

/**
 * A log file may hold many lives of a program, and only the last one ended now. A life begins where the first words of the
 * log come again, or with one of the banners that servers and runners open with.
 */
const banner =
  /^(?:> [@\w./-]+@\d+\.\d+\.\d+ \w+|> [\w-]+@\S+ \w+|INFO: {5}Started server process|\*\*\* Starting uWSGI|Started (?:parent|server) process|Starting gunicorn|Booting worker with pid|Booting Puma|Puma starting|Started child process|spawned uWSGI worker|supervisord started with pid|\[nodemon\] starting|\[nodemon\] restarting|celery@|:: Spring Boot ::|={3,}.{0,20}(?:START|RESTART)|-{3,}.{0,20}(?:start|restart)ed? .{0,60}-{3,}|Starting minecraft server|Loading libraries, please wait|yarn run v\d|npm start)/i;
const opening =
  /\b(?:start(?:ing|ed|up)?|boot(?:ing)?|launch(?:ing|ed)?|initiali[sz]ing|begin(?:ning)?|run #?\d+|version \d|v\d+\.\d+)\b/i;

/** Index of the line with which the last life in the log begins; 0 if there is only one. */
export const lastRunStart = (lines: readonly Line[]): number => {
  const first = lines.find(line => line.text !== '');
  const key = first === undefined || !opening.test(first.text) ? null : masked(first.text);
  for (let at = lines.length - 1; at > 0; at -= 1) {
    const text = lines[at]?.text ?? '';
    if (text === '' || lines[at]?.level === 'error') continue;
    if (key !== null && masked(text) === key) return at;
    if (banner.test(text)) return at;
  }
  return 0;
};

const masked = (text: string): string => text.replace(/[\da-f]{8,}|\d+/g, '#');
