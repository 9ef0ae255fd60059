// libvirt connection URIs: which socket to open and which driver name to ask for there. Everything that is not
// supported is refused in words; nothing is guessed. Opens nothing itself.

import { HypervisorFault } from '../../port.ts';

export interface TlsFiles {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

export type Target =
  /** The first path that answers is used. */
  | { readonly transport: 'unix'; readonly paths: readonly string[] }
  | { readonly transport: 'tcp'; readonly host: string; readonly port: number }
  | {
      readonly transport: 'tls';
      readonly host: string;
      readonly port: number;
      readonly files: TlsFiles;
    };

export interface LibvirtUri {
  readonly target: Target;
  /** What the daemon is asked to open: the URI without transport, host and options. */
  readonly driverName: string;
}

/** The monolithic daemon's socket, and that of newer distributions' modular QEMU daemon: the same protocol. */
export const SYSTEM_SOCKETS = ['/run/libvirt/libvirt-sock', '/run/libvirt/virtqemud-sock'] as const;

const TCP_PORT = 16_509;
const TLS_PORT = 16_514;

const SYSTEM_TLS_FILES: TlsFiles = {
  ca: '/etc/pki/CA/cacert.pem',
  certificate: '/etc/pki/libvirt/clientcert.pem',
  key: '/etc/pki/libvirt/private/clientkey.pem',
};

/**
 * Reads `qemu:///system`, `qemu+unix:///system?socket=PATH`, `qemu+tcp://HOST[:PORT]/system` and
 * `qemu+tls://HOST[:PORT]/system[?pkipath=DIRECTORY]`. Throws HypervisorFault unsupported, saying what is wrong.
 */
export function parseLibvirtUri(uri: string): LibvirtUri {
  const refuse = (why: string): never => {
    throw new HypervisorFault('unsupported', `libvirt URI ${JSON.stringify(uri)}: ${why}`);
  };
  const url = URL.canParse(uri) ? new URL(uri) : refuse('it is not a URI');
  const [driver, namedTransport] = url.protocol.slice(0, -1).split('+');
  if (driver !== 'qemu') refuse(`only the qemu driver is supported, not ${driver ?? 'none'}`);
  if (url.pathname === '/session') {
    refuse('session daemons are not supported; use qemu:///system');
  }
  if (url.pathname !== '/system') refuse(`the path must be /system, not ${url.pathname}`);
  if (url.username !== '' || url.password !== '') refuse('a user name is not supported');
  const options = new Map(url.searchParams);
  const transport = namedTransport ?? (url.hostname === '' ? 'unix' : 'tls');
  const allow = (...names: string[]): void => {
    const unknown = [...options.keys()].filter((name) => !names.includes(name));
    if (unknown.length > 0) refuse(`option ${unknown.join(', ')} is not supported`);
  };
  const host = (): string =>
    url.hostname === ''
      ? refuse(`transport ${transport} needs a host`)
      : url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = (standard: number): number => (url.port === '' ? standard : Number(url.port));

  switch (transport) {
    case 'unix':
      if (url.host !== '') refuse('transport unix takes no host; use tcp or tls');
      allow('socket');
      return { target: unixTarget(options.get('socket'), refuse), driverName: 'qemu:///system' };
    case 'tcp':
      allow();
      return {
        target: { transport, host: host(), port: port(TCP_PORT) },
        driverName: 'qemu:///system',
      };
    case 'tls':
      allow('pkipath');
      return {
        target: {
          transport,
          host: host(),
          port: port(TLS_PORT),
          files: tlsFiles(options.get('pkipath'), refuse),
        },
        driverName: 'qemu:///system',
      };
    default:
      return refuse(`transport ${transport} is not supported; use unix, tcp or tls`);
  }
}

function unixTarget(socket: string | undefined, refuse: (why: string) => never): Target {
  if (socket === undefined) return { transport: 'unix', paths: SYSTEM_SOCKETS };
  if (!socket.startsWith('/')) refuse(`socket ${JSON.stringify(socket)} is no absolute path`);
  return { transport: 'unix', paths: [socket] };
}

function tlsFiles(pkipath: string | undefined, refuse: (why: string) => never): TlsFiles {
  if (pkipath === undefined) return SYSTEM_TLS_FILES;
  if (!pkipath.startsWith('/')) refuse(`pkipath ${JSON.stringify(pkipath)} is no absolute path`);
  return {
    ca: `${pkipath}/cacert.pem`,
    certificate: `${pkipath}/clientcert.pem`,
    key: `${pkipath}/clientkey.pem`,
  };
}
