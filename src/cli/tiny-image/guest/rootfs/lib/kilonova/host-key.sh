#!/bin/sh
# Makes the ssh host key: `ensure` keeps one that exists, `renew` never does (a disk copied to another instance).
# Only ed25519, which an emulated CPU makes in milliseconds.
set -u
. /lib/kilonova/state.sh

make_key() {
  mkdir -p "${HOST_KEY%/*}"
  rm -f $HOST_KEY $HOST_KEY.text
  # Says the public key and its fingerprint on the way; the banner reads them from the file.
  dropbearkey -t ed25519 -f $HOST_KEY >$HOST_KEY.text.new 2>/dev/null &&
    mv $HOST_KEY.text.new $HOST_KEY.text
}

case $1 in
  ensure) [ -s $HOST_KEY ] && [ -s $HOST_KEY.text ] || make_key ;;
  renew) make_key ;;
esac
