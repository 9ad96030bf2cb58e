import { completionScript } from '../render/completion.ts';

/** Prints what a shell needs to complete our words: `source <(agent-watch completion bash)`. */
export function completionCommand(shell: 'bash' | 'zsh' | 'fish'): number {
  process.stdout.write(completionScript(shell));
  return 0;
}
