import { stripControl } from '../core/text/escape.ts';
import { durationWords, momentWords, timesWords } from '../core/text/units.ts';
import type { Brief } from './brief.ts';

const mostNames = 8;
const mostNeeds = 6;
const mostFailures = 4;
const mostShared = 3;

/** The brief on one screen: plain lines, each cut to `columns`, free of control sequences. */
export const briefText = (brief: Brief, columns = 100): string =>
  [...head(brief), ...needs(brief), ...shared(brief), ...failures(brief), ...names(brief)]
    .map(line => cut(stripControl(line).replaceAll('\n', ' '), columns))
    .join('\n');

const head = (brief: Brief): string[] => {
  const incidents = brief.names.reduce((sum, name) => sum + name.incidents, 0);
  const heals = brief.names.reduce((sum, name) => sum + name.heals, 0);
  const down = brief.names.reduce((sum, name) => sum + name.downMs, 0);
  const period = `Since ${momentWords(brief.since)} UTC`;
  if (brief.names.length === 0) return [`${period}: nothing is watched.`];
  if (incidents === 0) return [`${period}: ${brief.names.length} watched, nothing happened.`];
  return [
    `${period}: ${plural(incidents, 'incident')}, ${heals} healed, ${durationWords(down)} down in all, ${brief.names.length} watched.`,
  ];
};

const needs = ({ needsPerson }: Brief): string[] =>
  needsPerson.length === 0
    ? []
    : [
        '',
        'Needs a person:',
        ...needsPerson.slice(0, mostNeeds).map(need => `  ${need.name}: ${need.why}  (${need.next})`),
        ...(needsPerson.length > mostNeeds ? [`  and ${needsPerson.length - mostNeeds} more`] : []),
      ];

const shared = ({ shared: events }: Brief): string[] =>
  events.length === 0
    ? []
    : [
        '',
        'Together:',
        ...events
          .slice(-mostShared)
          .map(
            event =>
              `  ${momentWords(event.at)} ${event.names.join(', ')}: ${event.what ?? 'nothing in common but the time'}`,
          ),
      ];

const failures = ({ failures: found }: Brief): string[] =>
  found.length === 0
    ? []
    : [
        '',
        'What failed:',
        ...found
          .slice(0, mostFailures)
          .flatMap(failure => [
            `  ${failure.name}: ${failure.category} ${timesWords(failure.count)}, last ${momentWords(failure.lastAt)}`,
            ...(failure.keyLine === null ? [] : [`      ${failure.keyLine}`]),
            `      ${failure.recommendation}`,
          ]),
        ...(found.length > mostFailures ? [`  and ${found.length - mostFailures} more kinds`] : []),
      ];

const names = ({ names: all }: Brief): string[] => {
  if (all.length === 0) return [];
  const width = Math.max(...all.map(name => name.name.length));
  const rows = [...all].sort((one, other) => other.incidents - one.incidents || (one.name < other.name ? -1 : 1));
  return [
    '',
    ...rows
      .slice(0, mostNames)
      .map(
        row =>
          `  ${row.name.padEnd(width)}  ${row.phase.padEnd(9)}  ${plural(row.incidents, 'incident')}, ${row.heals} healed, ${durationWords(row.downMs)} down`,
      ),
    ...(rows.length > mostNames ? [`  and ${rows.length - mostNames} more`] : []),
  ];
};

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

const cut = (line: string, columns: number): string =>
  line.length > columns ? `${line.slice(0, columns - 1)}…` : line;
