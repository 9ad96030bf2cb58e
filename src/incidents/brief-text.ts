import { stripControl } from '../core/text.ts';
import { durationText, timesText } from '../core/units.ts';
import type { Brief } from './brief.ts';

const mostNeeds = 6;
const mostFailures = 4;
const mostShared = 3;
const mostTrends = 4;
const mostUnusual = 6;
const mostNames = 12;

/** How the brief is shown. */
export interface BriefLook {
  /** Cuts a text to the width of the screen; commands are never cut. */
  cut(line: string): string;
  /** A time for people, with its zone where that is not known otherwise. */
  time(at: string): string;
  readonly zone: string;
}

/** The brief on one screen: what needs attention first, then what recovered, trends, and what is well. */
export const briefText = (brief: Brief, look: BriefLook): string =>
  [
    briefHead(brief, look),
    ...needs(brief),
    ...failures(brief, look),
    ...together(brief, look),
    ...section('Unusual runs', brief.unusual.slice(-mostUnusual), ({ name, run, at, reasons }) => [
      `${at === null ? '' : `${look.time(at)} `}${name}, run ${run}: ${reasons.join('; ')}`,
    ]),
    ...section('Trends', brief.trends.slice(0, mostTrends), trend => [`${trend.name}: ${trend.text}`]),
    ...well(brief),
  ]
    .map(line => (line.trimStart().startsWith('agent-watch ') ? line : look.cut(clean(line))))
    .join('\n');

const clean = (line: string): string => stripControl(line).replaceAll('\n', ' ');

const section = <T>(title: string, items: readonly T[], lines: (item: T) => readonly string[]): string[] =>
  items.length === 0 ? [] : ['', `${title}:`, ...items.flatMap(lines).map(line => `  ${line}`)];

/** The period in one line: how many services, incidents, recoveries, and how long services were down. */
export const briefHead = (brief: Brief, { time, zone }: BriefLook): string => {
  const sum = (of: (name: Brief['names'][number]) => number) =>
    brief.names.reduce((total, name) => total + of(name), 0);
  const period = `Since ${time(brief.since)} ${zone}`;
  if (brief.names.length === 0) return `${period}: no services`;
  const services = plural(brief.names.length, 'service');
  const incidents = sum(name => name.incidents);
  if (incidents === 0) return `${period}: ${services}, no incidents`;
  const recovered = `${sum(name => name.heals)} recovered`;
  // Of a service whose watcher died nobody knows since when it is down, if it is.
  const isKnown = brief.names.every(({ phase }) => phase !== 'lost');
  const downMs = sum(name => name.downMs);
  const total = `${isKnown ? '' : 'at least '}${durationText(downMs)} down in total`;
  const down = downMs > 0 ? `, ${total}` : isKnown ? '' : ', time down unknown';
  return `${period}: ${services}, ${plural(incidents, 'incident')}, ${recovered}${down}`;
};

const needs = ({ needsPerson }: Brief): string[] => [
  ...section('Needs attention', needsPerson.slice(0, mostNeeds), need => [
    `${need.name}: ${need.why}`,
    `  ${need.next}`,
  ]),
  ...(needsPerson.length > mostNeeds ? [`  and ${needsPerson.length - mostNeeds} more`] : []),
];

/** Equal incidents once, with their count, the most frequent first. */
const failures = ({ failures: found }: Brief, { time }: BriefLook): string[] => {
  return [
    ...section('What failed', found.slice(0, mostFailures), failure => [
      `${failure.name}: ${failure.category} ${timesText(failure.count)}, last ${time(failure.lastAt)}${failure.recoveredAt === null ? '' : ', recovered'}`,
      ...(failure.keyLine === null ? [] : [`    ${failure.keyLine}`]),
      `    ${failure.recommendation}`,
    ]),
    ...(found.length > mostFailures ? [`  and ${found.length - mostFailures} more kinds`] : []),
  ];
};

/** What came at the same time and has more in common than that. */
const together = ({ shared }: Brief, { time }: BriefLook): string[] =>
  section('Together', shared.filter(event => event.what !== null).slice(-mostShared), event => [
    `${time(event.at)} ${event.names.join(', ')}: ${event.what}`,
  ]);

/** Services that are well, in one line. */
const well = ({ names }: Brief): string[] => {
  const fine = names.filter(one => one.well).map(({ name }) => name);
  if (fine.length === 0) return [];
  const more = fine.length > mostNames ? `, and ${fine.length - mostNames} more` : '';
  return ['', `Well: ${fine.slice(0, mostNames).join(', ')}${more}`];
};

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
