#!/bin/sh
# `uevent` runs this for everything that is plugged in or out while the guest runs; the event is in the environment.
set -u
: "${ACTION=}" "${SUBSYSTEM=}" "${MODALIAS=}" "${INTERFACE=}"

[ "$ACTION" = add ] || exit 0
[ -z "$MODALIAS" ] || modprobe -bq "$MODALIAS"
[ "$SUBSYSTEM" != net ] || [ ! -e "/sys/class/net/$INTERFACE/device" ] || /lib/kilonova/network.sh add "$INTERFACE"
exit 0
