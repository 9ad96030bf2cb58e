import { completionScript } from '../render/completion.ts';
import { print } from '../render/terminal.ts';

/** Prints what a shell needs to complete our words: `source <(agent-watch completion bash)`. */
export function completionCommand(shell: 'bash' | 'zsh' | 'fish'): number {
  print(completionScript(shell));
  return 0;
}
