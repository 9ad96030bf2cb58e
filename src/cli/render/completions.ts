import { shellQuoted } from '../../core/text.ts';
import { aliases, type CommandName, commandRow, commandWords } from '../arguments/commands.ts';
import { type OptionName, optionRow } from '../options/index.ts';
import { valueText } from './help.ts';
import { print } from './terminal.ts';

// What completions offer: the commands, the options, and the values of those that have choices.

/** Commands whose operands are names of services, by their usage. */
const takeNames: readonly CommandName[] = commandWords.filter(word => /[<[]name/.test(commandRow(word).usage));

/** Commands whose operands are files or folders. */
const takeFiles: readonly CommandName[] = commandWords.filter(word => /[<[|]dir/.test(commandRow(word).usage));

/** The words of other tools for a command. */
const aliasesOf = (word: CommandName): string[] => Object.keys(aliases).filter(alias => aliases[alias]?.word === word);

/** The options that a command takes. */
export function optionsOf(word: CommandName): OptionName[] {
  return [...commandRow(word).options, 'help', ...(word === 'watch' ? ['version' as const] : [])];
}

/** Every option of every command. */
export const allOptions = () => [...new Set((['watch', ...commandWords] as const).flatMap(optionsOf))];

/** Whether the value is a path, so that the shell can offer files. */
export function takesFile(name: OptionName): boolean {
  return ['path', 'path-time', 'secret-url', 'metrics', 'stdin'].includes(optionRow(name).kind);
}

/** Whether a value follows. */
export function takesValue(name: OptionName): boolean {
  return optionRow(name).kind !== 'switch';
}

/** What can be offered as a value: choices, without those that only begin one. */
export function offered(name: OptionName): string[] {
  const { choices } = optionRow(name);
  return (choices ?? []).filter(choice => !choice.endsWith(':CMD'));
}

/** Folders of the state folder are the names; without --state-dir, as the watcher itself finds it. */
export const listNames = `if [ -n "\${AGENT_WATCH_STATE_DIR-}" ]; then
    dir=$AGENT_WATCH_STATE_DIR
  elif [ "$(id -u)" = 0 ]; then
    dir=/var/lib/agent-watch
  else
    dir=\${XDG_STATE_HOME:-$HOME/.local/state}/agent-watch
  fi`;

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
${commandWords.map(word => `      ${[word, ...aliasesOf(word)].join('|')}) [ -n "$word" ] || word=${word} ;;`).join('\n')}
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
${commandWords.map(word => `    ${word}) options='${dashed(word)}' ;;`).join('\n')}
    *) options='${dashed('watch')} --' ;;
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
    return
  fi
  case $word in
    '') COMPREPLY=($(compgen -W '${commandWords.join(' ')}' -- "$cur")) ;;
    help) COMPREPLY=($(compgen -W 'all ${commandWords.join(' ')}' -- "$cur")) ;;
    completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- "$cur")) ;;
    ${takeNames.join('|')})
      COMPREPLY=($(compgen -W "$(_agent_watch_names)" -- "$cur")) ;;
    ${takeFiles.join('|')})
      compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -f -- "$cur")) ;;
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

/** The completion of fish. */
export function fishScript(): string {
  const condition = (words: readonly string[]) => `__fish_seen_subcommand_from ${words.join(' ')}`;
  const option = (name: OptionName, when: string) => {
    const choices = offered(name);
    const value = !takesValue(name)
      ? ''
      : choices.length > 0
        ? ` -x -a ${shellQuoted(choices.join(' '))}`
        : takesFile(name)
          ? ' -r -F'
          : ' -x';
    const { short, meaning } = optionRow(name);
    return `complete -c agent-watch -n ${shellQuoted(`__agent_watch_before_dashes; and ${when}`)}${short === undefined ? '' : ` -s ${short}`} -l ${name}${value} -d ${fishQuoted(meaning)}`;
  };
  const words = commandWords;
  return `# fish completion of agent-watch
function __agent_watch_before_dashes
  not contains -- -- (commandline -opc)
end

function __agent_watch_names
  set -l dir "$AGENT_WATCH_STATE_DIR"
  if test -z "$dir"
    if test (id -u) = 0
      set dir /var/lib/agent-watch
    else if test -n "$XDG_STATE_HOME"
      set dir "$XDG_STATE_HOME/agent-watch"
    else
      set dir "$HOME/.local/state/agent-watch"
    end
  end
  for entry in $dir/*/
    string replace -r '.*/([^/]+)/$' '$1' -- $entry
  end
end

function __agent_watch_after_dashes
  set -l words (commandline -opc)
  set -e words[1..(contains -i -- -- $words)]
  set -l current (commandline -ct)
  set -l line (string escape -- $words) "$current"
  complete -C "$line"
end

complete -c agent-watch -f
complete -c agent-watch -n 'not __agent_watch_before_dashes' -a '(__agent_watch_after_dashes)'
${words.map(word => `complete -c agent-watch -n '__agent_watch_before_dashes; and not ${condition(words)}' -a ${word} -d ${fishQuoted(commandRow(word).meaning)}`).join('\n')}
complete -c agent-watch -n '__agent_watch_before_dashes; and ${condition(takeNames.flatMap(word => [word, ...aliasesOf(word)]))}' -a '(__agent_watch_names)'
complete -c agent-watch -n '__agent_watch_before_dashes; and ${condition(takeFiles.flatMap(word => [word, ...aliasesOf(word)]))}' -F
${optionsOf('watch')
  .map(name => option(name, `not ${condition(words.filter(word => !commandRow(word).watches))}`))
  .join('\n')}
${words
  .filter(word => !commandRow(word).watches)
  .flatMap(word => optionsOf(word).map(name => option(name, condition([word]))))
  .join('\n')}
`;
}

/** Inside single quotes fish knows two escapes: of the quote and of the backslash. */
function fishQuoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

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
${commandWords
  .map(word => `    ${shellQuoted(`${word}:${commandRow(word).meaning.replaceAll(':', '\\:')}`)}`)
  .join('\n')}
  )
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    _describe -t commands command commands
    return
  fi
  case $words[2] in
${commandWords
  .map(
    word =>
      `    ${[word, ...aliasesOf(word)].join('|')})\n      _arguments \\\n${specs(word)} \\\n        ${zshOperand(word)}\n      ;;`,
  )
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
  if (word === 'help') return `'2:topic:(all ${commandWords.join(' ')})'`;
  if (takeFiles.includes(word)) return `'*:file:_files'`;
  return takeNames.includes(word) ? `'*:name:_agent_watch_names'` : `'*: :'`;
}

export type Shell = 'bash' | 'zsh' | 'fish';

/** The completion script of a shell, with what is built of commands and options. */
export function completionScript(shell: Shell): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell]();
}

/** Prints what a shell needs to complete our words: `source <(agent-watch completion bash)`. */
export function completionCommand(shell: 'bash' | 'zsh' | 'fish'): number {
  print(completionScript(shell));
  return 0;
}
