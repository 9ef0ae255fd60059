// Opens the byte stream to a libvirt daemon: unix socket, TCP or TLS. After the TLS handshake the daemon sends one
// byte, 0x01, when it accepts our certificate, or closes; nothing may be sent before that byte came.

import { readFile } from 'node:fs/promises';
import { connect as connectNet } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { HypervisorFault } from '../../port.ts';
import type { HypervisorEnv } from '../../port.ts';
import type { Target, TlsFiles } from './uri.ts';

const TLS_ACCEPTED = 0x01;

/** Rejects with HypervisorFault connection-lost, naming the address and the cause. */
export async function openSocket(
  target: Target,
  env: HypervisorEnv,
  timeoutMs: number,
): Promise<Socket> {
  switch (target.transport) {
    case 'unix':
      return openFirst(target.paths, env, timeoutMs);
    case 'tcp': {
      const { host, port } = target;
      const socket = connectNet({ host, port, noDelay: true });
      return untilReady(socket, { event: 'connect', address: `${host}:${port}`, env, timeoutMs });
    }
    case 'tls': {
      const { host, port } = target;
      const address = `${host}:${port} (TLS)`;
      const certificates = await readCertificates(target.files);
      const socket = connectTls({ host, port, ...certificates });
      socket.setNoDelay(true);
      return untilReady(socket, { event: 'secureConnect', address, env, timeoutMs });
    }
    default:
      return unreachable(target);
  }
}

async function openFirst(
  paths: readonly string[],
  env: HypervisorEnv,
  timeoutMs: number,
): Promise<Socket> {
  const faults: HypervisorFault[] = [];
  for (const path of paths) {
    try {
      return await untilReady(connectNet({ path }), {
        event: 'connect',
        address: path,
        env,
        timeoutMs,
      });
    } catch (error) {
      if (!(error instanceof HypervisorFault)) throw error;
      faults.push(error);
    }
  }
  throw lost(faults.map((fault) => fault.message).join('; '), faults[0]);
}

async function readCertificates(
  files: TlsFiles,
): Promise<{ ca: Buffer; cert: Buffer; key: Buffer }> {
  try {
    const [ca, cert, key] = await Promise.all([
      readFile(files.ca),
      readFile(files.certificate),
      readFile(files.key),
    ]);
    return { ca, cert, key };
  } catch (error) {
    throw lost(`TLS certificates cannot be read: ${(error as Error).message}`, error);
  }
}

interface Readiness {
  readonly event: 'connect' | 'secureConnect';
  readonly address: string;
  readonly env: HypervisorEnv;
  readonly timeoutMs: number;
}

/** Resolves with a paused socket that has no listeners of ours left. */
function untilReady(socket: Socket, readiness: Readiness): Promise<Socket> {
  const { event, address, env, timeoutMs } = readiness;
  return new Promise((resolve, reject) => {
    let stage = 'no connection';
    const settle = (fault?: HypervisorFault): void => {
      cancelTimer();
      socket.off(event, onReady).off('data', onData).off('error', onError).off('close', onClose);
      if (fault === undefined) {
        socket.pause();
        resolve(socket);
        return;
      }
      // A destroyed socket may still report an error, which must not become an uncaught exception.
      socket.on('error', () => undefined);
      socket.destroy();
      reject(fault);
    };
    const cancelTimer = env.timers.after(timeoutMs, () =>
      settle(lost(`${address}: ${stage} within ${timeoutMs} ms`)),
    );
    const onReady = (): void => {
      if (event === 'connect') {
        settle();
        return;
      }
      stage = 'the daemon did not accept our certificate';
      socket.on('data', onData);
    };
    const onData = (data: Buffer): void => {
      if (data[0] !== TLS_ACCEPTED) {
        settle(lost(`${address}: the daemon refused our certificate`));
        return;
      }
      settle();
      if (data.length > 1) socket.unshift(data.subarray(1));
    };
    const onError = (error: Error): void => settle(lost(`${address}: ${error.message}`, error));
    const onClose = (): void => settle(lost(`${address}: closed by the daemon; ${stage}`));
    socket.on(event, onReady).on('error', onError).on('close', onClose);
  });
}

function unreachable(target: never): never {
  throw new Error(`unreachable: ${JSON.stringify(target)}`);
}

function lost(message: string, cause?: unknown): HypervisorFault {
  return new HypervisorFault('connection-lost', message, { retryable: true, cause });
}
