#!/bin/sh
# The last thing before init ends all processes: what was written reaches the disk.
set -u

sync
mount -o remount,ro / 2>/dev/null
sync
