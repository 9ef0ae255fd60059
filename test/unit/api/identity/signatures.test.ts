// Signatures and one-time passwords against the examples of those who defined them, and of another implementation.
import { describe, expect, it } from 'vitest';
import {
  isSignedWith,
  readSignedRequest,
  signatureOf,
} from '#api/identity/credentials/ec2-signature.ts';
import {
  isSignedBy,
  oauthSignature,
  readOauthHeader,
} from '#api/identity/delegation/oauth-signature.ts';
import { totpAt } from '#api/identity/proofs/totp.ts';

describe('a request in EC2’s form', () => {
  const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';

  it('of version 2 is signed as AWS describes it', () => {
    const request = readSignedRequest({
      verb: 'GET',
      host: 'elasticmapreduce.amazonaws.com',
      path: '/',
      params: {
        AWSAccessKeyId: 'AKIAIOSFODNN7EXAMPLE',
        Action: 'DescribeJobFlows',
        SignatureMethod: 'HmacSHA256',
        SignatureVersion: 2,
        Timestamp: '2011-10-03T15:19:30',
        Version: '2009-03-31',
      },
    });
    expect(signatureOf('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', request)).toBe(
      'i91nKc4PWAt0JJIdXwz9HxZCJDdiy6cf/Mj6vPxyYIs=',
    );
  });

  it('of version 4 is signed as AWS describes it', () => {
    const request = readSignedRequest({
      verb: 'GET',
      host: 'iam.amazonaws.com',
      path: '/',
      params: { Action: 'ListUsers', Version: '2010-05-08' },
      headers: {
        'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8',
        Host: 'iam.amazonaws.com',
        'X-Amz-Date': '20150830T123600Z',
        Authorization:
          'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=x',
      },
      body_hash: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    });
    expect(signatureOf(secret, request)).toBe(
      '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    );
  });

  it('may be signed without the port of its host', () => {
    const body = { verb: 'GET', host: 'h', path: '/', params: { SignatureVersion: '2' } };
    const signature = signatureOf(secret, readSignedRequest(body)) ?? '';
    const asked = readSignedRequest({ ...body, host: 'h:8788' });
    expect(isSignedWith(secret, asked, signature)).toBe(true);
    expect(isSignedWith('other', asked, signature)).toBe(false);
  });

  it.each([
    ['of no known version', { params: { SignatureVersion: '0' } }],
    ['with nothing in it', {}],
    ['with strange parts', { params: 'x', headers: [1], verb: 5 }],
  ])('%s is signed by no one', (_what, body) => {
    const request = readSignedRequest(body);
    expect(signatureOf(secret, request)).toBe(undefined);
    expect(isSignedWith(secret, request, '')).toBe(false);
  });
});

describe('a request of OAuth', () => {
  const request = {
    method: 'POST',
    url: 'https://api.example.com/1.1/update.json?include_entities=true&status=Hello%20Ladies%20%2B%20Gentlemen%2C%20a%20signed%20OAuth%20request%21',
    params: {
      realm: 'left out',
      oauth_consumer_key: 'key',
      oauth_nonce: 'kYjzVBB8Y0ZF',
      oauth_signature_method: 'HMAC-SHA1',
      oauth_timestamp: '1318622958',
      oauth_token: '370773112-Gm',
      oauth_version: '1.0',
    },
  };
  const consumer = 'kAcSOqF21Fu85';
  const token = 'LswwdoUaIvS8';

  it('is signed as oauthlib signs it', () => {
    const signature = oauthSignature(request, consumer, token)?.toString('base64') ?? '';
    expect(signature).toBe('Tu3RZM5sr//ptBWAtgArNuvu3B0=');
    const signed = { ...request, params: { ...request.params, oauth_signature: signature } };
    expect(isSignedBy(signed, consumer, token)).toBe(true);
    expect(isSignedBy({ ...signed, method: 'GET' }, consumer, token)).toBe(false);
    expect(isSignedBy(request, consumer, token)).toBe(false);
  });

  it('by a method that is not known is signed by no one', () => {
    const params = { ...request.params, oauth_signature_method: 'PLAINTEXT' };
    expect(oauthSignature({ ...request, params }, consumer, token)).toBe(undefined);
  });

  it('has its parameters in the Authorization header', () => {
    const header =
      'OAuth realm="", oauth_token="a%20b", oauth_signature="x%2By%3D", oauth_nonce="%zz"';
    expect(readOauthHeader(header)).toEqual({
      realm: '',
      oauth_token: 'a b',
      oauth_signature: 'x+y=',
      oauth_nonce: '%zz',
    });
    expect(readOauthHeader('Basic abc')).toBe(undefined);
  });
});

it('one-time passwords are those of RFC 6238', () => {
  const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
  expect([1, 0x23_523_ec, 0x27_bc_86_aa].map((step) => totpAt(secret, step))).toEqual([
    '287082',
    '081804',
    '353130',
  ]);
});
