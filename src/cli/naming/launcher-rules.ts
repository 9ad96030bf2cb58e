/** What stands before the program that a command is really about, and where that program's name is found. */

export interface LauncherRule {
  /**
   * What the operands are: a `command` of their own, a `package` to fetch and run, a `script`, a `shell` script, the
   * name of a `task`, or, for a `tool`, a subcommand.
   */
  readonly takes: 'command' | 'package' | 'script' | 'shell' | 'task' | 'tool';
  /** Options that are followed by a value of no interest. */
  readonly valued?: readonly string[];
  /** Options whose value is the name (or, for a shell, the text). */
  readonly module?: readonly string[];
  /** Options whose value is program text: then the launcher itself gives the name. */
  readonly code?: readonly string[];
  /** Operands before the command, such as the time of timeout(1). */
  readonly skip?: number;
  /** Whether `NAME=value` may stand before the command. */
  readonly assignments?: boolean;
  readonly subcommands?: Readonly<Record<string, LauncherRule>>;
  /** For a tool whose first operand is no known subcommand. */
  readonly otherwise?: LauncherRule;
}

const command: LauncherRule = { takes: 'command' };
const script: LauncherRule = { takes: 'script' };
const task: LauncherRule = { takes: 'task' };
const fetched: LauncherRule = {
  takes: 'package',
  valued: ['-p', '--package', '--from', '--with', '--python', '-c', '--call', '--spec'],
};

const pythonTools = {
  valued: ['--project', '--directory', '-C', '-p', '--python', '--env-file', '--config-file'],
  subcommands: {
    run: {
      takes: 'command',
      module: ['-m', '--module'],
      valued: [
        '--with',
        '--extra',
        '--group',
        '--env-file',
        '-p',
        '--python',
        '--project',
        '--directory',
        '-n',
        '--name',
        '-e',
      ],
    },
    tool: { takes: 'tool', subcommands: { run: fetched } },
  },
} as const;

const nodeTools = {
  valued: ['--prefix', '-C', '--dir', '-w', '--workspace', '--filter', '-F', '--cwd'],
  subcommands: {
    run: task,
    'run-script': task,
    exec: fetched,
    dlx: fetched,
    workspace: { takes: 'tool', skip: 1, subcommands: { run: task }, otherwise: task },
  },
} as const;

/** The rules, each with the programs it is for; a version behind the name (python3.11) is no part of it. */
export const launcherRules: readonly (LauncherRule & { readonly programs: string })[] = [
  {
    programs:
      'nohup setsid exec time command winpty dumb-init tini catatonit stdbuf unbuffer xvfb-run dbus-run-session systemd-inhibit',
    takes: 'command',
    valued: ['-i', '-o', '-e'],
  },
  { programs: 'env', takes: 'command', valued: ['-u', '--unset', '-C', '--chdir'], assignments: true },
  {
    programs: 'nice ionice chrt cpulimit',
    takes: 'command',
    valued: ['-n', '--adjustment', '-c', '--class', '-l'],
  },
  {
    programs: 'sudo doas runuser setpriv',
    takes: 'command',
    valued: ['-u', '-g', '--user', '--group', '--reuid', '--regid', '-C', '-h', '-p'],
    assignments: true,
  },
  { programs: 'timeout gtimeout', takes: 'command', valued: ['-s', '--signal', '-k', '--kill-after'], skip: 1 },
  { programs: 'gosu su-exec setuidgid', takes: 'command', skip: 1 },
  { programs: 'taskset flock chroot', takes: 'command', valued: ['-w', '-E', '--wait'], skip: 1 },
  {
    programs: 'sh bash dash zsh ksh ash fish',
    takes: 'shell',
    module: ['-c'],
    valued: ['-o', '+o', '-O', '--rcfile', '--init-file'],
  },
  {
    programs: 'python pythonw pypy',
    takes: 'script',
    module: ['-m'],
    code: ['-c'],
    valued: ['-W', '-X', '--check-hash-based-pycs'],
  },
  {
    programs: 'node nodejs tsx ts-node',
    takes: 'script',
    code: ['-e', '--eval', '-p', '--print'],
    valued: ['-r', '--require', '--import', '--loader', '--experimental-loader', '-C', '--conditions', '--tsconfig'],
  },
  { programs: 'npx pnpx bunx uvx', takes: 'package', valued: fetched.valued! },
  { programs: 'npm', takes: 'tool', ...nodeTools, otherwise: task },
  { programs: 'yarn pnpm', takes: 'tool', ...nodeTools, otherwise: task },
  {
    programs: 'bun',
    takes: 'tool',
    ...nodeTools,
    subcommands: { ...nodeTools.subcommands, x: fetched },
    otherwise: script,
  },
  {
    programs: 'deno',
    takes: 'tool',
    subcommands: {
      run: {
        ...script,
        valued: ['-c', '--config', '--import-map', '--cert', '--lock', '-L', '--log-level', '--location', '--seed'],
      },
      task,
      serve: script,
    },
    otherwise: script,
  },
  { programs: 'uv poetry pipenv pdm hatch rye pixi', takes: 'tool', ...pythonTools },
  {
    programs: 'conda mamba micromamba',
    takes: 'tool',
    subcommands: { run: { ...command, valued: ['-n', '--name', '-p', '--prefix', '--cwd'] } },
  },
  { programs: 'pipx', takes: 'tool', subcommands: { run: fetched } },
  { programs: 'bundle', takes: 'tool', subcommands: { exec: command } },
  {
    programs: 'java javaw',
    takes: 'script',
    module: ['-jar', '-m', '--module'],
    valued: [
      '-cp',
      '-classpath',
      '--class-path',
      '-p',
      '--module-path',
      '--add-modules',
      '--add-opens',
      '--add-exports',
    ],
  },
  {
    programs: 'ruby perl php lua luajit Rscript julia tclsh elixir',
    takes: 'script',
    code: ['-e', '-r'],
    valued: ['-I', '-d', '-l'],
  },
  { programs: 'go', takes: 'tool', subcommands: { run: script } },
  {
    programs: 'cargo',
    takes: 'tool',
    subcommands: { run: { takes: 'task', module: ['--bin', '--example', '-p', '--package'] } },
  },
  {
    programs: 'dotnet',
    takes: 'tool',
    subcommands: { run: { takes: 'task', module: ['--project'] }, exec: script },
    otherwise: script,
  },
  {
    programs: 'make just task rake invoke gradle gradlew',
    takes: 'task',
    valued: ['-C', '-f', '--directory', '--justfile'],
  },
];
