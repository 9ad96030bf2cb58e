import type { Candidate } from './candidate.ts';
import type { Category } from './category.ts';

/** An earlier failure is taken for the cause of a later one only if it is that much more telling; the same failure said twice even less. */
const margin = 0.35;
const marginOfSame = 0.9;

/** The failure that explains the end: the last, unless an earlier one says clearly more. `candidates`: last first. */
export const choose = (candidates: readonly Candidate[]): Candidate | null => {
  let best: Candidate | null = null;
  for (const candidate of candidates)
    if (best === null || candidate.score > best.score + marginOver(best, candidate) || isOutermost(candidate, best))
      best = candidate;
  if (best === null) return null;
  return announced(best, candidates) ?? best;
};

/** Of causes below one headline that say the same, the headline is what a person quotes. */
const isOutermost = (earlier: Candidate, best: Candidate): boolean =>
  earlier.failure.trace &&
  earlier.failure.first === best.failure.first &&
  earlier.match.rule.id === best.match.rule.id &&
  earlier.score >= best.score - 0.15;

const marginOver = (best: Candidate, earlier: Candidate): number =>
  best.match.rule.id === earlier.match.rule.id && !best.indented && !earlier.failure.trace ? marginOfSame : margin;

/** Categories whose later messages are echoes of the first: a dump, the deaths of the other workers. */
const firstSpeaks: ReadonlySet<Category> = new Set(['killed-externally', 'native-crash', 'out-of-memory']);

/**
 * The line that a person would quote for it: a logger's headline right above a trace that says the same thing with its
 * surroundings; of several messages of a kill, a native crash or a lack of memory the first, because the others are its echo.
 */
const announced = (best: Candidate, candidates: readonly Candidate[]): Candidate | null => {
  const near = candidates.filter(
    other =>
      other !== best &&
      !other.failure.trace &&
      other.match.rule.category === best.match.rule.category &&
      other.failure.last < best.failure.line &&
      other.lifeAfter <=
        best.lifeAfter + (best.match.rule.terminal === true || other.match.rule.terminal === true ? 40 : 0),
  );
  if (firstSpeaks.has(best.match.rule.category)) return near.findLast(other => other.score >= best.score - 0.5) ?? null;
  if (!best.failure.trace) return null;
  const logged = near.find(
    other =>
      other.match.rule.id === best.match.rule.id &&
      (other.failure.grade === 'error' || other.failure.grade === 'fatal') &&
      other.failure.last >= best.failure.first - 2,
  );
  return logged ?? null;
};
