// The name of a port's device on the host, as OpenStack has always named it. At most 15 characters fit (IFNAMSIZ).

export function tapName(portId: string): string {
  return `tap${portId.slice(0, 11)}`;
}
