#!/bin/sh
# Everything between the kernel and the login prompt, once a boot, in the order a reader would guess.
# What takes waiting (DHCP, drivers, the host key) runs side by side; every wait has a bound.
# Described in docs/tiny-image.md.
set -u
. /lib/kilonova/state.sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root

mount_filesystems() {
  mount -t proc proc /proc
  mount -t sysfs sysfs /sys
  mkdir -p /dev/pts /dev/shm $RUN/instance $KEPT
  mount -t devpts -o gid=5,mode=620 devpts /dev/pts
  mount -t tmpfs -o size=50% tmpfs /dev/shm
  mount -t tmpfs -o size=50% tmpfs /tmp
}

# Loads the driver of every device that is there; the same aliases serve what is plugged in later.
load_drivers() {
  modprobe -abq button evdev
  cat /sys/bus/*/devices/*/modalias 2>/dev/null | sort -u | xargs modprobe -abq 2>/dev/null
  await_drivers
  # The disk and CD drivers hang on what the controllers' drivers just found.
  cat /sys/bus/scsi/devices/*/modalias 2>/dev/null | sort -u | xargs -r modprobe -abq 2>/dev/null
}

# A controller's driver counts as loading until it has looked at its cables; the initramfs started some. At most 5 s.
await_drivers() {
  tries=100
  while grep -q ' Loading ' /proc/modules && [ $tries -gt 0 ]; do
    tries=$((tries - 1))
    usleep 50000
  done
}

find_metadata() {
  /lib/kilonova/config-drive.sh && return
  /lib/kilonova/network.sh wait-any
  /lib/kilonova/metadata-service.sh
}

start_services() {
  acpid
  dropbear -s -r $HOST_KEY -P /run/dropbear.pid
  uevent /lib/kilonova/hotplug.sh >/dev/null 2>&1 &
}

# The initramfs left a mark if it made the partition longer; growing is online and needs no hurry.
grow_root() {
  [ -e /run/root-grown ] || return 0
  resize2fs "$(sed -n 's|^\(/dev/[^ ]*\) / .*|\1|p' /proc/mounts)" >/var/log/resize2fs.log 2>&1 ||
    echo "kilonova: the root file system could not grow, see /var/log/resize2fs.log"
}

mount_filesystems
ip link set lo up
modprobe -abq virtio_net
/lib/kilonova/network.sh start
/lib/kilonova/host-key.sh ensure &
host_key_job=$!
load_drivers
find_metadata
wait $host_key_job
/lib/kilonova/instance.sh
start_services
/lib/kilonova/network.sh wait-all
/lib/kilonova/user-data.sh
/lib/kilonova/banner.sh
grow_root &
