// What a rebuild changes of a server: the image, and whatever else is named. Pure.
import { type Static, Type } from 'typebox';
import { serverImageSchema, serverKeySchema, type ServerRequest } from '../domain/server.ts';

const text = Type.String();

/** What is not there stays as it is; `null` takes it away. */
export const rebuildSchema = Type.Object({
  image: serverImageSchema,
  /** Whether the ephemeral disks and the swap disk are kept. */
  preserveEphemeral: Type.Boolean(),
  name: Type.Optional(text),
  hostname: Type.Optional(text),
  description: Type.Optional(Type.Union([text, Type.Null()])),
  metadata: Type.Optional(Type.Record(Type.String(), text)),
  key: Type.Optional(Type.Union([serverKeySchema, Type.Null()])),
  userData: Type.Optional(Type.Union([text, Type.Null()])),
  personality: Type.Optional(Type.Array(Type.Object({ path: text, contents: text }))),
  accessIPv4: Type.Optional(text),
  accessIPv6: Type.Optional(text),
  diskConfig: Type.Optional(Type.Union([Type.Literal('AUTO'), Type.Literal('MANUAL')])),
  adminPass: Type.Optional(text),
  trustedCertificates: Type.Optional(Type.Union([Type.Array(text), Type.Null()])),
});
export type Rebuild = Static<typeof rebuildSchema>;

/** What the server is asked to be from the start of a rebuild on. */
export function rebuiltRequest(request: ServerRequest, rebuild: Rebuild): ServerRequest {
  const { preserveEphemeral: _, ...changes } = rebuild;
  const known = Object.entries(changes).map(([name, value]) => [name, value ?? undefined] as const);
  return { ...request, ...Object.fromEntries(known) };
}
