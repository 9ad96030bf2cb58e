import type { CommandName } from '../arguments/commands.ts';
import { type OptionName, optionRow } from '../options/index.ts';
import {
  allOptions,
  built,
  listNames,
  offered,
  optionsOf,
  takeName,
  takesFile,
  takesValue,
} from './completion-words.ts';

/** The completion of bash, with or without the package bash-completion. */
export function bashScript(): string {
  const byValue = allOptions().filter(name => offered(name).length > 0);
  return `# bash completion of agent-watch
_agent_watch_names() {
  local dir entry
  ${listNames}
  for entry in "$dir"/*/; do
    [ -d "$entry" ] && entry=\${entry%/} && printf '%s\\n' "\${entry##*/}"
  done
}

_agent_watch() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} word='' i options
  COMPREPLY=()
  # bash takes = for a word of its own.
  if [ "$cur" = = ]; then cur=''; elif [ "$prev" = = ]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [ "\${COMP_WORDS[i]}" = -- ]; then
      if declare -F _command_offset >/dev/null; then _command_offset $((i + 1)); return; fi
      if ((i + 1 == COMP_CWORD)); then COMPREPLY=($(compgen -c -- "$cur")); else COMPREPLY=($(compgen -f -- "$cur")); fi
      return
    fi
    case \${COMP_WORDS[i]} in
${built()
  .map(word => `      ${word}) [ -n "$word" ] || word=${word} ;;`)
  .join('\n')}
    esac
  done
  case $prev in
${byValue.map(name => `    --${name}) COMPREPLY=($(compgen -W '${offered(name).join(' ')}' -- "$cur")); return ;;`).join('\n')}
    ${flags(allOptions().filter(takesFile))})
      compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -f -- "$cur"))
      return ;;
    ${flags(allOptions().filter(name => optionRow(name).kind === 'signal'))}) COMPREPLY=($(compgen -A signal -- "$cur")); return ;;
    ${flags(allOptions().filter(name => takesValue(name) && !takesFile(name) && offered(name).length === 0 && optionRow(name).kind !== 'signal'))}) return ;;
  esac
  case $word in
${built()
  .map(word => `    ${word}) options='${dashed(word)}' ;;`)
  .join('\n')}
    *) options='${dashed('watch')} --' ;;
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
    return
  fi
  case $word in
    '') COMPREPLY=($(compgen -W '${built().join(' ')}' -- "$cur")) ;;
    help) COMPREPLY=($(compgen -W 'all ${built().join(' ')}' -- "$cur")) ;;
    completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- "$cur")) ;;
    ${takeName.join('|')})
      COMPREPLY=($(compgen -W "$(_agent_watch_names)" -- "$cur")) ;;
  esac
}

complete -F _agent_watch agent-watch
`;
}

function flags(names: readonly OptionName[]): string {
  return names.length === 0 ? '--none' : names.map(name => `--${name}`).join('|');
}

function dashed(word: CommandName): string {
  return optionsOf(word)
    .map(name => `--${name}`)
    .join(' ');
}
