#!/bin/sh
# Looks for a config drive (a disk or CD labelled config-2, ISO 9660 or VFAT) and takes the metadata from it.
# Exit status 0: found and read. The drive is only read, and unmounted again.
set -u
. /lib/kilonova/state.sh

MOUNT=$RUN/config-drive

# LENGTH bytes at OFFSET of DEVICE, in lower case.
bytes_at() {
  dd if="$1" bs=1 skip="$2" count="$3" 2>/dev/null | tr 'A-Z' 'a-z'
}

# The label's place: ISO 9660 volume identifier, FAT12/16 and FAT32 boot sectors.
is_config_drive() {
  for offset in 32808 43 71; do
    [ "$(bytes_at "$1" $offset 8)" = config-2 ] && return 0
  done
  return 1
}

find_drive() {
  for device in /dev/sr? /dev/vd? /dev/sd?; do
    [ -b "$device" ] && is_config_drive "$device" && echo "$device" && return 0
  done
  return 1
}

read_drive() {
  tree=$MOUNT/openstack/latest
  [ -r $tree/meta_data.json ] || return 1
  cp $tree/meta_data.json $RUN/meta_data.json
  [ -r $tree/user_data ] && cp $tree/user_data $RUN/instance/user-data
  [ -r $tree/network_data.json ] && cp $tree/network_data.json $RUN/network_data.json
  return 0
}

drive=$(find_drive) || exit 1
mkdir -p $MOUNT
if ! mount -t iso9660 -o ro "$drive" $MOUNT 2>/dev/null && ! mount -t vfat -o ro "$drive" $MOUNT 2>/dev/null; then
  echo "kilonova: the config drive $drive can't be mounted"
  exit 1
fi
read_drive
status=$?
umount $MOUNT
if [ $status -ne 0 ]; then
  echo "kilonova: the config drive $drive has no openstack/latest/meta_data.json"
  exit 1
fi
/lib/kilonova/openstack-metadata.sh "config drive $drive" || exit 1
[ ! -e $RUN/network_data.json ] || /lib/kilonova/network.sh static $RUN/network_data.json
