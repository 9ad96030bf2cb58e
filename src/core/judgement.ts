/** What a judge and a person say of runs, and how far they agree. Pure; Cohen's kappa as in his paper of 1960. */

/** What a model says of the output of a run. */
export interface Verdict {
  readonly verdict: 'pass' | 'fail' | 'unsure';
  /** Each with words of the output that show it. */
  readonly reasons: readonly { readonly why: string; readonly quote: string }[];
  /** Why it is no pass or fail, where the reasons do not tell. */
  readonly note: string | null;
  /** Which rubric, model and prompt: verdicts with another one are of another judge. Null: no model was asked. */
  readonly calibration: string | null;
  readonly source: string | null;
  readonly model: string | null;
  readonly costUsd: number | null;
  readonly ms: number;
}

/** A person's word on a run. */
export interface Mark {
  readonly mark: 'good' | 'bad';
  readonly why: string | null;
  /** RFC 3339 UTC. */
  readonly at: string;
}

type Unchecked = Readonly<Record<string, unknown>> | null;

const textOr = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** A verdict as a file has it; null where there is none. */
export function verdictIn(value: Unchecked): Verdict | null {
  const verdict = value?.['verdict'];
  if (value === null || (verdict !== 'pass' && verdict !== 'fail' && verdict !== 'unsure')) return null;
  const { reasons, note, calibration, source, model, costUsd, ms } = value;
  return {
    verdict,
    reasons: (Array.isArray(reasons) ? reasons : []).flatMap((reason: unknown) => {
      const { why, quote } = (reason ?? {}) as Record<string, unknown>;
      return typeof why === 'string' && typeof quote === 'string' ? [{ why, quote }] : [];
    }),
    note: textOr(note),
    calibration: textOr(calibration),
    source: textOr(source),
    model: textOr(model),
    costUsd: typeof costUsd === 'number' ? costUsd : null,
    ms: typeof ms === 'number' ? ms : 0,
  };
}

/** A mark as a file has it; null where there is none. */
export function markIn(value: Unchecked): Mark | null {
  const mark = value?.['mark'];
  if (value === null || (mark !== 'good' && mark !== 'bad')) return null;
  return { mark, why: textOr(value['why']), at: textOr(value['at']) ?? '' };
}

/** So many marked verdicts, with this kappa, before a judge may act. */
const MARKS_NEEDED = 20;
const KAPPA_NEEDED = 0.6;

/** How often each verdict stands beside each mark. */
export interface Confusion {
  readonly good: Readonly<Record<Verdict['verdict'], number>>;
  readonly bad: Readonly<Record<Verdict['verdict'], number>>;
}

/** How far a judge and a person agree on the runs of a service. */
export interface Agreement {
  /** Of the last verdict; null: there is none yet. */
  readonly calibration: string | null;
  readonly source: string | null;
  readonly model: string | null;
  /** Runs that a person marked and this judge decided: pass or fail. */
  readonly marks: number;
  readonly marksNeeded: number;
  /** The share of them on which both agree; null: there are none. */
  readonly agreement: number | null;
  /** Agreement beyond chance, from -1 to 1; null: not defined, since one of the two always says the same. */
  readonly kappa: number | null;
  readonly kappaNeeded: number;
  readonly confusion: Confusion;
  /** Numbers of the runs on which they disagree. */
  readonly disagreements: readonly number[];
  readonly calibrated: boolean;
}

/** A run of the journal, as far as it matters here. */
export interface JudgedRun {
  readonly run: number;
  readonly verdict: Unchecked;
  readonly mark: Unchecked;
}

/** The agreement on the runs that the present judge has judged. */
export function agreementOf(runs: readonly JudgedRun[]): Agreement {
  const judged = runs.map(({ run, verdict, mark }) => ({ run, verdict: verdictIn(verdict), mark: markIn(mark) }));
  const last = judged.findLast(({ verdict }) => verdict !== null && verdict.calibration !== null)?.verdict ?? null;
  const none = { pass: 0, fail: 0, unsure: 0 };
  const confusion = { good: { ...none }, bad: { ...none } };
  const disagreements: number[] = [];
  for (const { run, verdict, mark } of judged) {
    if (verdict === null || mark === null || verdict.calibration === null) continue;
    if (verdict.calibration !== last?.calibration) continue;
    confusion[mark.mark][verdict.verdict]++;
    if (verdict.verdict === (mark.mark === 'good' ? 'fail' : 'pass')) disagreements.push(run);
  }
  const { good, bad } = confusion;
  const marks = good.pass + good.fail + bad.pass + bad.fail;
  const kappa = kappaOf(confusion);
  return {
    calibration: last?.calibration ?? null,
    source: last?.source ?? null,
    model: last?.model ?? null,
    marks,
    marksNeeded: MARKS_NEEDED,
    agreement: marks === 0 ? null : (good.pass + bad.fail) / marks,
    kappa,
    kappaNeeded: KAPPA_NEEDED,
    confusion,
    disagreements,
    calibrated: marks >= MARKS_NEEDED && kappa !== null && kappa >= KAPPA_NEEDED,
  };
}

/** Cohen's kappa of pass and good against fail and bad; an unsure verdict takes no side. Null: not defined. */
function kappaOf({ good, bad }: Confusion): number | null {
  const n = good.pass + good.fail + bad.pass + bad.fail;
  // In whole numbers, so that 0.6 is 0.6.
  const agreed = n * (good.pass + bad.fail);
  const byChance = (good.pass + good.fail) * (good.pass + bad.pass) + (bad.pass + bad.fail) * (good.fail + bad.fail);
  return n === 0 || byChance === n * n ? null : (agreed - byChance) / (n * n - byChance);
}

/** `calibrated (24 marks, kappa 0.81)`, `not calibrated (3 of 20 marks)`. */
export function calibrationText({ marks, kappa, calibrated, confusion }: Agreement): string {
  if (marks < MARKS_NEEDED) return `not calibrated (${marks} of ${MARKS_NEEDED} marks)`;
  const { good, bad } = confusion;
  if (kappa === null) {
    const same =
      good.pass + good.fail === 0 ? 'all marks are bad' : bad.pass + bad.fail === 0 ? 'all marks are good' : '';
    return `not calibrated (${marks} marks, kappa not defined${same === '' ? '' : `: ${same}`})`;
  }
  const figures = `${marks} marks, kappa ${kappa.toFixed(2)}`;
  return calibrated ? `calibrated (${figures})` : `not calibrated (${figures}, ${KAPPA_NEEDED} needed)`;
}

/** The first reason, with its quote; null: there is none. */
export function reasonText({ reasons: [first] }: Pick<Verdict, 'reasons'>): string | null {
  return first === undefined ? null : `${first.why} ("${first.quote}")`;
}

/** `fail: the summary names no file ("all good"); not calibrated (3 of 20 marks)`: a verdict for people, with what it is worth. */
export function verdictText({ verdict, reasons, note }: Verdict, worth: string | null): string {
  const reason = reasonText({ reasons });
  const why = verdict === 'unsure' ? (note ?? reason) : (reason ?? note);
  return `${verdict}${why === null ? '' : `: ${why}`}${worth === null ? '' : `; ${worth}`}`;
}
