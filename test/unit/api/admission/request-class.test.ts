// What admission control takes a request for.
import { expect, it } from 'vitest';
import { classOf } from '#api/admission/request-class.ts';

it.each([
  ['GET', '/', 'free'],
  ['GET', '/compute', 'free'],
  ['GET', '/compute/', 'free'],
  ['HEAD', '/compute/v2.1/', 'free'],
  ['GET', '/identity/v3', 'free'],
  ['GET', '/image/versions', 'free'],
  ['GET', '/network/v2.0?x=1', 'free'],
  ['POST', '/compute', 'write'],
  ['GET', '/compute/v2.1/servers', 'read'],
  ['HEAD', '/image/v2/images/17', 'read'],
  ['GET', '/compute/v2.1/servers/detail?limit=3', 'read'],
  ['POST', '/identity/v3/auth/tokens', 'read'],
  ['DELETE', '/identity/v3/auth/tokens', 'read'],
  ['PUT', '/image/v2/images/17/file', 'transfer'],
  ['GET', '/image/v2/images/17/file', 'transfer'],
  ['GET', '/internal/images/17?host=a&expires=1', 'transfer'],
  ['PUT', '/image/v2/images/17/tags/file', 'write'],
  ['POST', '/compute/v2.1/servers', 'create'],
  ['POST', '//compute//v2/0123abcd/servers/?a=b', 'create'],
  ['GET', '/compute/v2.1/servers?name=x', 'read'],
  ['POST', '/compute/v2.1/servers/17/action', 'write'],
  ['DELETE', '/compute/v2.1/servers/17', 'write'],
  ['PATCH', '/identity/v3/users/17', 'write'],
] as const)('%s %s is of the class in the table: %s', (method, url, expected) => {
  expect(classOf(method, url)).toBe(expected);
});
