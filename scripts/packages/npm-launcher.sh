#!/bin/sh
# Becomes the executable of this machine, which npm installs as a package of its own. Where there is none (macOS, musl, optional
# dependencies left out), Node runs the bundle. The variables have long names because an exported one of the same name would reach
# the watched command changed.
_agent_watch_package=
# Where npm links it from, for all and in a project: found without another process, each of which costs milliseconds.
for _agent_watch_folder in "${0%/*}/../lib/node_modules/agent-watch" "${0%/*}/../agent-watch"; do
  [ "$0" -ef "$_agent_watch_folder/bin/agent-watch" ] 2>/dev/null && _agent_watch_package=$_agent_watch_folder
done
if [ -z "$_agent_watch_package" ]; then
  _agent_watch_file=$0
  while [ -h "$_agent_watch_file" ]; do
    _agent_watch_link=$(readlink "$_agent_watch_file")
    case $_agent_watch_link in
      /*) _agent_watch_file=$_agent_watch_link ;;
      *) _agent_watch_file=${_agent_watch_file%/*}/$_agent_watch_link ;;
    esac
  done
  # The physical path: pnpm links packages into node_modules, and what a package depends on lies beside the real one.
  _agent_watch_package=$(CDPATH='' cd -P -- "${_agent_watch_file%/*}/.." && pwd -P) || exit 125
fi

# As Node looks for packages: in the node_modules of this folder and of every folder above it.
_agent_watch_become() {
  _agent_watch_folder=$_agent_watch_package
  while :; do
    _agent_watch_file=$_agent_watch_folder/node_modules/agent-watch-linux-$1/agent-watch
    if [ -x "$_agent_watch_file" ]; then
      shift
      exec "$_agent_watch_file" "$@"
    fi
    [ -n "$_agent_watch_folder" ] || return 0
    _agent_watch_folder=${_agent_watch_folder%/*}
  done
}
# An executable whose loader is not there (musl) would only be "not found".
[ -e /lib64/ld-linux-x86-64.so.2 ] && _agent_watch_become x64 "$@"
[ -e /lib/ld-linux-aarch64.so.1 ] && _agent_watch_become arm64 "$@"

if command -v node >/dev/null 2>&1; then
  # The flags of the executable: no debugger at SIGUSR1, and a small heap.
  exec node '--inspect-port=[fe80::1]:9229' --max-semi-space-size=1 --v8-pool-size=1 "$_agent_watch_package/lib/start.cjs" "$@"
fi
echo 'agent-watch: this platform has no executable of its own and no node was found in PATH; install Node 22 or newer' >&2
exit 125
