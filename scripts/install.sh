#!/bin/sh
# Installs the executable of agent-watch from a release:
#
#   sh install.sh [--to DIR] [--version VERSION] [--from URL]
#
# No root is needed. Everything is downloaded, verified and tried out in a folder of its own before the old executable is replaced in
# one step. All of it is in functions, so that a script that was cut on its way does nothing.
set -eu

# Filled in when a release is made; --from and --version override them.
from=''
version=''

usage() {
  cat <<'HELP'
Installs agent-watch for Linux (x64 or arm64, glibc 2.28 or newer).

  --to DIR            where to; default /usr/local/bin for root, else ~/.local/bin
  --version VERSION   which release
  --from URL          where releases are: URL/vVERSION/agent-watch-VERSION-linux-ARCH.tar.gz
  --help              this help
HELP
}

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

# Where no executable of ours runs.
unsupported() {
  fail "$1; with Node 22 or newer, npm install -g agent-watch works there too"
}

value_of() {
  [ "$2" -ge 2 ] || fail "$1 needs a value"
}

read_arguments() {
  to=''
  while [ $# -gt 0 ]; do
    case $1 in
      --to) value_of "$1" $#; to=$2; shift 2 ;;
      --to=*) to=${1#*=}; shift ;;
      --version) value_of "$1" $#; version=$2; shift 2 ;;
      --version=*) version=${1#*=}; shift ;;
      --from) value_of "$1" $#; from=$2; shift 2 ;;
      --from=*) from=${1#*=}; shift ;;
      -h | --help) usage; exit 0 ;;
      *) fail "unknown argument \"$1\"; valid: --to DIR, --version VERSION, --from URL, --help" ;;
    esac
  done
  version=${version#v}
  case $version in
    '') fail 'this copy belongs to no release; give --version VERSION' ;;
    *[!0-9A-Za-z.+-]*) fail "invalid version \"$version\"" ;;
  esac
  [ -n "$from" ] || fail 'this copy belongs to no release; give --from URL'
  if [ -z "$to" ]; then
    if [ "$(id -u)" -eq 0 ]; then to=/usr/local/bin; else to=${HOME:?is not set; give --to DIR}/.local/bin; fi
  fi
}

# Sets arch, or says why there is no executable.
detect_platform() {
  system=$(uname -s)
  [ "$system" = Linux ] || unsupported "there is no executable for $system"
  machine=$(uname -m)
  case $machine in
    x86_64 | amd64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) unsupported "there is no executable for $machine" ;;
  esac
  # musl's getconf does not know this name.
  libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || libc=''
  case $libc in
    'glibc '*) ;;
    *) unsupported 'the executable needs glibc, and this system has another C library' ;;
  esac
  number=${libc#glibc }
  minor=${number#*.}
  [ "${number%%.*}" -gt 2 ] || [ "${minor%%.*}" -ge 28 ] || unsupported "the executable needs glibc 2.28, and this system has $number"
}

download() {
  if command -v curl >/dev/null 2>&1; then
    curl -fsSL -o "$2" "$1" || fail "cannot download $1; nothing was installed"
  elif command -v wget >/dev/null 2>&1; then
    wget -q -O "$2" "$1" || fail "cannot download $1; nothing was installed"
  else
    fail 'neither curl nor wget is here; install one of them'
  fi
}

digest_of() {
  if command -v sha256sum >/dev/null 2>&1; then
    sha256sum "$1"
  elif command -v shasum >/dev/null 2>&1; then
    shasum -a 256 "$1"
  else
    fail 'neither sha256sum nor shasum is here; install one of them'
  fi
}

verify() {
  wanted=$(awk -v name="$archive" '$2 == name || $2 == "*" name { print $1; exit }' "$work/SHA256SUMS")
  [ -n "$wanted" ] || fail "SHA256SUMS of the release does not list $archive; nothing was installed"
  found=$(digest_of "$work/$archive")
  [ "${found%% *}" = "$wanted" ] || fail "$archive is not what the release lists (SHA-256 ${found%% *}, expected $wanted); nothing was installed"
}

main() {
  read_arguments "$@"
  detect_platform
  archive=agent-watch-$version-linux-$arch.tar.gz
  mkdir -p "$to" || fail "cannot create $to; choose another folder with --to DIR"
  # Beside its place, so that the last step is a rename on one file system.
  work=$(mktemp -d "$to/.agent-watch.XXXXXX") || fail "cannot write to $to; choose another folder with --to DIR"
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  download "$from/v$version/SHA256SUMS" "$work/SHA256SUMS"
  download "$from/v$version/$archive" "$work/$archive"
  verify
  tar -xzf "$work/$archive" -C "$work" || fail "cannot unpack $archive; nothing was installed"
  new=$work/${archive%.tar.gz}/agent-watch
  # What is missing here (a shared library, the right to execute) shows before anything is replaced.
  says=$("$new" --version 2>&1) || fail "the executable does not run here; nothing was installed: $says"
  [ ! -d "$to/agent-watch" ] || fail "$to/agent-watch is a directory; choose another folder with --to DIR"
  mv -f "$new" "$to/agent-watch" || fail "cannot replace $to/agent-watch"
  echo "$says is installed in $to"
  case :$PATH: in
    *:"$to":*) ;;
    *) echo "$to is not in PATH; add it, or call $to/agent-watch" ;;
  esac
}

main "$@"
