/** From the settings to the one provider that is asked. */
import {
  anthropicBase,
  anthropicCredentials,
  type Base,
  isLoopback,
  ollamaBase,
  ollamaCredentials,
  openaiBase,
  openaiCredentials,
  type Site,
} from './endpoint.ts';
import type { Provider } from './provider.ts';

/** What `--diagnose` and the `--llm-*` options ask for; null: the option was not given. */
export interface DiagnosisSettings {
  readonly provider:
    | { readonly kind: 'anthropic' | 'openai' | 'ollama' }
    | { readonly kind: 'command'; readonly command: string };
  readonly model: string | null;
  /** A secret: only its host is ever shown. */
  readonly url: URL | null;
  readonly timeoutMs: number;
  readonly maxCalls: { readonly count: number; readonly windowMs: number };
  /** A path, absolute. */
  readonly keyFile: string | null;
  /** The watcher's own environment: keys, base addresses and proxy are looked up in it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where a command runs: the folder the watcher was started in. */
  readonly cwd: string;
}

/** The provider and where it is (a host, or "the command"); or why there is none, as a clause. */
export type Chosen = { readonly provider: Provider; readonly where: string } | { readonly refused: string };

/** Loads the one provider that was asked for. Asks nothing yet. */
export async function chooseProvider(settings: DiagnosisSettings): Promise<Chosen> {
  const { provider: wanted, model, env } = settings;
  if (wanted.kind === 'command') {
    const { command } = await import('./command.ts');
    return { provider: command(wanted.command, settings.cwd, env), where: 'the command' };
  }
  const site = siteOf(wanted.kind, settings);
  if ('refused' in site) return site;
  const where = site.base.host;
  if (wanted.kind === 'anthropic') return { provider: (await import('./anthropic.ts')).anthropic(site, model), where };
  if (wanted.kind === 'openai') return { provider: (await import('./openai.ts')).openai(site, model), where };
  return { provider: (await import('./ollama.ts')).ollama(site, model), where };
}

/** Why no question could be asked as things stand (a bad address, no key), as a clause; null: nothing is seen. Asks nobody. */
export function obstacleTo(settings: DiagnosisSettings): string | null {
  if (settings.provider.kind === 'command') return null;
  const site = siteOf(settings.provider.kind, settings);
  if ('refused' in site) return site.refused;
  const credentials = site.credentials();
  return 'refused' in credentials ? credentials.refused : null;
}

/** The address that would be asked; null for a command, or where it is none. A secret: only its host is ever shown. */
export function addressAsked({ provider, url, env }: DiagnosisSettings): URL | null {
  if (provider.kind === 'command') return null;
  const found = addressOf(provider.kind, url, env);
  return 'refused' in found ? null : found.base;
}

type Kind = 'anthropic' | 'openai' | 'ollama';

function siteOf(kind: Kind, { url, keyFile, env }: DiagnosisSettings): Site | { readonly refused: string } {
  const found = addressOf(kind, url, env);
  if ('refused' in found) return found;
  const { base } = found;
  return {
    base,
    onThisMachine: isLoopback(base.hostname),
    credentials: () => credentialsFor[kind](base, keyFile, env),
    env,
  };
}

const credentialsFor = { anthropic: anthropicCredentials, openai: openaiCredentials, ollama: ollamaCredentials };

function addressOf(kind: Kind, url: URL | null, env: DiagnosisSettings['env']): Base {
  if (kind === 'anthropic') return anthropicBase(url ?? (env['ANTHROPIC_BASE_URL'] || undefined));
  if (kind === 'openai') return openaiBase(url ?? (env['OPENAI_BASE_URL'] || undefined));
  return ollamaBase(url ?? (env['OLLAMA_HOST'] || undefined));
}
