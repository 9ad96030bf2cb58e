/** Options that come by the environment instead of the command line: see secret-options.ts for which, and why. */

import type { Surroundings } from './environment.ts';
import { type OptionName, watchOptionNames } from './options.ts';
import type { RawValues } from './settle.ts';
import type { RawValue } from './values/read-value.ts';

export const OPTION_PREFIX = 'AGENT_WATCH_OPTION_';

/** The variable of an option's value; `index` counts the values of a repeatable one from 0. */
export function optionVariable(name: OptionName, index: number): string {
  return `${OPTION_PREFIX}${name.toUpperCase().replaceAll('-', '_')}${index === 0 ? '' : `_${index + 1}`}`;
}

/** The flags and, for options that are no flag here, what the environment says. */
export function withOptionVariables(flags: RawValues, here: Surroundings): RawValues {
  if (!Object.keys(here.env).some(name => name.startsWith(OPTION_PREFIX))) return flags;
  const all = new Map(flags);
  for (const name of watchOptionNames) {
    const values = variablesOf(name, here);
    if (values.length > 0 && !flags.has(name)) all.set(name, values);
  }
  return all;
}

function variablesOf(name: OptionName, here: Surroundings): RawValue[] {
  const values: RawValue[] = [];
  for (;;) {
    const variable = optionVariable(name, values.length);
    const text = here.env[variable];
    if (text === undefined) return values;
    values.push({ text, base: here.cwd, where: `$${variable}` });
  }
}
