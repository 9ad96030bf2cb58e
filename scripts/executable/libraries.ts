/** The libraries that are loaded late: by the names under which src/ imports them. */

// esbuild's: what it names is bundled, and evaluated when it is called.
declare const require: (name: string) => object;

export const libraries: Readonly<Record<string, () => object>> = {
  '@marcbachmann/cel-js': () => require('@marcbachmann/cel-js'),
  '@marcbachmann/cel-js/serialize': () => require('@marcbachmann/cel-js/serialize'),
  croner: () => require('croner'),
  execa: () => require('execa'),
  'prom-client': () => require('prom-client'),
  yaml: () => require('yaml'),
};
