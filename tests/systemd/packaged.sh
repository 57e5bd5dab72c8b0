# Runs inside the machine, as root: what the Debian package promises. Each check prints `ok` or `FAILED` and its name; the test
# holds the list.
set -u
exec 2>&1
units="presignd.service presignd.socket presignd-admin.socket"
until_is() { for _ in $(seq 300); do "$@" && return 0; sleep 0.1; done; return 1; }
check() { local name=$1; shift; if "$@"; then echo "ok $name"; else echo "FAILED $name"; systemctl status --no-pager --full $units; journalctl --no-pager -n 30; fi; }
active() { [ "$(systemctl is-active $units | sort -u)" = active ]; }
main() { systemctl show --property=MainPID --value presignd; }
# Where an image forbids packages to start anything; this machine does not.
rm -f /usr/sbin/policy-rc.d
# Users and groups of other packages are not in this machine.
rm -f /var/lib/dpkg/statoverride

installed() { dpkg --install /in/presignd.deb && [ -z "$(dpkg --audit presignd)" ]; }
started() { active && [ "$(systemctl is-enabled $units | sort -u)" = enabled ] && [ "$(command -v presignd)" = /usr/bin/presignd ]; }
folders() { [ "$(stat -c '%a %U %G' /etc/presignd/keys)" = '710 root presignd-keys' ] && [ "$(stat -c %G /run/presignd/sign/presignd.sock)" = presignd-sign ]; }
notices() {
  local docs=/usr/share/doc/presignd names name
  grep -q 'GNU LESSER GENERAL PUBLIC LICENSE' $docs/THIRD-PARTY.txt && grep -q THIRD-PARTY.txt $docs/copyright || return 1
  names=$(sed -n '/^ "components"/,/^ ]/s/^   "name": "\(.*\)",\?$/\1/p' $docs/sbom.cdx.json)
  [ "$(wc -l <<<"$names")" -gt 200 ] || return 1
  for name in $names; do grep -q "^$name .*: " $docs/THIRD-PARTY.txt || { echo "no notice of $name"; return 1; }; done
}
holds() { presignd check --config /etc/presignd/presignd.toml; }
signs() {
  (umask 077 && cp /in/key.json /etc/presignd/keys/store.json)
  printf '[identity.store]\nsource = "key-file"\npath = "/run/credentials/presignd.service/store"\n' >>/etc/presignd/presignd.toml
  install -m 644 -D /usr/share/doc/presignd/systemd/examples/credential.conf /etc/systemd/system/presignd.service.d/credential.conf
  systemctl daemon-reload && systemctl restart presignd && until_is presignd health >/dev/null 2>&1
  presignd presign s3://photos/cat.jpg --expires-in 15m >/out/url
}
links() {
  local page link
  for page in /usr/share/doc/presignd/*.md /usr/share/doc/presignd/docs/*.md; do
    for link in $(grep -o ']([^)]*)' "$page" | sed 's/^](//; s/[)#].*//' | grep -v '^https\?:'); do
      [ -e "$(dirname "$page")/$link" ] || { echo "$page: $link"; return 1; }
    done
  done
}
comforts() {
  for verb in '' -presign -registry-verify; do zcat "/usr/share/man/man1/presignd$verb.1.gz" | grep -q '^.TH presignd' || return 1; done
  for file in bash-completion/completions/presignd zsh/vendor-completions/_presignd fish/vendor_completions.d/presignd.fish; do
    grep -q presign "/usr/share/$file" || return 1
  done
}
upgraded() {
  local before
  before=$(main)
  dpkg --install /in/presignd.deb </dev/null && active && [ "$(main)" != "$before" ] &&
    grep -q key-file /etc/presignd/presignd.toml && presignd presign s3://photos/cat.jpg >/dev/null &&
    [ "$(presignd urls --admin | grep -c cat.jpg)" = 2 ]
}
by_hand() {
  local said
  install -m 755 /usr/bin/presignd /usr/local/bin/presignd && said=$(dpkg --install /in/presignd.deb 2>&1 </dev/null) || return 1
  rm /usr/local/bin/presignd && systemctl restart presignd && grep -q '/usr/local/bin/presignd is used in place' <<<"$said" || return 1
  ! dpkg --install /in/presignd.deb 2>&1 </dev/null | grep 'in place of'
}
off_stays_off() {
  systemctl disable --quiet $units && dpkg --install /in/presignd.deb </dev/null && ! systemctl is-enabled --quiet $units
}
removed() {
  dpkg --remove presignd || return 1
  hash -r
  [ "$(main)" = 0 ] && ! [ -e /run/presignd/sign/presignd.sock ] && ! command -v presignd &&
    [ -e /etc/presignd/presignd.toml ] && [ -e /var/lib/private/presignd/registry.db ]
}
purged() {
  dpkg --purge presignd || return 1
  ! [ -e /etc/presignd/presignd.toml ] && ! [ -e /var/lib/private/presignd ] && [ -e /etc/presignd/keys/store.json ] &&
    [ -z "$(find /etc/systemd/system /var/lib/systemd/deb-systemd-helper-* -name 'presignd*' ! -name presignd.service.d 2>/dev/null)" ]
}

check "dpkg installs it" installed
check "the service and both sockets are enabled and active" started
check "groups and folders are made" folders
check "notices and licence texts of all that the bill names are with it" notices
check "the configuration that comes with it holds" holds
check "it signs with a key that is given to it" signs
check "manual and completions are where they are looked for" comforts
check "every link of its pages leads to a file that comes with it" links
check "an upgrade restarts it, and keeps its configuration and its records" upgraded
check "a program that was installed by hand before it is told of" by_hand
check "what an administrator has switched off stays off over an upgrade" off_stays_off
check "removed, it stops and keeps configuration and registry" removed
check "purged, it leaves the keys alone" purged
