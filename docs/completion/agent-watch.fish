# fish completion of agent-watch
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
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from start status health logs stop restart reset signal completion help version' -a start -d 'the same, detached; --config FILE|DIR: each file of a folder'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from start status health logs stop restart reset signal completion help version' -a status -d 'the watchers, one line each'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from start status health logs stop restart reset signal completion help version' -a health -d 'the one honest answer: exit 0 all well, 1 not'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from start status health logs stop restart reset signal completion help version' -a logs -d 'the child\'s output'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from start status health logs stop restart reset signal completion help version' -a stop -d 'end it, orderly or at once'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from start status health logs stop restart reset signal completion help version' -a restart -d 'end the child and start it again'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from start status health logs stop restart reset signal completion help version' -a reset -d 'lift a hold, clear backoff and cooldown; starts at once'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from start status health logs stop restart reset signal completion help version' -a signal -d 'deliver a signal to the child; to it only'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from start status health logs stop restart reset signal completion help version' -a completion -d 'completion for your shell'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from start status health logs stop restart reset signal completion help version' -a help -d 'the same as --help'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from start status health logs stop restart reset signal completion help version' -a version -d 'the same as --version'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from status logs stop restart reset signal' -a '(__agent_watch_names)'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l name -x -d 'what the watcher is called; one watcher per name'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l state-dir -r -F -d 'where state, log and incidents lie: a folder per name'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l config -r -F -d 'a YAML or JSON file with the same options; flags win over it'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l cwd -r -F -d 'working directory of the child'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l env -x -d 'a variable for the child, besides what we inherited'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l env-file -r -F -d 'variables for the child, a KEY=value a line; --env wins'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l stdin -x -a 'inherit null' -d 'the child\'s standard input'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l restart -x -a 'always on-failure never' -d 'after which ends it is started again; always includes exit 0'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l backoff -x -d 'the wait before the first restart; each further one is --backoff-factor times longer'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l backoff-factor -x -d 'by what the wait grows'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l backoff-max -x -d 'the longest wait'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l jitter -x -d 'a share of the wait, drawn at random, that may be added'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l healthy-after -x -d 'this long up is healthy; with every critical probe green it resets the backoff'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l flap-threshold -x -d 'that many crashes within --flap-window: one cooldown, then a fresh slate; 0 means never'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l flap-window -x -d 'the time in which crashes are counted'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l flap-cooldown -x -d 'how long a cooldown takes'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l max-restarts -x -d 'that many in a row without reaching --healthy-after: it holds until `reset`'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l success-codes -x -d 'exit codes that are no crash'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l hold-codes -x -d 'exit codes after which a restart is pointless: it holds until `reset`'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l on-hold -x -a 'wait exit' -d 'in a hold the watcher stays and waits, or ends with status 69'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l stop-signal -x -d 'what asks the child to end'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l stop-timeout -x -d 'how long that may take; then SIGKILL, to the whole tree'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l max-runtime -x -d 'a run longer than this is stopped and counted as stuck'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l expect-duration -x -d 'a run that reached 80 % of it ended as planned, whatever its code'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l schedule -x -d 'a cron expression: run then, instead of always'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l timezone -x -d 'the time zone of --schedule'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l feed-last-output -d 'with --schedule: the last run\'s output on the next run\'s standard input'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l stale-after -x -d 'unhealthy when the child wrote nothing for that long'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l progress-pattern -x -d 'with --stale-after: only lines that match count as life'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l fail-pattern -x -d 'unhealthy when a line matches'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l fresh-file -r -F -d 'unhealthy when the file is older than that, or missing'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l grow -r -F -d 'unhealthy when neither number nor total size of the matching files grew in that time'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l http -x -d 'unhealthy without a 2xx in time, or when the body does not match --http-expect'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l http-expect -x -d 'what the body of --http must match'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l port -x -d 'unhealthy when nothing accepts connections there'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l check -x -d 'run by /bin/sh -c; unhealthy when it exits non-zero or outlives the timeout'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l max-memory -x -d 'unhealthy when the whole tree\'s resident memory is above that'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l min-disk -x -d 'unhealthy when less is free there'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l error-rate -x -d 'unhealthy when more lines than that match --error-pattern in the sliding window'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l error-pattern -x -d 'the lines that --error-rate counts'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l health-interval -x -d 'how often --http, --port and --check ask'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l health-timeout -x -d 'how long an answer may take'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l health-retries -x -d 'that many failures in a row make it unhealthy'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l health-start-period -x -d 'so long after a start failures do not count; a first success ends it'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l kill-when -x -d 'stop and hold when this becomes true, such as \'daily_loss > $10 OR cash < $20\''
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l metrics -r -F -d 'where the numbers of --kill-when come from'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l metrics-max-age -x -d 'older numbers are blind, which is alerted'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l kill-when-blind -d 'blind counts as tripped'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l remedy -x -d 'a command before the next start, at most 60 s, such as \'disk-full => ./clean-up.sh\''
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l quiet -d 'silences the watcher\'s own lines on standard error'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l log-max-size -x -d 'the child\'s output is also kept on disk, rotated at this size'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l log-keep -x -d 'how many rotated logs are kept'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l no-log -d 'keeps no copy of the output on disk'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l tail-lines -x -d 'how much of the end is stored in incidents and sent in prompts'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l buffer-size -x -d 'the latest output of a run that is kept in memory'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l diagnose -x -a 'off rules anthropic openai ollama' -d 'who explains an incident; all but off begin with the rules'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l llm-model -x -d 'the model to ask'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l llm-url -r -F -d 'the base address, as the provider\'s own SDK takes it'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l llm-timeout -x -d 'how long an answer may take'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l llm-max-calls -x -d 'no more questions than that'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l llm-key-file -r -F -d 'the file that holds the key; a key is never a flag'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l alert-webhook -r -F -d 'where alerts are posted'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l alert-format -x -a 'slack discord ntfy generic' -d 'the shape of the webhook'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l alert-command -x -d 'gets the alert as JSON on standard input'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l alert-file -r -F -d 'the alert is appended as text'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l alert-on -x -a 'flap slow-loop hold unhealthy recovered crash start stop all' -d 'what is alerted; also crash, start, stop, all'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l alert-cooldown -x -d 'for the same cause'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l heartbeat-url -r -F -d 'pinged while running or healthy'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l listen -x -d 'serves /livez, /readyz, /status and /metrics there, read-only'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l listen-token-file -r -F -d 'the token that --listen on another host than loopback needs'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l notify-ready -x -a 'up healthy' -d 'when systemd is told READY'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -s h -l help -d 'this text; `--help all` shows every option, `--help COMMAND` one command'
complete -c agent-watch -n '__agent_watch_before_dashes; and not __fish_seen_subcommand_from status health logs stop restart reset signal completion help version' -l version -d 'the version'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from status' -l json -d 'for programs'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from status' -l watch -d 'redraws until it is interrupted'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from status' -l all -d 'every user\'s watchers (root)'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from status' -l state-dir -r -F -d 'where state, log and incidents lie: a folder per name'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from status' -s h -l help -d 'this text; `--help all` shows every option, `--help COMMAND` one command'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from health' -l json -d 'for programs'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from health' -l all -d 'every user\'s watchers (root)'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from health' -l state-dir -r -F -d 'where state, log and incidents lie: a folder per name'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from health' -s h -l help -d 'this text; `--help all` shows every option, `--help COMMAND` one command'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from logs' -s n -l lines -x -d 'how many lines of the end'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from logs' -s f -l follow -d 'goes on as the child writes'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from logs' -l raw -d 'the child\'s bytes as they are'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from logs' -l state-dir -r -F -d 'where state, log and incidents lie: a folder per name'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from logs' -s h -l help -d 'this text; `--help all` shows every option, `--help COMMAND` one command'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from stop' -l now -d 'at once, by SIGKILL'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from stop' -l state-dir -r -F -d 'where state, log and incidents lie: a folder per name'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from stop' -s h -l help -d 'this text; `--help all` shows every option, `--help COMMAND` one command'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from restart' -l state-dir -r -F -d 'where state, log and incidents lie: a folder per name'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from restart' -s h -l help -d 'this text; `--help all` shows every option, `--help COMMAND` one command'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from reset' -l state-dir -r -F -d 'where state, log and incidents lie: a folder per name'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from reset' -s h -l help -d 'this text; `--help all` shows every option, `--help COMMAND` one command'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from signal' -l state-dir -r -F -d 'where state, log and incidents lie: a folder per name'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from signal' -s h -l help -d 'this text; `--help all` shows every option, `--help COMMAND` one command'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from completion' -s h -l help -d 'this text; `--help all` shows every option, `--help COMMAND` one command'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from help' -s h -l help -d 'this text; `--help all` shows every option, `--help COMMAND` one command'
complete -c agent-watch -n '__agent_watch_before_dashes; and __fish_seen_subcommand_from version' -s h -l help -d 'this text; `--help all` shows every option, `--help COMMAND` one command'
