import { type Agreement, agreementOf, calibrationText, type Mark, verdictIn } from '../../core/judgement.ts';
import { EXIT } from '../../core/signals.ts';
import { clipStart, plainLine } from '../../core/text.ts';
import { createRunJournal } from '../../state/line-log.ts';
import type { Invocation } from '../arguments/invocation.ts';
import { selectReadable } from '../fleet/select.ts';
import { alignedRows } from '../render/tables.ts';
import { print } from '../render/terminal.ts';
import { CommandFailed } from '../usage-error.ts';
import { runOf, runsOf } from './runs.ts';

type MarkInvocation = Extract<Invocation, { kind: 'mark' }>;
type AgreementInvocation = Extract<Invocation, { kind: 'agreement' }>;

const WHY_CHARS = 500;

/** Keeps a person's word on a run. A later word on the same run takes the place of the earlier one. */
export function markCommand({ name, run: number, mark: word, why, json, ...selection }: MarkInvocation): number {
  const { services, code } = selectReadable({ ...selection, names: [name] });
  const [service] = services;
  if (service === undefined) return code;
  const run = runOf(service, number);
  const mark: Mark = {
    mark: word,
    why: why === null ? null : clipStart(plainLine(why), WHY_CHARS),
    at: new Date().toISOString(),
  };
  const journal = createRunJournal(service.stateDir, service.name);
  const kept = journal.amend(run.run, { mark: { ...mark } });
  journal.close();
  if (!kept) throw new CommandFailed(`the mark on run ${run.run} of ${name} could not be written`);
  if (json) print(`${JSON.stringify({ name, run: run.run, ...mark }, null, 2)}\n`);
  else print(`${name}: run ${run.run} is ${word}; ${worthOf(run.verdict, agreementOf(runsOf(service)))}\n`);
  return EXIT.ok;
}

/** What a mark does for the judge. */
function worthOf(value: Parameters<typeof verdictIn>[0], agreement: Agreement): string {
  const verdict = verdictIn(value);
  if (verdict === null || verdict.calibration === null)
    return 'no model judged this run, so this tells nothing of a judge';
  if (verdict.calibration !== agreement.calibration)
    return 'its verdict is of an earlier rubric or model, and does not count any more';
  const said =
    verdict.verdict === 'unsure' ? 'the judge is unsure, which does not count' : `the judge says ${verdict.verdict}`;
  return `${said}; ${calibrationText(agreement)}`;
}

/** How far the judge of a service and a person agree. */
export function agreementCommand({ name, json, ...selection }: AgreementInvocation): number {
  const { services, code } = selectReadable({ ...selection, names: [name] });
  const [service] = services;
  if (service === undefined) return code;
  const agreement = agreementOf(runsOf(service));
  print(json ? `${JSON.stringify({ name, ...agreement }, null, 2)}\n` : `${agreementText(name, agreement)}\n`);
  return EXIT.ok;
}

function agreementText(name: string, agreement: Agreement): string {
  const { calibration, source, model, marks, kappa, confusion, disagreements } = agreement;
  if (calibration === null) return `${name}: no model has judged a run yet`;
  const share = agreement.agreement;
  const judge = `${source ?? 'unknown'}${model === null ? '' : ` (${model})`}, rubric and prompt ${calibration}`;
  const rows: [string, string][] = [
    ['judge', judge],
    ['marks', `${marks} of ${agreement.marksNeeded}, on runs that this judge passed or failed`],
    ['agreement', share === null ? 'not known' : `${Math.round(100 * share)} % of them`],
    ['kappa', kappa === null ? 'not defined' : `${kappa.toFixed(2)} (${agreement.kappaNeeded} needed)`],
    ['acts', agreement.calibrated ? 'may act (--judge-acts)' : 'does not act'],
    ['disagree', disagreements.length === 0 ? 'on no run' : `on run ${disagreements.join(', ')}`],
  ];
  const table = alignedRows(
    [
      ['', 'PASS', 'FAIL', 'UNSURE'],
      ...(['good', 'bad'] as const).map(mark => [
        `marked ${mark}`,
        ...(['pass', 'fail', 'unsure'] as const).map(verdict => String(confusion[mark][verdict])),
      ]),
    ],
    null,
  );
  return [
    `${name}: ${calibrationText(agreement)}`,
    ...rows.map(([key, text]) => `  ${key.padEnd(10)} ${text}`),
    ...table.split('\n').map(line => `    ${line}`),
  ].join('\n');
}
