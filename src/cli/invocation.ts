/** What the user wants done, read and checked. */
import type { CommandName } from './command-words.ts';
import type { DiagnosisSettings, Settings } from './settings.ts';

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

interface Listing extends Somewhere {
  readonly json: boolean;
  /** Every user's watchers, for root. */
  readonly all: boolean;
}

export type DiagnoseTarget =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stdin' };

export type Invocation =
  | { readonly kind: 'watch'; readonly settings: Settings }
  | { readonly kind: 'start'; readonly settings: readonly Settings[] }
  | ({ readonly kind: 'status'; readonly name: string | null; readonly watch: boolean } & Listing)
  | ({ readonly kind: 'health'; readonly name: string | null } & Listing)
  | ({ readonly kind: 'brief'; readonly sinceMs: number | null } & Listing)
  | ({ readonly kind: 'logs'; readonly lines: number; readonly follow: boolean; readonly raw: boolean } & Named)
  | ({ readonly kind: 'incidents'; readonly name: string | null; readonly sinceMs: number | null } & Listing)
  | ({ readonly kind: 'incident'; readonly id: string } & Listing)
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
  | ({ readonly kind: 'stop'; readonly now: boolean } & Named)
  | ({ readonly kind: 'restart' } & Named)
  | ({ readonly kind: 'reset' } & Named)
  | ({ readonly kind: 'signal'; readonly signal: NodeJS.Signals } & Named)
  | {
      readonly kind: 'install';
      readonly settings: readonly Settings[];
      readonly print: boolean;
      readonly format: InstallFormat | null;
      readonly scope: ServiceScope | null;
    }
  | ({ readonly kind: 'uninstall'; readonly scope: ServiceScope | null } & Named)
  | ({ readonly kind: 'doctor'; readonly name: string | null } & Somewhere)
  | { readonly kind: 'completion'; readonly shell: 'bash' | 'zsh' | 'fish' }
  | { readonly kind: 'help'; readonly topic: HelpTopic }
  | { readonly kind: 'version' };
