import type { Line } from './lines.ts';

/**
 * A log file may hold many lives of a program, and only the last one ended now. A life begins where the first words of the
 * log come again, or with one of the banners that servers and runners open with.
 */
const banner =
  /^(?:> [@\w./-]+@\d+\.\d+\.\d+ \w+|> [\w-]+@\S+ \w+|INFO: {5}Started server process|\*\*\* Starting uWSGI|Started (?:parent|server) process|Starting gunicorn|\[nodemon\] starting|\[nodemon\] restarting|celery@|:: Spring Boot ::|={3,}.{0,20}(?:START|RESTART)|-{3,}.{0,20}(?:start|restart)ed? .{0,60}-{3,}|Starting minecraft server|Loading libraries, please wait|yarn run v\d|npm start)/i;
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
