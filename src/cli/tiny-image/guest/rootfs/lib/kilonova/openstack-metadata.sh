#!/bin/sh
# Takes what is needed out of $RUN/meta_data.json into $RUN/instance; $1 says in words where it came from.
# Exit status 1, with a message: the file isn't JSON or has no uuid.
set -u
. /lib/kilonova/state.sh

values() {
  awk -v want="$1" -f /lib/kilonova/json.awk $RUN/meta_data.json
}

id=$(values '^uuid$') || id=
if [ -z "$id" ]; then
  echo "kilonova: meta_data.json of the $1 has no uuid"
  exit 1
fi
values '^hostname$' >$RUN/instance/hostname
values '^public_keys\.' >$RUN/instance/keys
echo "$1" >$RUN/instance/source
echo "$id" >$RUN/instance/id
