# Turns the lines of json.awk for a network_data.json into what network.sh does, for fixed addresses only:
#   fixed MAC | mtu MAC N | address MAC ADDRESS/PREFIX | route MAC NETWORK/PREFIX GATEWAY | dns MAC ADDRESS
# Networks of a type other than ipv4 and ipv6 (ipv4_dhcp, ipv6_slaac, …) are left to DHCP and the kernel.

{ data[$1] = $2 }

function prefix_of_group(group,    bits) {
  # A group of a netmask is ones, then zeros: each doubling drops one.
  for (bits = 0; group % 2 == 0 && bits < width; bits++) group /= 2
  return width - bits
}

# 24, 255.255.255.0 and ffff:ffff:: are all understood.
function prefix_length(mask,    i, n, parts, bits) {
  if (mask ~ /^\/?[0-9]+$/) return mask ~ /^\// ? substr(mask, 2) : mask
  if (mask ~ /:/) {
    mask = tolower(mask)
    gsub(/[^0-9a-f]/, "", mask)
    for (i = 1; i <= length(mask); i++) bits += ones[substr(mask, i, 1)]
    return bits + 0
  }
  n = split(mask, parts, ".")
  width = 8
  for (i = 1; i <= n; i++) if (parts[i] > 0) bits += prefix_of_group(parts[i] + 0)
  return bits + 0
}

function mac_of(link,    i) {
  for (i = 0; ("links." i ".id") in data; i++)
    if (data["links." i ".id"] == link) return tolower(data["links." i ".ethernet_mac_address"])
  return ""
}

function link_mtu(link,    i) {
  for (i = 0; ("links." i ".id") in data; i++)
    if (data["links." i ".id"] == link) return data["links." i ".mtu"]
  return ""
}

function cidr(address, mask) {
  return address ~ /\// ? address : address "/" prefix_length(mask)
}

function report_network(at, mac,    i, route) {
  if (!(mac in seen)) {
    seen[mac] = 1
    print "fixed", mac
    if (link_mtu(data[at ".link"]) != "") print "mtu", mac, link_mtu(data[at ".link"])
  }
  print "address", mac, cidr(data[at ".ip_address"], data[at ".netmask"])
  for (i = 0; (route = at ".routes." i) ".network" in data; i++)
    print "route", mac, cidr(data[route ".network"], data[route ".netmask"]), data[route ".gateway"]
  for (i = 0; (at ".services." i ".address") in data; i++) print "dns", mac, data[at ".services." i ".address"]
}

BEGIN { ones["8"] = 1; ones["c"] = 2; ones["e"] = 3; ones["f"] = 4 }

END {
  for (n = 0; ("networks." n ".type") in data; n++) {
    at = "networks." n
    if (data[at ".type"] !~ /^ipv[46]$/ || mac_of(data[at ".link"]) == "") continue
    report_network(at, mac_of(data[at ".link"]))
    first = first == "" ? mac_of(data[at ".link"]) : first
  }
  for (n = 0; first != "" && ("services." n ".address") in data; n++) print "dns", first, data["services." n ".address"]
}
