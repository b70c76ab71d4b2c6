import { createHmac, createPrivateKey, type KeyObject, sign } from 'node:crypto';
import type { AuthSpec } from './mapping.ts';
import { type BuiltRequest, textOf, type Variables } from './request-template.ts';

type SigningSpec = Extract<AuthSpec, { kind: 'hmac' | 'rsa' }>;

/** What a signature is over. */
export type SignedText = Partial<BuiltRequest>;

/** Signs requests over a rising nonce, which is the venue's time in milliseconds as far as it is known. */
export class RequestSigner {
  readonly #spec: SigningSpec;
  readonly #variables: Variables;
  readonly #key: KeyObject | string;
  readonly #nowMs: () => number;
  #offsetMs = 0;
  #lastNonce = 0;

  /** @throws where the secret of an RSA signer is no private key */
  constructor(
    spec: SigningSpec,
    secret: string,
    { variables, nowMs }: { readonly variables: Variables; readonly nowMs: () => number },
  ) {
    this.#spec = spec;
    this.#variables = variables;
    this.#nowMs = nowMs;
    this.#key = spec.kind === 'rsa' ? createPrivateKey(secret) : secret;
  }

  /** The venue's clock shows this now. */
  setTime(serverMs: number): void {
    this.#offsetMs = serverMs - this.#nowMs();
    // A clock that went back would have us wait for as long.
    this.#lastNonce = 0;
  }

  headers(request: SignedText): Record<string, string> {
    const variables = { ...this.#variables, ...this.sign(this.#spec.payload, request) };
    const filled = Object.entries(this.#spec.headers).map(([header, text]) => [
      header,
      put(text, variables),
    ]);
    return Object.fromEntries(filled) as Record<string, string>;
  }

  /** `$nonce` and `$signature`, over a text of its own. */
  sign(payload: string, { method = '', path = '', body = '' }: SignedText): Variables {
    const nonce = Math.max(this.#lastNonce + 1, Math.round(this.#nowMs() + this.#offsetMs));
    this.#lastNonce = nonce;
    const parts: Readonly<Record<string, string>> = { method, path, body, nonce: String(nonce) };
    const text = payload.replaceAll(/\{(\w+)\}/g, (_all, name: string) => parts[name] ?? '');
    const { kind, algorithm, encoding } = this.#spec;
    const signature =
      kind === 'rsa'
        ? sign(algorithm, Buffer.from(text), this.#key as KeyObject).toString(encoding)
        : createHmac(algorithm, this.#key as string)
            .update(text)
            .digest(encoding);
    return { nonce: String(nonce), signature };
  }
}

function put(text: string, variables: Variables): string {
  return text.replaceAll(/\$(\w+)/g, (_all, name: string) => textOf(variables[name]));
}
