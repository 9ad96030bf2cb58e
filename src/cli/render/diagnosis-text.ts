import type { Explanation } from '../commands/diagnose.ts';

/** An explanation for people: what was measured and what the rules make of it, then what a model guesses. */
export function diagnosisText(explained: Explanation): string {
  const { id, at, category, confidence, keyLine, evidence, recommendation, fingerprint, diagnosis } = explained;
  const lines = [
    ...(id === null ? [] : [`${id}, ${at}`]),
    `${category} (confidence ${confidence})`,
    ...(keyLine === null ? [] : ['', 'Key line', `  ${keyLine}`]),
    ...(evidence.length === 0 ? [] : ['', 'Evidence', ...evidence.map(sentence => `  - ${sentence}`)]),
    '',
    'Check first',
    `  ${recommendation}`,
  ];
  if (diagnosis !== null) {
    const by = diagnosis.model === null ? diagnosis.source : `${diagnosis.source}, ${diagnosis.model}`;
    const cost = diagnosis.costUsd === null || diagnosis.costUsd === 0 ? '' : `, $${diagnosis.costUsd.toFixed(4)}`;
    lines.push(
      '',
      `A model's guess, not measured (${by}${cost})`,
      ...diagnosis.text.split('\n').map(one => `  ${one}`),
    );
  }
  return `${[...lines, '', `fingerprint ${fingerprint}`].join('\n')}\n`;
}
