import { type OptionName, optionRow, sections } from '../options/index.ts';
import type { Section } from '../options/option.ts';
import { defaultText, flagText, sectionTitles } from './option-text.ts';

const shown: readonly Section[] = ['identity', 'restart', 'health', 'output', 'incidents'];

/** The options of a watched command as Markdown tables, one a section. */
export function optionTables(): string {
  return shown.map(section => `### ${sectionTitles[section]}\n\n${tableOf(sections[section])}`).join('\n\n');
}

function tableOf(names: readonly OptionName[]): string {
  const lines = names.map(
    name => `| \`${cell(flagText(name))}\` | ${cell(defaultOf(name))} | ${cell(meaningOf(name))} |`,
  );
  return ['| option | default | meaning |', '|---|---|---|', ...lines].join('\n');
}

function defaultOf(name: OptionName): string {
  const { defaultNote, default: plain } = optionRow(name);
  return defaultNote === undefined && plain !== undefined ? `\`${plain}\`` : (defaultText(name) ?? '');
}

function meaningOf(name: OptionName): string {
  const { meaning, repeat, built } = optionRow(name);
  return meaning + (repeat ? ' (repeatable)' : '') + (built ? '' : ' (not in this version)');
}

/** A bar would end the cell, also inside code. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
