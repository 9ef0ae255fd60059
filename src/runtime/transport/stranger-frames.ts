// The one question of a stranger and its answer, as frames of a stream of their own: u32 length, then one value.
import { decodeValue, encodeValue } from './codec.ts';
import { lengthBytes } from './frame.ts';
import { TransportFault, type Message } from './port.ts';

/** Of a question or an answer. */
export const strangerBytes = 64 * 1024;

export function encodeQuestion({ type, version, body, requestId }: Message): Uint8Array {
  return framed(encodeValue([type, version, body, requestId ?? null]), type);
}

/** Throws on anything else. */
export function decodeQuestion(frame: Uint8Array): Message {
  const value = decodeValue(frame);
  const [type, version, body, requestId] = Array.isArray(value) ? (value as unknown[]) : [];
  if (typeof type !== 'string' || !Number.isSafeInteger(version))
    throw new Error('this is no question');
  const message = { type, version: version as number, body };
  return typeof requestId === 'string' ? { ...message, requestId } : message;
}

export function encodeStrangerAnswer(value: unknown): Uint8Array {
  return framed(encodeValue([true, value]), 'the answer');
}

export function encodeStrangerRefusal(text: string): Uint8Array {
  return framed(encodeValue([false, text.slice(0, 4096)]), 'the refusal');
}

/** The answer; a refusal is thrown. */
export function decodeStrangerAnswer(frame: Uint8Array): unknown {
  const value = decodeValue(frame);
  const [isAnswer, content] = Array.isArray(value) ? (value as unknown[]) : [];
  if (isAnswer === true) return content;
  throw new TransportFault(
    'refused',
    isAnswer === false && typeof content === 'string' ? content : 'this is no answer',
  );
}

function framed(value: Uint8Array, what: string): Uint8Array {
  if (value.length > strangerBytes)
    throw new TransportFault(
      'refused',
      `${what} has ${value.length} bytes, and between strangers at most ${strangerBytes} are sent`,
    );
  const frame = Buffer.allocUnsafe(lengthBytes + value.length);
  frame.writeUInt32BE(value.length, 0);
  frame.set(value, lengthBytes);
  return frame;
}
