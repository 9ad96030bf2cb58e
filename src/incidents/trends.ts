import { sizeText } from '../core/text/units.ts';
import type { Incident } from './incident.ts';

/** Something that grew in each of several runs, in one line. */
export interface Trend {
  readonly name: string;
  readonly text: string;
}

/** How many runs in a row must show it, of how many samples each. */
const LEAST_RUNS = 3;
const LEAST_SAMPLES = 3;
/** By how much a run must have grown, so that warming up is no trend. */
const LEAST_GROWTH = 1.5;

/** Memory that grew in each of the last runs of a service, however often it was restarted. `incidents`: oldest first. */
export const trendsOf = (incidents: readonly Incident[]): Trend[] =>
  [...Map.groupBy(incidents, incident => incident.name)].flatMap(([name, own]) => {
    const rates = own.map(bytesPerSecond);
    const since = rates.lastIndexOf(null) + 1;
    const growing = rates.slice(since).filter(rate => rate !== null);
    if (growing.length < LEAST_RUNS) return [];
    const middle = growing.sort((one, other) => one - other)[growing.length >> 1] ?? 0;
    return [{ name, text: `memory ${rateText(middle)} in each of ${growing.length} runs: a leak` }];
  });

/** How fast the memory of a run grew; null if it did not, or not steadily. */
const bytesPerSecond = ({ memory }: Incident): number | null => {
  const [first, last] = [memory[0], memory.at(-1)];
  if (first === undefined || last === undefined || memory.length < LEAST_SAMPLES) return null;
  const seconds = (Date.parse(last.at) - Date.parse(first.at)) / 1000;
  const half = memory[memory.length >> 1]?.bytes ?? 0;
  const steady = first.bytes < half && half < last.bytes && last.bytes > LEAST_GROWTH * first.bytes;
  return seconds > 0 && steady ? (last.bytes - first.bytes) / seconds : null;
};

const rateText = (bytes: number): string =>
  bytes >= 1024 * 1024 ? `+${sizeText(bytes)}/s` : `+${sizeText(bytes * 60)}/min`;
