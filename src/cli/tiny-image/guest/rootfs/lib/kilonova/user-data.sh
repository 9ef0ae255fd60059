#!/bin/sh
# Runs the user data once for each instance, if it is a script; its output goes to the console and /var/log.
# Waits 5 s for its end; a script that takes longer goes on beside the login prompt.
set -u
. /lib/kilonova/state.sh

SCRIPT=$KEPT/user-data
STATUS=$KEPT/user-data.status
LOG=/var/log/user-data.log
LIMIT=500

# What the data is, as far as this image cares: script, or words for the banner.
kind_of() {
  case $(head -c 2 "$1" | xxd -p) in
    2321) echo script ;;
    1f8b) echo "unsupported: compressed" ;;
    *) echo "unsupported: $(head -n 1 "$1" | tr -cd ' -~' | cut -c 1-40)" ;;
  esac
}

# The mark comes first: a script that restarts the guest must not run again.
run() {
  echo "still running" >$STATUS
  chmod 700 $SCRIPT
  sync
  {
    (cd / && $SCRIPT)
    echo "exit status $?" >$STATUS.new
    mv $STATUS.new $STATUS
  } 2>&1 </dev/null | tee $LOG >/dev/console &
}

wait_for_end() {
  limit=$(($(uptime_hundredths) + LIMIT))
  while [ "$(first_line $STATUS)" = "still running" ] && [ "$(uptime_hundredths)" -lt $limit ]; do
    usleep 50000
  done
}

[ -s $SCRIPT ] || exit 0
if [ -e $STATUS ]; then
  [ "$(first_line $STATUS)" != "still running" ] || echo "was cut short by a restart" >$STATUS
  exit 0
fi
kind=$(kind_of $SCRIPT)
if [ "$kind" = script ]; then
  run
  wait_for_end
  echo "this boot" >$RUN/user-data-ran
else
  echo "$kind" >$STATUS
fi
