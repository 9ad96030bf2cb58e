/**
 * The one table of all options. Parsing, validation, --help, the man page, the completions and the README's table come
 * from it.
 */
import { commandOptions, generalOptions, identityOptions, incidentOptions, outputOptions } from './general.ts';
import { healthOptions } from './health.ts';
import type { Option, OptionValue, Section } from './option.ts';
import { restartOptions } from './restart.ts';

/** Every option by its name, in the contract's order. */
const options = {
  ...identityOptions,
  ...restartOptions,
  ...healthOptions,
  ...outputOptions,
  ...incidentOptions,
  ...generalOptions,
  ...commandOptions,
};

export type OptionName = keyof typeof options;

/** What every option is worth once flags, file and defaults have been read. */
export type OptionValues = { readonly [Name in OptionName]: OptionValue<(typeof options)[Name]> };

export const optionNames = Object.keys(options) as OptionName[];

/** The sections in the order they are shown, and the options of each. */
export const sections: Readonly<Record<Section, readonly OptionName[]>> = {
  identity: Object.keys(identityOptions) as OptionName[],
  restart: Object.keys(restartOptions) as OptionName[],
  health: Object.keys(healthOptions) as OptionName[],
  output: Object.keys(outputOptions) as OptionName[],
  incidents: Object.keys(incidentOptions) as OptionName[],
  general: Object.keys(generalOptions) as OptionName[],
  commands: Object.keys(commandOptions) as OptionName[],
};

/** The options of a watched command: those that watch, start and install take. */
export const watchOptionNames: readonly OptionName[] = [
  ...sections.identity,
  ...sections.restart,
  ...sections.health,
  ...sections.output,
  ...sections.incidents,
];

/** The keys of the file: the options of a watched command but those that are flags only. */
export const fileKeys: readonly OptionName[] = watchOptionNames.filter(name => optionRow(name).flagOnly !== true);

/** The row of an option, with all that a row may hold. */
export function optionRow(name: OptionName): Option {
  return options[name];
}

/** Narrows a word to an option's name; safe for `__proto__` and the like. */
export function isOptionName(word: string): word is OptionName {
  return Object.hasOwn(options, word);
}
