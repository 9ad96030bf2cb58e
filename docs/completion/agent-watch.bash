# bash completion of agent-watch
_agent_watch_names() {
  local dir entry
  if [ -n "${AGENT_WATCH_STATE_DIR-}" ]; then
    dir=$AGENT_WATCH_STATE_DIR
  elif [ "$(id -u)" = 0 ]; then
    dir=/var/lib/agent-watch
  else
    dir=${XDG_STATE_HOME:-$HOME/.local/state}/agent-watch
  fi
  for entry in "$dir"/*/; do
    [ -d "$entry" ] && entry=${entry%/} && printf '%s\n' "${entry##*/}"
  done
}

_agent_watch() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} word='' i options
  COMPREPLY=()
  # bash takes = for a word of its own.
  if [ "$cur" = = ]; then cur=''; elif [ "$prev" = = ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [ "${COMP_WORDS[i]}" = -- ]; then
      if declare -F _command_offset >/dev/null; then _command_offset $((i + 1)); return; fi
      if ((i + 1 == COMP_CWORD)); then COMPREPLY=($(compgen -c -- "$cur")); else COMPREPLY=($(compgen -f -- "$cur")); fi
      return
    fi
    case ${COMP_WORDS[i]} in
      start) [ -n "$word" ] || word=start ;;
      apply|up) [ -n "$word" ] || word=apply ;;
      down) [ -n "$word" ] || word=down ;;
      check) [ -n "$word" ] || word=check ;;
      status|ls|ps|list|show|describe|inspect) [ -n "$word" ] || word=status ;;
      top|monit) [ -n "$word" ] || word=top ;;
      health) [ -n "$word" ] || word=health ;;
      brief) [ -n "$word" ] || word=brief ;;
      logs) [ -n "$word" ] || word=logs ;;
      events) [ -n "$word" ] || word=events ;;
      runs) [ -n "$word" ] || word=runs ;;
      incidents) [ -n "$word" ] || word=incidents ;;
      serve) [ -n "$word" ] || word=serve ;;
      mcp) [ -n "$word" ] || word=mcp ;;
      diagnose) [ -n "$word" ] || word=diagnose ;;
      stop|kill) [ -n "$word" ] || word=stop ;;
      restart) [ -n "$word" ] || word=restart ;;
      reset) [ -n "$word" ] || word=reset ;;
      signal) [ -n "$word" ] || word=signal ;;
      delete|rm|remove) [ -n "$word" ] || word=delete ;;
      install) [ -n "$word" ] || word=install ;;
      uninstall) [ -n "$word" ] || word=uninstall ;;
      doctor) [ -n "$word" ] || word=doctor ;;
      init) [ -n "$word" ] || word=init ;;
      schema) [ -n "$word" ] || word=schema ;;
      completion) [ -n "$word" ] || word=completion ;;
      help) [ -n "$word" ] || word=help ;;
      version) [ -n "$word" ] || word=version ;;
    esac
  done
  case $prev in
    --restart) COMPREPLY=($(compgen -W 'always on-failure never' -- "$cur")); return ;;
    --on-hold) COMPREPLY=($(compgen -W 'wait exit' -- "$cur")); return ;;
    --stop-to) COMPREPLY=($(compgen -W 'main tree' -- "$cur")); return ;;
    --stale-when) COMPREPLY=($(compgen -W 'silent idle' -- "$cur")); return ;;
    --repeat-action) COMPREPLY=($(compgen -W 'alert restart' -- "$cur")); return ;;
    --diagnose) COMPREPLY=($(compgen -W 'off rules anthropic openai ollama' -- "$cur")); return ;;
    --judge-with) COMPREPLY=($(compgen -W 'anthropic openai ollama' -- "$cur")); return ;;
    --alert-format) COMPREPLY=($(compgen -W 'slack discord ntfy telegram generic' -- "$cur")); return ;;
    --alert-on) COMPREPLY=($(compgen -W 'flap slow-loop hold limited unhealthy recovered unusual crash start stop all' -- "$cur")); return ;;
    --notify-ready) COMPREPLY=($(compgen -W 'up healthy' -- "$cur")); return ;;
    --format) COMPREPLY=($(compgen -W 'systemd launchd crontab' -- "$cur")); return ;;
    --state-dir|--config|--cwd|--env-file|--stdin|--fresh-file|--grow|--http-ca|--metrics|--llm-url|--llm-key-file|--judge|--alert-webhook|--alert-file|--heartbeat-url|--listen-token-file|--file|--from)
      compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -f -- "$cur"))
      return ;;
    --stop-signal|--dump-signal|--exit-signal) COMPREPLY=($(compgen -A signal -- "$cur")); return ;;
    --name|--env|--backoff|--backoff-factor|--backoff-max|--jitter|--healthy-after|--flap-threshold|--flap-window|--flap-cooldown|--max-restarts|--success-codes|--hold-codes|--on-cause|--max-wait|--success-pattern|--fail-at-exit|--done-pattern|--done-grace|--accept|--resume-command|--stop-timeout|--max-runtime|--expect-duration|--schedule|--timezone|--stale-after|--first-output|--progress-pattern|--fail-pattern|--http|--http-expect|--port|--check|--max-memory|--max-cpu|--min-disk|--error-rate|--error-pattern|--repeat-limit|--health-interval|--health-timeout|--health-retries|--health-start-period|--budget|--kill-when|--metrics-max-age|--remedy|--log-max-size|--log-keep|--tail-lines|--buffer-size|--llm-model|--llm-timeout|--llm-max-calls|--alert-command|--alert-cooldown|--listen|--since|--lines|--until|--grep|--run|--around|--exit-code) return ;;
  esac
  case $word in
    start) options='--name --state-dir --config --cwd --env --env-file --stdin --restart --backoff --backoff-factor --backoff-max --jitter --healthy-after --flap-threshold --flap-window --flap-cooldown --max-restarts --success-codes --hold-codes --on-cause --max-wait --success-pattern --fail-at-exit --done-pattern --done-grace --accept --resume-command --on-hold --stop-signal --stop-timeout --stop-to --dump-signal --max-runtime --expect-duration --schedule --timezone --feed-last-output --stale-after --stale-when --first-output --progress-pattern --fail-pattern --fresh-file --grow --http --http-expect --http-ca --port --check --max-memory --max-cpu --min-disk --error-rate --error-pattern --repeat-limit --repeat-action --health-interval --health-timeout --health-retries --health-start-period --budget --kill-when --metrics --metrics-max-age --kill-when-blind --remedy --quiet --log-max-size --log-keep --no-log --tail-lines --buffer-size --diagnose --llm-model --llm-url --llm-timeout --llm-max-calls --llm-key-file --judge --judge-with --judge-acts --alert-webhook --alert-format --alert-command --alert-file --alert-on --alert-cooldown --heartbeat-url --listen --listen-token-file --notify-ready --all --help' ;;
    apply) options='--dry-run --prune --wait --state-dir --help' ;;
    down) options='--now --state-dir --help' ;;
    check) options='--state-dir --help' ;;
    status) options='--json --watch --all --all-users --state-dir --help' ;;
    top) options='--all --all-users --state-dir --help' ;;
    health) options='--json --all --all-users --state-dir --help' ;;
    brief) options='--since --json --all --all-users --state-dir --help' ;;
    logs) options='--lines --follow --times --since --until --grep --run --around --no-events --raw --all --all-users --state-dir --help' ;;
    events) options='--since --lines --follow --json --all --all-users --state-dir --help' ;;
    runs) options='--lines --json --all --all-users --state-dir --help' ;;
    incidents) options='--since --json --all --all-users --state-dir --help' ;;
    serve) options='--listen --listen-token-file --state-dir --help' ;;
    mcp) options='--allow-control --state-dir --help' ;;
    diagnose) options='--live --file --exit-code --exit-signal --json --diagnose --llm-model --llm-url --llm-timeout --llm-max-calls --llm-key-file --state-dir --help' ;;
    stop) options='--now --all --all-users --state-dir --help' ;;
    restart) options='--watcher --all --all-users --state-dir --help' ;;
    reset) options='--yes --all --all-users --state-dir --help' ;;
    signal) options='--all --all-users --state-dir --help' ;;
    delete) options='--yes --all --all-users --state-dir --help' ;;
    install) options='--print --format --user --system --name --state-dir --config --cwd --env --env-file --stdin --restart --backoff --backoff-factor --backoff-max --jitter --healthy-after --flap-threshold --flap-window --flap-cooldown --max-restarts --success-codes --hold-codes --on-cause --max-wait --success-pattern --fail-at-exit --done-pattern --done-grace --accept --resume-command --on-hold --stop-signal --stop-timeout --stop-to --dump-signal --max-runtime --expect-duration --schedule --timezone --feed-last-output --stale-after --stale-when --first-output --progress-pattern --fail-pattern --fresh-file --grow --http --http-expect --http-ca --port --check --max-memory --max-cpu --min-disk --error-rate --error-pattern --repeat-limit --repeat-action --health-interval --health-timeout --health-retries --health-start-period --budget --kill-when --metrics --metrics-max-age --kill-when-blind --remedy --quiet --log-max-size --log-keep --no-log --tail-lines --buffer-size --diagnose --llm-model --llm-url --llm-timeout --llm-max-calls --llm-key-file --judge --judge-with --judge-acts --alert-webhook --alert-format --alert-command --alert-file --alert-on --alert-cooldown --heartbeat-url --listen --listen-token-file --notify-ready --help' ;;
    uninstall) options='--user --system --state-dir --help' ;;
    doctor) options='--state-dir --help' ;;
    init) options='--from --help' ;;
    schema) options='--help' ;;
    completion) options='--help' ;;
    help) options='--help' ;;
    version) options='--help' ;;
    *) options='--name --state-dir --config --cwd --env --env-file --stdin --restart --backoff --backoff-factor --backoff-max --jitter --healthy-after --flap-threshold --flap-window --flap-cooldown --max-restarts --success-codes --hold-codes --on-cause --max-wait --success-pattern --fail-at-exit --done-pattern --done-grace --accept --resume-command --on-hold --stop-signal --stop-timeout --stop-to --dump-signal --max-runtime --expect-duration --schedule --timezone --feed-last-output --stale-after --stale-when --first-output --progress-pattern --fail-pattern --fresh-file --grow --http --http-expect --http-ca --port --check --max-memory --max-cpu --min-disk --error-rate --error-pattern --repeat-limit --repeat-action --health-interval --health-timeout --health-retries --health-start-period --budget --kill-when --metrics --metrics-max-age --kill-when-blind --remedy --quiet --log-max-size --log-keep --no-log --tail-lines --buffer-size --diagnose --llm-model --llm-url --llm-timeout --llm-max-calls --llm-key-file --judge --judge-with --judge-acts --alert-webhook --alert-format --alert-command --alert-file --alert-on --alert-cooldown --heartbeat-url --listen --listen-token-file --notify-ready --help --version --' ;;
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
    return
  fi
  case $word in
    '') COMPREPLY=($(compgen -W 'start apply down check status top health brief logs events runs incidents serve mcp diagnose stop restart reset signal delete install uninstall doctor init schema completion help version' -- "$cur")) ;;
    help) COMPREPLY=($(compgen -W 'all start apply down check status top health brief logs events runs incidents serve mcp diagnose stop restart reset signal delete install uninstall doctor init schema completion help version' -- "$cur")) ;;
    completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- "$cur")) ;;
    start|status|top|health|logs|events|runs|incidents|diagnose|stop|restart|reset|signal|delete|uninstall|doctor)
      COMPREPLY=($(compgen -W "$(_agent_watch_names)" -- "$cur")) ;;
    apply|down|check|init)
      compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -f -- "$cur")) ;;
  esac
}

complete -F _agent_watch agent-watch
