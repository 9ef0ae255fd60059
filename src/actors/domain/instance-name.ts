// The name of a server's domain on its host (Nova's instance_name_template). Pure.

/** `instance-` and the first 12 hex digits of the server's id. */
export function instanceName(serverId: string): string {
  return `instance-${serverId.replaceAll('-', '').slice(0, 12)}`;
}
