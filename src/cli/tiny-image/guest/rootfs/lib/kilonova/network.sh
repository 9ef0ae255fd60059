#!/bin/sh
# Brings interfaces up.
#   start            asks for an address on every interface, in the background
#   add NIC          the same for one that was plugged in
#   static FILE      applies the fixed addresses of a network_data.json instead (config drive only)
#   wait-any         returns once one interface is configured, or all have failed; at most 12 s
#   wait-all         returns once all are configured or have failed; at most 3 s
set -u
. /lib/kilonova/state.sh

nics() {
  for path in /sys/class/net/*; do
    [ -e "$path/device" ] && echo "${path##*/}"
  done
}

nic_of_mac() {
  for nic in $(nics); do
    [ "$(cat "/sys/class/net/$nic/address")" = "$1" ] && echo "$nic" && return
  done
}

# udhcpc asks once a second, goes to the background with its first lease or after the tenth question, and goes on asking.
add() {
  ip link set "$1" up
  (
    udhcpc -b -i "$1" -p "$RUN/udhcpc.$1.pid" -s /lib/kilonova/dhcp-event.sh \
      -t 10 -T 1 -A 20 -O staticroutes -O mtu >/dev/null 2>&1
    [ -e "$RUN/nic.$1" ] || : >"$RUN/failed.$1"
  ) &
}

start() {
  for nic in $(nics); do
    add "$nic"
  done
}

# udhcpc ends only once its script has: nothing changes the interface behind our back after that.
stop_dhcp() {
  pid=$(first_line "$RUN/udhcpc.$1.pid")
  tries=100
  while [ -n "$pid" ] && kill "$pid" 2>/dev/null && [ $tries -gt 0 ]; do
    tries=$((tries - 1))
    usleep 20000
  done
  rm -f "$RUN/nic.$1" "$RUN/dhcp.$1" "$RUN/dns.$1"
  ip -4 addr flush dev "$1"
}

# Reads the lines of network-data.awk: KIND MAC VALUE [GATEWAY].
apply_static() {
  while read -r kind mac value gateway; do
    nic=$(nic_of_mac "$mac")
    [ -n "$nic" ] || continue
    case $kind in
      fixed) stop_dhcp "$nic" ;;
      mtu) ip link set "$nic" mtu "$value" ;;
      address) ip addr add "$value" dev "$nic" && echo "config drive" >"$RUN/nic.$nic" ;;
      route) ip route replace "$value" via "$gateway" dev "$nic" ;;
      dns) echo "$value" >>"$RUN/dns.$nic" ;;
    esac
  done
  /lib/kilonova/name-servers.sh
}

# True when every interface (all) or at least one (any) is settled.
settled() {
  open=0
  for nic in $(nics); do
    if [ -e "$RUN/nic.$nic" ]; then
      [ "$1" = any ] && return 0
    elif [ ! -e "$RUN/failed.$nic" ]; then
      open=$((open + 1))
    fi
  done
  [ "$open" -eq 0 ]
}

wait_settled() {
  limit=$(($(uptime_hundredths) + $2))
  until settled "$1"; do
    [ "$(uptime_hundredths)" -lt "$limit" ] || return 0
    usleep 50000
  done
}

case $1 in
  start) start ;;
  add) add "$2" ;;
  static) awk -f /lib/kilonova/json.awk "$2" | awk -F '\t' -f /lib/kilonova/network-data.awk | apply_static ;;
  wait-any) wait_settled any 1200 ;;
  wait-all) wait_settled all 300 ;;
esac
