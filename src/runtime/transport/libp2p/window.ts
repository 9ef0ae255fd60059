// libp2p's yamux gives back what was read of a stream's window after every message: a frame, two encryptions and a system
// call on each side for nothing. The window is given back in halves here, as the yamux specification advises.
import type { Stream } from '@libp2p/interface';

/** The parts of a yamux stream that this is about; what stands at them is checked, since no type promises them. */
interface Windowed {
  readonly state: number;
  readonly recvWindow: number;
  readonly recvWindowCapacity: number;
  sendWindowUpdate(): void;
}

/** yamux's number for a stream that is open at both sides; in other states the update carries flags that are needed. */
const established = 3;

/** False: not a stream of the yamux that is known, and left as it is. */
export function giveWindowInHalves(stream: Stream): boolean {
  const found: unknown = stream;
  if (!isWindowed(found)) return false;
  const update = found.sendWindowUpdate.bind(found);
  found.sendWindowUpdate = () => {
    const isHalfFull = found.recvWindowCapacity > found.recvWindow / 2;
    if (found.state !== established || !isHalfFull) update();
  };
  return true;
}

function isWindowed(stream: unknown): stream is Windowed {
  const found = stream as Partial<Windowed>;
  return (
    typeof found.sendWindowUpdate === 'function' &&
    typeof found.state === 'number' &&
    typeof found.recvWindow === 'number' &&
    typeof found.recvWindowCapacity === 'number'
  );
}
