# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Run on the machine: installs, configures, starts, reloads, upgrades, removes and purges, and says what came of it.
set -u
conf=/etc/rowcast/rowcast.conf scripts=/etc/rowcast/scripts
unit() { systemctl show -p "$1" --value rowcast; }
is() { # is NAME WANTED GOT
    if [ "$2" = "$3" ]; then echo "ok $1"; else printf 'not ok %s: %s, not %s\n' "$1" "$3" "$2"; fi
}
holds() { # holds NAME COMMAND...
    local output
    if output=$("${@:2}" 2>&1); then echo "ok $1"; else printf 'not ok %s: %s\n' "$1" "$output"; fi
}
soon() { # soon NAME COMMAND...: within 30 s
    for _ in {1..300}; do
        if "${@:2}" >/dev/null 2>&1; then break; fi
        sleep 0.1
    done
    holds "$@"
}
status_has() { [[ $(unit StatusText) == *"$1"* ]]; }

# --- a first installation ---
said=$(dpkg -i /package/first.deb 2>&1)
is 'it is installed' 0 $?
holds 'it says what is to be done' grep -q 'rowcast db setup' <<<"$said"
is 'it does not start before it can' inactive "$(unit ActiveState)"
is 'it is enabled' enabled "$(systemctl is-enabled rowcast)"
is 'settings are for root and the service' '640 root rowcast' "$(stat -c '%a %U %G' $conf)"
is 'the state folder is the service'\''s' '750 rowcast rowcast' "$(stat -c '%a %U %G' /var/lib/rowcast)"
systemctl start rowcast 2>/dev/null
is 'a start without a database ends with' 78 "$(unit ExecMainStatus)"
is 'and is not tried again' 0 "$(unit NRestarts)"
systemctl reset-failed rowcast

# --- serving ---
sed -i 's|^#source = .*|source = /usr/share/doc/rowcast/examples/market/session.jsonl|; s|^#history = .*|history = 32MiB # mine|' $conf
holds 'it starts' systemctl start rowcast
soon 'it is ready' rowcast healthcheck --config $conf
soon 'systemctl tells how it is' status_has 'ok; clients: 0'
pid=$(unit MainPID)
is 'it is nobody but itself' rowcast "$(stat -c %U "/proc/$pid")"
is 'it has no capability' 0000000000000000 "$(sed -n 's/^CapEff:\t//p' "/proc/$pid/status")"
is 'system calls are filtered' 2 "$(sed -n 's/^Seccomp:\t//p' "/proc/$pid/status")"
holds 'it reloads' systemctl reload rowcast
echo 'return {' >$scripts/tables/votes.lua
systemctl reload rowcast
soon 'a broken script is told' status_has 'votes.lua:2'
cp /usr/share/doc/rowcast/examples/echo/scripts/client.lua $scripts/client.lua

# --- an upgrade ---
rm $scripts/tables/votes.lua $scripts/tables/trades.lua
echo '-- mine' >>$scripts/tables/markets.lua
holds 'it is upgraded' dpkg --force-confdef --force-confold -i /package/next.deb
is 'an upgrade keeps edited settings' 'history = 32MiB # mine' "$(grep ^history $conf)"
is 'and who may read them' '640 root rowcast' "$(stat -c '%a %U %G' $conf)"
is 'and edited scripts' '-- mine' "$(tail -n 1 $scripts/tables/markets.lua)"
is 'and does not bring back those that were removed' '' "$(find $scripts -name votes.lua -o -name trades.lua)"
is 'but lays the newer one beside an edited one' yes "$([ -e $scripts/client.lua.dpkg-dist ] && echo yes)"
soon 'the new one runs' rowcast healthcheck --config $conf
is 'in another process' yes "$([ "$(unit MainPID)" != "$pid" ] && echo yes)"

# --- a brain that is stuck ---
mkdir -p /run/systemd/system/rowcast.service.d
printf '[Service]\nWatchdogSec=2\n' >/run/systemd/system/rowcast.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart rowcast
kill -STOP "$(unit MainPID)"
started_anew() { [ "$(unit NRestarts)" = 1 ] && rowcast healthcheck --config $conf; }
soon 'a stuck one is started anew' started_anew
rm -r /run/systemd/system/rowcast.service.d
systemctl daemon-reload

# --- the end ---
holds 'it is removed' dpkg -r rowcast
is 'it ended' inactive "$(unit ActiveState)"
is 'settings stay' 'history = 32MiB # mine' "$(grep ^history $conf)"
echo '-- mine' >$scripts/own.lua
holds 'it is installed again' dpkg --force-confdef --force-confold -i /package/first.deb
soon 'and runs, as it was configured' rowcast healthcheck --config $conf
holds 'it is purged' dpkg -P rowcast
is 'nothing is left but a script of one'\''s own' "$scripts/own.lua" "$(find / -xdev -path /proc -prune -o -path /package -prune -o \( -path '*rowcast*' -not -type d \) -print)"
is 'the state is gone' no "$([ -e /var/lib/rowcast ] || echo no)"
