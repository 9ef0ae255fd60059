#!/bin/sh
# Takes the metadata from the service at 169.254.169.254: the openstack tree, or the ec2 tree if that isn't there.
# Asks every 0.2 s for 15 s. Exit status 0: found. No interface with an address: gives up at once.
set -u
. /lib/kilonova/state.sh

SERVICE=http://$METADATA_ADDRESS
OPENSTACK=openstack/latest
EC2=2009-04-04
LIMIT=1500

# Fetches PATH into FILE. 0: there; 1: the service says that there is none (404, 403); 2: no usable answer.
fetch() {
  timeout 3 wget -q -O "$2.part" "$SERVICE/$1" 2>$RUN/fetch.error && mv "$2.part" "$2" && return 0
  rm -f "$2.part"
  grep -q 'HTTP/1.[01] 40[34]' $RUN/fetch.error && return 1
  return 2
}

# Hosts on an isolated network answer for the address on the link itself.
ensure_route() {
  ip route get $METADATA_ADDRESS >/dev/null 2>&1 && return 0
  for settled in "$RUN"/nic.*; do
    [ -e "$settled" ] || return 1
    ip route add $METADATA_ADDRESS dev "${settled##*/nic.}" && return 0
  done
}

openstack_tree() {
  fetch $OPENSTACK/meta_data.json $RUN/meta_data.json || return
  /lib/kilonova/openstack-metadata.sh "$SERVICE/$OPENSTACK" || exit 1
  fetch_user_data $OPENSTACK/user_data
}

# The index says "0=name", one line for each key.
ec2_keys() {
  fetch $EC2/meta-data/public-keys/ $RUN/key-index || return 0
  : >$RUN/instance/keys
  for entry in $(sed 's/=.*//' $RUN/key-index); do
    fetch "$EC2/meta-data/public-keys/$entry/openssh-key" $RUN/key && { cat $RUN/key; echo; } >>$RUN/instance/keys
  done
}

ec2_tree() {
  fetch $EC2/meta-data/instance-id $RUN/ec2-id || return
  fetch $EC2/meta-data/local-hostname $RUN/instance/hostname
  ec2_keys
  fetch_user_data $EC2/user-data
  echo "$SERVICE/$EC2" >$RUN/instance/source
  first_line $RUN/ec2-id >$RUN/instance/id
}

# A service that answered once may still fail: without certainty the script must not count as absent.
fetch_user_data() {
  tries=10
  while [ $tries -gt 0 ]; do
    fetch "$1" $RUN/instance/user-data
    [ $? -ne 2 ] && return 0
    tries=$((tries - 1))
    usleep 200000
  done
  echo "kilonova: $SERVICE/$1 gave no answer: $(first_line $RUN/fetch.error)"
}

ensure_route || exit 1
limit=$(($(uptime_hundredths) + LIMIT))
while [ "$(uptime_hundredths)" -lt $limit ]; do
  openstack_tree && exit 0
  [ $? -eq 1 ] && ec2_tree && exit 0
  usleep 200000
done
exit 1
