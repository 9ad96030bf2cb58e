/** From the settings to the one provider that is asked. */
import { anthropicBase, type Base, isLoopback, ollamaBase, openaiBase } from './address.ts';
import { anthropicCredentials, type Credentials, ollamaCredentials, openaiCredentials } from './key.ts';
import type { Provider } from './provider.ts';
import type { Site } from './site.ts';

/** What `--diagnose` and the `--llm-*` options ask for; null: the option was not given. */
export interface DiagnosisSettings {
  readonly provider:
    | { readonly kind: 'anthropic' | 'openai' | 'ollama' }
    | { readonly kind: 'command'; readonly command: string };
  readonly model: string | null;
  /** A secret: only its host is ever shown. */
  readonly url: string | null;
  readonly timeoutMs: number | null;
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
  const { provider: wanted, model, url, keyFile, env } = settings;
  if (wanted.kind === 'command') {
    const { command } = await import('./command.ts');
    return { provider: command(wanted.command, settings.cwd, env), where: 'the command' };
  }
  const base = addressOf(wanted.kind, url, env);
  if ('refused' in base) return base;
  const findCredentials: Record<typeof wanted.kind, typeof openaiCredentials> = {
    anthropic: anthropicCredentials,
    openai: openaiCredentials,
    ollama: ollamaCredentials,
  };
  const site: Site = {
    base: base.base,
    onThisMachine: isLoopback(base.base.hostname),
    credentials: (): Credentials => findCredentials[wanted.kind](base.base, keyFile, env),
    env,
  };
  const where = base.base.host;
  if (wanted.kind === 'anthropic') return { provider: (await import('./anthropic.ts')).anthropic(site, model), where };
  if (wanted.kind === 'openai') return { provider: (await import('./openai.ts')).openai(site, model), where };
  return { provider: (await import('./ollama.ts')).ollama(site, model), where };
}

/** Where a model will be asked, or why not: for the start's check and for doctor. */
export function addressOf(
  kind: 'anthropic' | 'openai' | 'ollama',
  url: string | null,
  env: DiagnosisSettings['env'],
): Base {
  if (kind === 'anthropic') return anthropicBase(url ?? (env['ANTHROPIC_BASE_URL'] || undefined));
  if (kind === 'openai') return openaiBase(url ?? (env['OPENAI_BASE_URL'] || undefined));
  return ollamaBase(url ?? (env['OLLAMA_HOST'] || undefined));
}
