#!/bin/sh
# Makes this guest the instance that the metadata describes: name, ssh keys, and what comes with a new instance id.
# Keys are set once for an instance, so that what a user changes stays changed. Without metadata: as it was last.
set -u
. /lib/kilonova/state.sh

set_hostname() {
  name=$(first_line $RUN/instance/hostname)
  [ -n "$name" ] || name=$(first_line $KEPT/hostname)
  name=$(echo "$name" | tr -cd 'A-Za-z0-9.-')
  name=${name:-tiny}
  echo "$name" >$KEPT/hostname
  hostname "${name%%.*}"
  sed -i '/^127\.0\.1\.1 /d' /etc/hosts
  echo "127.0.1.1 $name ${name%%.*}" >>/etc/hosts
}

# A public key is a line with at least two words; a key's comment may hold anything but a line's end.
set_keys() {
  mkdir -p /root/.ssh
  chmod 700 /root/.ssh
  [ -e $RUN/instance/keys ] || : >$RUN/instance/keys
  tr -d '\r' <$RUN/instance/keys | awk 'NF >= 2 && !seen[$0]++' >/root/.ssh/authorized_keys
  chmod 600 /root/.ssh/authorized_keys
}

begin_instance() {
  [ -z "$(first_line $KEPT/instance-id)" ] || /lib/kilonova/host-key.sh renew
  set_keys
  rm -f $KEPT/user-data $KEPT/user-data.status
  [ ! -e $RUN/instance/user-data ] || mv $RUN/instance/user-data $KEPT/user-data
  sync
  first_line $RUN/instance/id >$KEPT/instance-id
}

set_hostname
id=$(first_line $RUN/instance/id)
[ -z "$id" ] || [ "$id" = "$(first_line $KEPT/instance-id)" ] || begin_instance
