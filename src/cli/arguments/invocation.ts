import type { Moment } from '../values/moments.ts';
import type { HostAndPort } from '../values/places.ts';
import type { CommandName } from './commands.ts';
import type { DiagnosisSettings, GivenOption, Settings } from './settings.ts';

/** What the text of --help is about. */
export type HelpTopic = 'usual' | 'all' | CommandName;

export type InstallFormat = 'systemd' | 'launchd' | 'crontab';
export type ServiceScope = 'user' | 'system';

interface Somewhere {
  /** The folder that holds a folder per name. */
  readonly stateDir: string;
}

interface Named extends Somewhere {
  readonly name: string;
}

/** Which services a command is about. */
export interface Selection extends Somewhere {
  /** Names and globs as they were written. None: all services, for a command that only looks. */
  readonly names: readonly string[];
  /** All services of the state folder. */
  readonly all: boolean;
  /** The services of all users, for root. */
  readonly allUsers: boolean;
  /** The folder was named on the command line: one that is not there is a mistake. */
  readonly stateDirGiven: boolean;
}

/** Services by the files that describe them. */
export interface FileSelection extends Somewhere {
  /** Files and folders, as they were written. */
  readonly paths: readonly string[];
}

interface Listing extends Selection {
  readonly json: boolean;
}

export type DiagnoseTarget =
  | { readonly kind: 'live'; readonly name: string }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stdin' };

export type Invocation =
  | { readonly kind: 'watch'; readonly settings: Settings }
  | { readonly kind: 'start'; readonly settings: readonly Settings[] }
  | ({
      readonly kind: 'start-known';
      /** Options that take the place of those it had last. */
      readonly given: readonly GivenOption[];
    } & Selection)
  | ({ readonly kind: 'status'; readonly watch: boolean; readonly detailed: boolean } & Listing)
  | ({ readonly kind: 'top' } & Selection)
  | ({ readonly kind: 'health' } & Listing)
  | ({
      readonly kind: 'events';
      readonly since: Moment | null;
      readonly lines: number | null;
      readonly follow: boolean;
    } & Listing)
  | ({ readonly kind: 'brief'; readonly since: Moment | null } & Listing)
  | ({
      readonly kind: 'logs';
      /** Null: as many as the other options ask for. */
      readonly lines: number | null;
      readonly follow: boolean;
      readonly raw: boolean;
      readonly times: boolean;
      readonly since: Moment | null;
      readonly until: Moment | null;
      readonly grep: RegExp | null;
      readonly run: number | null;
      readonly around: string | null;
      readonly noEvents: boolean;
    } & Selection)
  | ({ readonly kind: 'runs'; readonly lines: number | null } & Listing)
  | ({
      readonly kind: 'run';
      readonly name: string;
      /** Null: the last one. */
      readonly run: number | null;
      /** How many lines of its output. */
      readonly lines: number | null;
    } & Listing)
  | ({
      readonly kind: 'mark';
      readonly name: string;
      readonly run: number;
      readonly mark: 'good' | 'bad';
      readonly why: string | null;
    } & Listing)
  | ({ readonly kind: 'agreement'; readonly name: string } & Listing)
  | ({ readonly kind: 'incidents'; readonly since: Moment | null } & Listing)
  | ({ readonly kind: 'incident'; readonly which: string } & Listing)
  | ({
      readonly kind: 'diagnose';
      readonly target: DiagnoseTarget;
      readonly exitCode: number | null;
      readonly exitSignal: NodeJS.Signals | null;
      readonly json: boolean;
      readonly diagnosis: DiagnosisSettings;
      /** Whether --diagnose was given: otherwise the watcher's own settings count. */
      readonly diagnoseGiven: boolean;
    } & Somewhere)
  | ({ readonly kind: 'stop'; readonly now: boolean } & Selection)
  | ({ readonly kind: 'restart'; readonly watcher: boolean } & Selection)
  | ({ readonly kind: 'reset'; readonly yes: boolean } & Selection)
  | ({ readonly kind: 'signal'; readonly signal: NodeJS.Signals } & Selection)
  | {
      readonly kind: 'install';
      readonly settings: readonly Settings[];
      readonly print: boolean;
      readonly format: InstallFormat | null;
      readonly scope: ServiceScope | null;
    }
  | ({ readonly kind: 'uninstall'; readonly scope: ServiceScope | null } & Named)
  | ({
      readonly kind: 'apply';
      readonly dryRun: boolean;
      readonly prune: boolean;
      readonly wait: boolean;
    } & FileSelection)
  | ({ readonly kind: 'down'; readonly now: boolean } & FileSelection)
  | ({ readonly kind: 'check' } & FileSelection)
  | ({ readonly kind: 'delete'; readonly yes: boolean } & Selection)
  | { readonly kind: 'init'; readonly folder: string; readonly from: string | null }
  | ({
      readonly kind: 'serve';
      readonly listen: HostAndPort;
      readonly tokenFile: string | null;
      readonly stateDirGiven: boolean;
    } & Somewhere)
  | ({ readonly kind: 'mcp'; readonly allowControl: boolean; readonly stateDirGiven: boolean } & Somewhere)
  | { readonly kind: 'schema' }
  | ({ readonly kind: 'doctor'; readonly name: string | null } & Somewhere)
  | { readonly kind: 'completion'; readonly shell: 'bash' | 'zsh' | 'fish' }
  | { readonly kind: 'help'; readonly topic: HelpTopic }
  | { readonly kind: 'version' };
