# Runs inside the machine, as root, after docs/install-systemd.md but for its last block: what the page promises and does not
# show. Each check prints `ok` or `FAILED` and its name; the test holds the list.
set -u
sign() { presignd presign s3://photos/cat.jpg --expires-in 10m; }
main() { systemctl show --property=MainPID --value presignd; }
status() { systemctl show --property=StatusText --value presignd; }
until_is() { for _ in $(seq 300); do "$@" && return 0; sleep 0.1; done; return 1; }
check() { local name=$1; shift; if "$@"; then echo "ok $name"; else echo "FAILED $name"; systemctl status --no-pager --full presignd; fi; }

confined() {
  local proc=/proc/$(main)
  grep -Eq '^Max core file size +0 +0 ' "$proc/limits" &&
    [ "$(systemctl show --property=LimitMEMLOCK --value presignd)" = infinity ] && # a container may have less to give
    grep -Eq '^Seccomp:\s2$' "$proc/status" && grep -Eq '^NoNewPrivs:\s1$' "$proc/status" &&
    grep -Eq '^CapEff:\s0+$' "$proc/status" && ! grep -Eq '^Uid:\s0\s' "$proc/status" &&
    ! journalctl --unit presignd --no-pager | grep -E 'could not be (raised|locked|forbidden)'
}

no_call_is_lost() {
  local done=/tmp/done results=/tmp/results pids=
  rm -rf "$done" "$results" && mkdir "$results"
  for worker in 1 2 3 4; do
    ( while ! [ -e "$done" ]; do
        if sign >/dev/null 2>"$results/last.$worker"; then echo ok; else echo lost; cat "$results/last.$worker"; fi
      done >"$results/$worker" ) &
    pids="$pids $!"
  done
  for _ in 1 2 3 4 5; do systemctl restart presignd || return 1; sleep 0.5; done
  touch "$done"
  wait $pids
  echo "signed over five restarts: $(cat "$results"/[1-4] | grep -c '^ok$')"
  ! grep -hv '^ok$' "$results"/[1-4] && [ "$(cat "$results"/[1-4] | grep -c '^ok$')" -gt 20 ]
}

socket_activation() {
  systemctl stop presignd 2>/dev/null
  [ "$(main)" = 0 ] && [ -S /run/presignd/sign/presignd.sock ] && [ -S /run/presignd/admin/admin.sock ] &&
    sign >/dev/null && [ "$(main)" != 0 ]
}

counts_urls() { until_is sh -c 'systemctl show --property=StatusText --value presignd | grep -Eq "; [0-9]+ URLs outstanding, the last until 20"'; }

reload() {
  local file=/etc/presignd/presignd.toml pid
  pid=$(main)
  cp $file /tmp/kept && echo 'nonsense = 1' >$file && systemctl reload presignd || return 1
  until_is sh -c 'systemctl show --property=StatusText --value presignd | grep -q "does not hold"' || return 1
  cp /tmp/kept $file && systemctl reload presignd || return 1
  until_is sh -c '! systemctl show --property=StatusText --value presignd | grep -q "does not hold"' || return 1
  [ "$(main)" = "$pid" ] && sign >/dev/null
}

watchdog() {
  local before
  mkdir -p /run/systemd/system/presignd.service.d
  printf '[Service]\nWatchdogSec=2s\n' >/run/systemd/system/presignd.service.d/quick.conf
  systemctl daemon-reload && systemctl restart presignd || return 1
  before=$(main)
  sleep 5
  [ "$(main)" = "$before" ] || { echo "it was restarted though it lives"; return 1; }
  kill -STOP "$before"
  sign >/dev/null || return 1
  [ "$(main)" != "$before" ] && [ "$(systemctl show --property=NRestarts --value presignd)" = 1 ] &&
    journalctl --unit presignd --no-pager | grep -q 'Watchdog timeout'
}

no_core() {
  ! journalctl --unit presignd --no-pager | grep 'code=dumped' && [ -z "$(find / /var /tmp -xdev -maxdepth 3 -name 'core*' -type f 2>/dev/null)" ]
}

kept_out() { ! setpriv --reuid=12345 --regid=12345 --clear-groups presignd presign s3://photos/cat.jpg 2>/tmp/why && grep -q 'may not open' /tmp/why; }
no_admin() { ! runuser -u alice -- presignd identities --admin 2>/tmp/why && grep -q 'may not open' /tmp/why; }
registry() { [ "$(stat -Lc %a /var/lib/presignd)" = 700 ] && presignd urls --admin | grep -q cat.jpg; }

check "the process is confined and locked" confined
check "no call is lost over restarts under load" no_call_is_lost
check "a call starts a service that was stopped" socket_activation
check "the status counts what is outstanding" counts_urls
check "a reload that does not hold is told of" reload
check "a stopped process is restarted by the watchdog and its caller served" watchdog
check "nothing dumps core" no_core
check "who is not in the group cannot open the socket" kept_out
check "a caller is no operator" no_admin
check "the registry is kept and private" registry
