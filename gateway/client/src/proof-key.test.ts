import { calculateJwkThumbprint, decodeProtectedHeader, EmbeddedJWK, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { createProofKey } from './proof-key.ts';

describe('a proof of possession', () => {
  it('says for what it is, each once, under a key that nobody can read', async () => {
    const key = await createProofKey();
    const subject = { method: 'POST', url: 'https://a.example/graphql?x=1#y', token: 'abc' };
    const [one, other] = [await key.prove(subject), await key.prove({ ...subject, nonce: 'n' })];
    const { payload, protectedHeader } = await jwtVerify(one, EmbeddedJWK, { typ: 'dpop+jwt' });
    expect(payload).toMatchObject({
      ...{ htm: 'POST', htu: 'https://a.example/graphql' },
      // RFC 9449 section 4.2: base64url of the SHA-256 of the token.
      ath: 'ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0',
    });
    expect(Object.keys(protectedHeader.jwk ?? {}).sort()).toEqual(['crv', 'kty', 'x', 'y']);
    expect(await calculateJwkThumbprint(protectedHeader.jwk ?? {})).toBe(key.thumbprint);
    const second = (await jwtVerify(other, EmbeddedJWK)).payload;
    expect(second).toMatchObject({ nonce: 'n' });
    expect(second.jti).not.toBe(payload.jti);
    await expect(crypto.subtle.exportKey('jwk', key.pair.privateKey)).rejects.toThrow();
    const kept = await createProofKey(key.pair);
    expect(kept.thumbprint).toBe(key.thumbprint);
    expect(decodeProtectedHeader(await kept.prove({ method: 'POST', url: 'https://t' }))).toEqual({
      ...protectedHeader,
    });
  });
});
