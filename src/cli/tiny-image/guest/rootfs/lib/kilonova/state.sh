# Sourced by the other scripts: where they keep what they know, and how they tell time.
# It must only define; sourcing it does nothing.
#
# RUN, lost at every boot:
#   instance/{id,hostname,keys,user-data,source}  what the metadata said, whatever its form was
#   nic.<nic>                                     how the interface got its address: "DHCP" or "config drive"
#   dhcp.<nic>, dns.<nic>                         the lease as it was applied; name servers, one a line
# KEPT, on the root disk:
#   instance-id   the instance that this disk was last set up for
#   hostname      its name, for boots without metadata
#   user-data     its user data; user-data.status: "exit status N" once it ended
RUN=/run/kilonova
KEPT=/var/lib/kilonova
HOST_KEY=/etc/dropbear/dropbear_ed25519_host_key
METADATA_ADDRESS=169.254.169.254

# Time since the kernel started, in hundredths of a second.
uptime_hundredths() {
  read -r seconds _ </proc/uptime
  # 12.34 → 1234; the leading 1 keeps 0.08 from being read as octal.
  seconds=1${seconds%.*}${seconds#*.}
  echo $((seconds - 10 ** (${#seconds} - 1)))
}

# The file's first line, or nothing.
first_line() {
  line=
  [ -r "$1" ] && read -r line <"$1"
  echo "$line"
}
