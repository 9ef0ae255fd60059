// A TCP proxy that can be told to misbehave: to change bytes, to send them twice, to stop reading, to cut all. Tests put
// it between two members.
import { createConnection, createServer, type Socket } from 'node:net';
import { once } from 'node:events';

export interface TcpProxy {
  readonly port: number;
  /** Bytes that went from those who connected to the target. */
  readonly forwarded: number;
  /** Changes what goes from those who connected to the target; given the chunk and its number in its connection. */
  setTamper(tamper: (chunk: Buffer, index: number) => Buffer): void;
  /** Stops reading on all connections, so that the sender's buffers fill. */
  pause(): void;
  resume(): void;
  cutAll(): void;
  close(): Promise<void>;
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let tamper = (chunk: Buffer, _index: number): Buffer => chunk;
  let forwarded = 0;
  let isPaused = false;
  const server = createServer((client) => {
    const target = createConnection(targetPort, '127.0.0.1');
    let index = 0;
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      if (isPaused) from.pause();
      from.on('data', (chunk: Buffer) => {
        const bytes = from === client ? tamper(chunk, index++) : chunk;
        if (from === client) forwarded += bytes.length;
        if (to.writable && !to.write(bytes)) {
          from.pause();
          to.once('drain', () => {
            if (!isPaused) from.resume();
          });
        }
      });
      // Either end closes the other; why does not matter here.
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  const cutAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    get forwarded() {
      return forwarded;
    },
    setTamper: (change) => {
      tamper = change;
    },
    pause: () => {
      isPaused = true;
      for (const socket of sockets) socket.pause();
    },
    resume: () => {
      isPaused = false;
      for (const socket of sockets) socket.resume();
    },
    cutAll,
    close: async () => {
      cutAll();
      server.close();
      await once(server, 'close');
    },
  };
}
