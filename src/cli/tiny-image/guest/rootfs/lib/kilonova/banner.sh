#!/bin/sh
# Prints on the console who this guest is and how to reach it. It only reads.
set -u
. /lib/kilonova/state.sh

line() {
  printf ' %-13s %s\n' "$1" "$2"
}

# One line for each address that others can use.
addresses() {
  ip -o addr show scope global | while read -r _ nic family address _; do
    how=$(first_line "$RUN/nic.$nic")
    [ "$family $how" != "inet6 DHCP" ] || how="router advertisement"
    line address "$nic $address $(cat "/sys/class/net/$nic/address") ($how)"
  done
  [ -n "$(ip -o addr show scope global)" ] || line address "none: no interface was configured"
  line gateway "$(ip route show default | sed -n '1s/^default via \([^ ]*\) dev \([^ ]*\).*/\1 on \2/p')"
}

metadata() {
  source=$(first_line $RUN/instance/source)
  id=$(first_line $KEPT/instance-id)
  line "instance id" "${id:-unknown}"
  line metadata "${source:-none: no config drive, and $METADATA_ADDRESS gave none}"
}

keys() {
  line "ssh host key" "$(sed -n 's/^Fingerprint: //p' $HOST_KEY.text) (ED25519)"
  line "ssh keys" "$(cat /root/.ssh/authorized_keys 2>/dev/null | wc -l) for root"
}

user_data() {
  status=$(first_line $KEPT/user-data.status)
  if [ -z "$status" ]; then
    line "user data" none
  elif [ -e $RUN/user-data-ran ]; then
    line "user data" "ran, $status"
  else
    line "user data" "not run now: $status"
  fi
}

echo
echo "== Kilonova tiny image, Linux $(uname -r), up $(sed 's/ .*//' /proc/uptime) s"
line hostname "$(hostname)"
metadata
addresses
keys
user_data
echo "=="
