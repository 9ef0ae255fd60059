#!/bin/sh
# udhcpc calls this with what happened ($1) and the lease in its environment (interface, ip, mask, router, …).
# A renewal that changes nothing must not touch the interface: connections live on it.
set -u
. /lib/kilonova/state.sh
: "${router=}" "${dns=}" "${mtu=}" "${staticroutes=}"

# Option 121, when it is there, replaces the router option (RFC 3442): pairs of network and gateway.
add_routes() {
  metric=$((100 + $(cat "/sys/class/net/$interface/ifindex")))
  [ -n "$staticroutes" ] || for gateway in $router; do
    staticroutes="$staticroutes 0.0.0.0/0 $gateway"
  done
  # shellcheck disable=SC2086 # the list is meant to be split
  set -- $staticroutes
  while [ $# -ge 2 ]; do
    if [ "$2" = 0.0.0.0 ]; then
      ip route replace "$1" dev "$interface" metric $metric
    else
      ip route replace "$1" via "$2" dev "$interface" metric $metric
    fi
    shift 2
  done
}

apply_lease() {
  lease="$ip/$mask mtu $mtu routes $staticroutes routers $router dns $dns"
  [ "$lease" = "$(first_line "$RUN/dhcp.$interface")" ] && return
  [ -n "$mtu" ] && ip link set "$interface" mtu "$mtu"
  ip -4 addr flush dev "$interface"
  ip addr add "$ip/$mask" brd + dev "$interface"
  add_routes
  : >"$RUN/dns.$interface"
  for server in $dns; do
    echo "$server" >>"$RUN/dns.$interface"
  done
  /lib/kilonova/name-servers.sh
  echo "$lease" >"$RUN/dhcp.$interface"
  echo DHCP >"$RUN/nic.$interface"
}

case $1 in
  deconfig)
    rm -f "$RUN/dhcp.$interface" "$RUN/nic.$interface"
    ip -4 addr flush dev "$interface"
    ip link set "$interface" up
    ;;
  bound | renew) apply_lease ;;
esac
