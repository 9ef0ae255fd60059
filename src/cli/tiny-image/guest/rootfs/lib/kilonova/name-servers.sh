#!/bin/sh
# Writes /etc/resolv.conf (a link into /run) from the name servers of all interfaces. The resolver reads three.
set -u
. /lib/kilonova/state.sh

cat "$RUN"/dns.* 2>/dev/null | awk '!seen[$0]++ { print "nameserver " $0 }' | head -n 3 >"$RUN/resolv.conf.new.$$"
mv "$RUN/resolv.conf.new.$$" /run/resolv.conf
