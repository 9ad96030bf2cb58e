import { type CommandName, commandRow } from '../arguments/commands.ts';
import { type OptionName, optionRow } from '../options/index.ts';
import {
  built,
  listNames,
  offered,
  optionsOf,
  shellQuoted,
  takeName,
  takesFile,
  takesValue,
} from './completion-words.ts';
import { valueText } from './option-text.ts';

/** The completion of zsh: autoloaded as _agent-watch, or sourced. */
export function zshScript(): string {
  const spec = (name: OptionName) => {
    const { meaning, repeat } = optionRow(name);
    const text = meaning.replace(/[[\]:\\]/g, '\\$&');
    const choices = offered(name);
    const value =
      choices.length > 0
        ? `:value:(${choices.join(' ')})`
        : takesFile(name)
          ? ':file:_files'
          : `:${valueText(name).replace(/[[\]:\\]/g, '\\$&')}:`;
    return shellQuoted(
      `${repeat ? '*' : ''}--${name}${takesValue(name) ? '=' : ''}[${text}]${takesValue(name) ? value : ''}`,
    );
  };
  const specs = (word: CommandName) =>
    optionsOf(word)
      .map(name => `        ${spec(name)}`)
      .join(' \\\n');
  return `#compdef agent-watch
# zsh completion of agent-watch
_agent_watch_names() {
  local dir
  local -a names
  ${listNames}
  names=("$dir"/*(N-/:t))
  compadd -a names
}

_agent_watch() {
  local dashes=\${words[(i)--]} word=''
  if (( CURRENT > dashes )); then
    shift $dashes words
    (( CURRENT -= dashes ))
    _normal
    return
  fi
  local -a commands
  commands=(
${built()
  .map(word => `    ${shellQuoted(`${word}:${commandRow(word).meaning.replaceAll(':', '\\:')}`)}`)
  .join('\n')}
  )
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    _describe -t commands command commands
    return
  fi
  case $words[2] in
${built()
  .map(word => `    ${word})\n      _arguments \\\n${specs(word)} \\\n        ${zshOperand(word)}\n      ;;`)
  .join('\n')}
    *)
      _arguments \\
${specs('watch')}
      ;;
  esac
}

if [[ $funcstack[1] = _agent-watch ]]; then
  _agent_watch "$@"
else
  compdef _agent_watch agent-watch
fi
`;
}

function zshOperand(word: CommandName): string {
  if (word === 'completion') return `'2:shell:(bash zsh fish)'`;
  if (word === 'help') return `'2:topic:(all ${built().join(' ')})'`;
  return takeName.includes(word) ? `'2:name:_agent_watch_names'` : `'*: :'`;
}
