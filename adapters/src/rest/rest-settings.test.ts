import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRefusal } from '@stoa/schema';
import { afterAll, describe, expect, it } from 'vitest';
import { parseExactJson, textAt } from '../external/exact-json.ts';
import { parseMapping } from './mapping.ts';
import { RequestSigner } from './request-signer.ts';
import { buildRequest, jsonOf } from './request-template.ts';
import { restVenue } from './rest-venue.ts';

const folder = mkdtempSync(join(tmpdir(), 'stoa-rest-settings-'));
afterAll(() => rmSync(folder, { recursive: true }));
const PPEX = new URL('./mappings/ppex-like.json', import.meta.url);
const ACME = 'eip155:1/erc20:0x0000000000000000000000000000000000000001';

/** The shipped mapping with a change. */
function changed(change: (mapping: Record<string, Record<string, unknown>>) => void) {
  const mapping = JSON.parse(readFileSync(PPEX, 'utf8')) as Record<string, Record<string, unknown>>;
  change(mapping);
  return parseMapping(mapping);
}

function mistakes(settings: unknown): string {
  const read = restVenue.parse(settings, folder);
  return isRefusal(read) ? read.message : '';
}

describe('a mapping', () => {
  it('is one or names every mistake', () => {
    expect(changed(() => undefined)).toMatchObject({ certified: false });
    const wrong = changed((mapping) => {
      (mapping['order'] ?? {})['state'] = 'status';
      delete (mapping['order'] ?? {})['averagePrice'];
      delete mapping['polling'];
      (mapping['http'] ?? {})['timeoutMs'] = 0;
      (mapping['errors'] ?? {})['codes'] = { 1: 'not a code' };
    });
    expect(isRefusal(wrong) ? wrong.message : '').toMatch(
      /http\.timeoutMs: .*order\.state: .*errors\.codes/,
    );
    const unpriced = changed((mapping) => {
      delete (mapping['order'] ?? {})['averagePrice'];
      delete mapping['polling'];
    });
    expect(isRefusal(unpriced) ? unpriced.message : '').toMatch(/order: .*has a price; polling: /);
  });
});

describe('the settings of a REST venue', () => {
  it('name what is missing, and show no secret', () => {
    writeFileSync(join(folder, 'api.key'), 'very-secret\n');
    const good = {
      ...{ mapping: 'ppex-like', baseUrl: 'http://127.0.0.1:1', symbols: { [ACME]: 'ACME' } },
      ...{ variables: { accountId: 'A', clientId: 'C' }, secrets: { apiKey: 'api.key' } },
    };
    expect(mistakes(good)).toBe('');
    expect(mistakes({ ...good, variables: {}, secrets: {} })).toMatch(
      /variables\.accountId.*variables\.apiKey.*variables\.clientId/,
    );
    expect(mistakes({ ...good, secrets: { apiKey: 'none' } })).toMatch(
      /secrets\.apiKey: none cannot/,
    );
    expect(mistakes({ ...good, baseUrl: 'ftp://x', symbols: { acme: 'A' } })).toMatch(
      /baseUrl: .*symbols\.acme/,
    );
    expect(mistakes({ ...good, mapping: 'nobody' })).toMatch(/mapping: cannot be read/);
    const signed = { ...good, mapping: 'inx-like', variables: { keyId: 'K' } };
    expect(mistakes(signed)).toMatch(/streamUrl: is needed.*secrets\.privateKey: is needed/);
    const wrongKey = {
      ...signed,
      streamUrl: 'ws://127.0.0.1:1',
      secrets: { privateKey: 'api.key' },
    };
    expect(mistakes(wrongKey)).toMatch(/privateKey: is no private key/);
    expect(mistakes(wrongKey)).not.toContain('very-secret');
  });
});

describe('a request', () => {
  const cancel = { method: 'DELETE', path: '/orders/{venueOrderId}' } as const;

  it('is not built without its order: that would be another path, for all orders', () => {
    expect(buildRequest(cancel, {})).toBe(undefined);
    expect(buildRequest(cancel, { venueOrderId: '' })).toBe(undefined);
    expect(buildRequest(cancel, { venueOrderId: 'a/b' })?.path).toBe('/orders/a%2Fb');
  });

  it('puts amounts in digit by digit, and leaves out what there is not', () => {
    const body = {
      quantity: '$quantity:number',
      price: '$price',
      minimum: '$minQuantity',
      all: '$no',
    };
    const amounts = { quantity: '9007199254740993.10', price: '1.50', no: false };
    expect(jsonOf(body, amounts)).toBe(
      '{"quantity":9007199254740993.10,"price":"1.50","all":false}',
    );
    expect(jsonOf({ a: '$a:number' }, { a: '1}' })).toBe('{"a":"1}"}');
    const read = parseExactJson('{"a":{"b":[9007199254740993.10]}}');
    expect(textAt(read, '/a/b/0')).toBe('9007199254740993.10');
    expect(textAt(read, '/a/toString')).toBe(undefined);
  });

  it('is signed over method, path, nonce and body, with a nonce that only rises', () => {
    const spec: ConstructorParameters<typeof RequestSigner>[0] = {
      kind: 'hmac',
      ...{ secret: 'key', algorithm: 'sha256', encoding: 'hex', serial: true },
      ...{ payload: '{method}{path}{nonce}{body}', headers: { sign: '$signature', n: '$nonce' } },
    };
    const signer = new RequestSigner(spec, 'key', { variables: {}, nowMs: () => 1_000 });
    // RFC 4231 would do as well: the value is Python's hmac of "GET/x1000" under "key".
    expect(signer.headers({ method: 'GET', path: '/x' })).toEqual({
      n: '1000',
      sign: '65c78a5ae779711a48bac295da142d60945500d1be342bb9f09700376dfe6a0c',
    });
    expect(signer.headers({ method: 'GET', path: '/x' })['n']).toBe('1001');
    signer.setTime(5_000);
    expect(signer.headers({ method: 'GET', path: '/x' })['n']).toBe('5000');
  });
});
