# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What a script here needs of a Debian 12 machine: packages, a build, a private PostgreSQL, and a clean end.
#
# Source it under `set -euo pipefail`. What `spawn` and `run` start is stopped, and what `at_exit` names is done, newest
# first, when the script ends: by itself, by a failure, by Ctrl-C or by TERM.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
logs=$root/build/logs
script=$(realpath "$0")

# shellcheck disable=SC2034 # used by the scripts that source this file
{
    build_packages=(gcc libc6-dev cmake make pkg-config libuv1-dev libwslay-dev luajit libluajit-5.1-dev lua-cjson
        lua-cjson-dev libpq-dev libjansson-dev libssl-dev zlib1g-dev)
    run_packages=(postgresql nodejs node-ws)
    test_packages=(libcmocka-dev lua-busted lua-check groff-base clang-format-14 clang-14 libclang-rt-14-dev shellcheck pgbouncer)
}

unset "${!PG@}"                    # a user's own libpq settings would lead psql elsewhere
export NODE_PATH=/usr/share/nodejs # where Debian keeps `ws`, also for a node from elsewhere

say() { printf '%s: %s\n' "$0" "$*" >&2; }

# The help of a script is the comment at its top, from `usage` on.
show_help() { sed -n '/^# usage/,/^[^#]/s/^# \{0,1\}//p' "$script"; }

# die STATUS SENTENCE
die() {
    say "$2"
    exit "$1"
}

# failed LOG SENTENCE: shows how the log ended, says so, and returns 1.
failed() {
    tail -n 30 "$1" >&2 || :
    say "$2; the whole log: $1"
    return 1
}

# --- A clean end --------------------------------------------------------------------------------------------------

exit_handlers=()
as_root=() # what runs a command as root; empty for root, and until become_root

# at_exit COMMAND: a line of shell to run when the script ends.
at_exit() { exit_handlers=("$1" "${exit_handlers[@]}"); }

clean_up() {
    local status=$? handler
    trap '' HUP INT PIPE TERM
    trap - EXIT
    [ $status -lt 128 ] || say "stopping" 2>/dev/null || : # the terminal may be gone
    for handler in "${exit_handlers[@]}"; do eval "$handler" || :; done
    exit "$status"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM

# spawn COMMAND...: starts it in a process group of its own, whose number it leaves in `spawned`. The group is stopped at
# exit, as `stop_with` says; the command gets a TERM even if this script is killed outright.
spawn() {
    setsid setpriv --pdeathsig TERM -- "$@" &
    spawned=$!
    at_exit "stop $spawned ${stop_with-}"
    until signal 0 "$spawned" || ! kill -0 "$spawned" 2>/dev/null; do :; done # setsid takes a moment
}

# stop GROUP [SIGNAL [SECONDS]]: ends a spawned group, gently at first, then for certain.
stop() {
    local tenths
    signal "${2:-TERM}" "$1" || return 0
    for ((tenths = ${3:-10} * 10; tenths > 0; tenths--)); do
        alive "$1" || break
        sleep 0.1
    done
    signal KILL "$1" || :
    wait "$1" 2>/dev/null || :
}

signal() {
    kill -s "$1" -- "-$2" 2>/dev/null ||
        { [ ${#as_root[@]} -gt 0 ] && "${as_root[@]}" kill -s "$1" -- "-$2" 2>/dev/null; }
}

# Has the group a process that does more than wait for its parent to notice its end?
alive() {
    local file stat
    for file in /proc/[0-9]*/stat; do
        { read -r stat <"$file"; } 2>/dev/null || continue
        [[ ! ${stat##*) } =~ ^[^XZ]\ [0-9]+\ $1\  ]] || return 0
    done
    return 1
}

# run LOG COMMAND...: runs it, its output in the file LOG, and returns its status. Unlike a plain command it lets a
# signal to this script end it at once.
run() {
    local status=0
    mkdir -p "$(dirname "$1")"
    spawn "${@:2}" >"$1" 2>&1
    wait "$spawned" || status=$?
    exit_handlers=("${exit_handlers[@]:1}") # it needs no stopping any more
    return "$status"
}

# --- Packages -----------------------------------------------------------------------------------------------------

become_root() {
    [ "$EUID" = 0 ] || { sudo -n true 2>/dev/null && as_root=(sudo -n); }
}

# need_packages NAME...: installs those that are missing.
need_packages() {
    local name missing=() log=$logs/packages.log
    for name; do
        [[ $(dpkg-query -Wf '${db:Status-Status}' "$name" 2>/dev/null) == installed* ]] || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    local by_hand="apt-get install --no-install-recommends ${missing[*]}"
    command -v apt-get >/dev/null || die 69 "this is made for Debian 12; please install what it calls ${missing[*]}"
    become_root || die 69 "packages are missing, and sudo asks for a password; please run: sudo $by_hand"
    say "installing ${missing[*]}"
    {
        run "$log" "${as_root[@]}" bash -c "$apt"$'\n'"$fetch" bash "${missing[@]}" &&
            stop_with='TERM 15' run "$log" "${as_root[@]}" bash -c "$apt"$'\n'"$install" bash "${missing[@]}"
    } || failed "$log" "the packages could not be installed; to try by hand, as root: apt-get update && $by_hand" || exit 69
}

# Run as root with the packages' names. Installing must not be cut: on TERM apt-get is asked to come to rest behind the
# step at hand, and a later run completes it. Nothing that is installed is started (policy-rc.d: 101, not allowed), and a new
# PostgreSQL makes no server of its own.
# shellcheck disable=SC2016
{
    apt='set -e
        export DEBIAN_FRONTEND=noninteractive PATH=$PATH:/usr/sbin:/sbin
        options="-y --no-install-recommends --fix-broken -o DPkg::Lock::Timeout=120"'
    fetch='apt-get update && apt-get $options --download-only install "$@"'
    install='
        made=()
        trap '"'"'rm -f "${made[@]}"'"'"' EXIT
        if [[ " $* " == *" postgresql "* ]]; then
            conf=/etc/postgresql-common/createcluster.d/rowcast.conf
            made+=("$conf")
            mkdir -p "${conf%/*}" && echo "create_main_cluster = false" >"$conf"
        fi
        policy=/usr/sbin/policy-rc.d
        if [ ! -e "$policy" ]; then
            made+=("$policy")
            printf "%s\n" "#!/bin/sh" "exit 101" >"$policy" && chmod 755 "$policy"
        fi
        setsid sh -c "dpkg --configure -a && exec apt-get $options install $*" &
        trap "kill -INT $!" TERM
        wait $! || wait $!'
}

# --- The build ----------------------------------------------------------------------------------------------------

# build_rowcast [DIR [CMAKE_ARGUMENT...]]: builds DIR (default: build), a release unless the arguments say otherwise.
# An array build_targets names what of it, where not all is needed.
build_rowcast() {
    local name=${1:-build}
    local log=$logs/$name.log
    say "building $name/"
    {
        run "$log" cmake -S "$root" -B "$root/$name" -DCMAKE_BUILD_TYPE=Release "${@:2}" &&
            run "$log" cmake --build "$root/$name" -j "$(nproc)" ${build_targets+--target "${build_targets[@]}"}
    } || failed "$log" "$name/ could not be built"
}

# --- PostgreSQL ---------------------------------------------------------------------------------------------------

# postgres_start [SETTING=VALUE...]: starts a server of our own on a free port of 127.0.0.1, with the empty database
# `market`; exports DATABASE_URL and puts its programs first in PATH. Its data is gone at exit. The server is the newest
# that is installed, or the one in the folder `postgres_bin`, whose clients may be missing.
postgres_start() {
    local bin dir port log=$logs/postgres.log setting
    local as_server=(setpriv --pdeathsig INT) settings=(-c listen_addresses=127.0.0.1 -c wal_level=logical)
    bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    [ -x "$bin/initdb" ] || die 69 "there is no PostgreSQL server in /usr/lib/postgresql; please install Debian's postgresql"
    export PATH=${postgres_bin:+$postgres_bin:}$bin:$PATH
    dir=$(mktemp -d /tmp/rowcast-postgres.XXXXXX)
    at_exit "rm -rf $dir"
    if [ "$EUID" = 0 ]; then # the server refuses to be root
        chown postgres: "$dir"
        as_server+=(--reuid postgres --regid postgres --init-groups)
    fi
    for setting; do settings+=(-c "$setting"); done

    run "$log" "${as_server[@]}" env -C "$dir" initdb -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 -N ||
        failed "$log" "PostgreSQL's initdb failed"
    for _ in 1 2 3 4 5; do # another program may be quicker to take a free port
        port=$(free_port)
        stop_with='INT 15' spawn "${as_server[@]}" env -C "$dir" \
            postgres -D "$dir/data" -k "$dir" -p "$port" "${settings[@]}" >"$log" 2>&1
        postgres_group=$spawned
        if postgres_answers "$dir" "$port" && createdb -h "$dir" -p "$port" -U postgres market; then
            export DATABASE_URL=postgresql://postgres@127.0.0.1:$port/market
            return 0
        fi
        postgres_stop
    done
    failed "$log" "PostgreSQL did not start"
}

postgres_stop() { stop "$postgres_group" INT 15; }

postgres_answers() {
    for _ in {1..300}; do
        ! pg_isready -q -h "$1" -p "$2" || return 0
        signal 0 "$postgres_group" || return 1
        sleep 0.1
    done
    return 1
}

# A port that nobody listens on, below those that the kernel gives out by itself.
free_port() {
    local port
    while port=$((20000 + RANDOM % 12000)) && port_taken "$port"; do :; done
    echo "$port"
}

port_taken() { (: >"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
