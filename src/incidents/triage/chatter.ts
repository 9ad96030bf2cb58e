import type { Line } from './log-lines.ts';

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
