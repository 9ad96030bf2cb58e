import { type CommandName, commandRow } from '../arguments/commands.ts';
import { type OptionName, optionRow } from '../options/index.ts';
import { built, offered, optionsOf, shellQuoted, takeName, takesFile, takesValue } from './completion-words.ts';

/** The completion of fish. */
export function fishScript(): string {
  const condition = (words: readonly CommandName[]) => `__fish_seen_subcommand_from ${words.join(' ')}`;
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
  const words = built();
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
complete -c agent-watch -n '__agent_watch_before_dashes; and ${condition(words.filter(word => takeName.includes(word)))}' -a '(__agent_watch_names)'
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
