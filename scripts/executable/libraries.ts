/** What the other scripts ask the second one for. */

// esbuild's: what it names is bundled, and evaluated when it is called.
declare const require: (name: string) => object;

/** The libraries that are loaded late: by the names under which src/ imports them. */
export const libraries: Readonly<Record<string, () => object>> = {
  '@marcbachmann/cel-js': () => require('@marcbachmann/cel-js'),
  '@marcbachmann/cel-js/serialize': () => require('@marcbachmann/cel-js/serialize'),
  croner: () => require('croner'),
  execa: () => require('execa'),
  'prom-client': () => require('prom-client'),
  yaml: () => require('yaml'),
};

/** The modules that looking commands load late or never: by their paths in src/. */
export const modules: Readonly<Record<string, () => object>> = {
  'cli/commands/apply.ts': () => require('../../src/cli/commands/apply.ts'),
  'cli/commands/delete.ts': () => require('../../src/cli/commands/delete.ts'),
  'cli/commands/diagnose.ts': () => require('../../src/cli/commands/diagnose.ts'),
  'cli/commands/init.ts': () => require('../../src/cli/commands/init.ts'),
  'cli/commands/install.ts': () => require('../../src/cli/commands/install.ts'),
  'cli/commands/mcp.ts': () => require('../../src/cli/commands/mcp.ts'),
  'cli/commands/requests.ts': () => require('../../src/cli/commands/requests.ts'),
  'cli/commands/start.ts': () => require('../../src/cli/commands/start.ts'),
  'cli/commands/watch.ts': () => require('../../src/cli/commands/watch.ts'),
  'cli/doctor/doctor.ts': () => require('../../src/cli/doctor/doctor.ts'),
  'cli/render/completions.ts': () => require('../../src/cli/render/completions.ts'),
  'cli/render/schema.ts': () => require('../../src/cli/render/schema.ts'),
  'cli/serve/serve.ts': () => require('../../src/cli/serve/serve.ts'),
  'cli/top/command.ts': () => require('../../src/cli/top/command.ts'),
};
