import { askJson, wasNeverSent } from '../external/ask-json.ts';
import { type ExactJson, textAt } from '../external/exact-json.ts';
import type { Mapping, RequestSpec } from './mapping.ts';
import { RequestGate } from './request-gate.ts';
import { RequestSigner } from './request-signer.ts';
import { type BuiltRequest, buildRequest, type Variables } from './request-template.ts';

/** How a request ended. */
export type Asked =
  | { readonly kind: 'ok'; readonly json: ExactJson }
  /** The venue answered that it did not do it; `code` is its own. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  /** It did not get as far as the venue, or the venue asked for fewer: certainly not done. */
  | { readonly kind: 'not-sent'; readonly reason: string }
  /** Nobody knows. */
  | { readonly kind: 'unknown'; readonly reason: string };

export interface VenueHttpNeeds {
  readonly baseUrl: string;
  /** The settings' own names and secrets, for templates. */
  readonly variables: Variables;
  readonly secrets: Readonly<Record<string, string>>;
  readonly nowMs: () => number;
}

const MOST_TRIES = 4;
const MAX_PAUSE_MS = 60_000;
const MAX_TEXT = 200;

/**
 * Requests to one venue: signed or with a token, within its limits, with bounded times and bodies.
 * A request is said once; only what the venue certainly did not do is said again.
 */
export class VenueHttp {
  readonly #mapping: Mapping;
  readonly #needs: VenueHttpNeeds;
  readonly #gate: RequestGate;
  readonly #ended = new AbortController();
  readonly signer: RequestSigner | undefined;
  #token: { readonly text: string; readonly untilMs: number } | undefined;
  #login: Promise<Asked> | undefined;

  constructor(mapping: Mapping, needs: VenueHttpNeeds) {
    this.#mapping = mapping;
    this.#needs = needs;
    const { auth, http } = mapping;
    const signing = auth.kind === 'hmac' || auth.kind === 'rsa';
    this.#gate = new RequestGate({ limits: http.limits, serial: signing && auth.serial });
    if (signing) {
      const { variables, nowMs } = needs;
      const secret = needs.secrets[auth.secret] ?? '';
      this.signer = new RequestSigner(auth, secret, { variables, nowMs });
    }
  }

  /** Asks the venue; `urgent` requests go before the others. */
  async ask(spec: RequestSpec, variables: Variables, urgent = false): Promise<Asked> {
    const request = buildRequest(spec, { ...this.#needs.variables, ...variables });
    if (!request)
      return { kind: 'not-sent', reason: 'What the request is about is not known yet.' };
    let asked: Asked = { kind: 'not-sent', reason: 'Too many requests wait.' };
    for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
      const token = await this.#currentToken();
      if (token && token.kind !== 'ok') return token;
      const once = await this.#gate.pass(urgent, () => this.#once(request));
      if (!once) return asked;
      asked = once.asked;
      if (!once.again) return asked;
    }
    return asked;
  }

  /** Logs in where the venue wants a token; resolves with how that ended. */
  async logIn(): Promise<Asked | undefined> {
    this.#token = undefined;
    return this.#currentToken();
  }

  /** Ends what is under way. */
  stop(): void {
    this.#ended.abort();
  }

  /** Undefined where none is needed; one login at a time. */
  async #currentToken(): Promise<Asked | undefined> {
    const { auth } = this.#mapping;
    if (auth.kind !== 'bearer') return undefined;
    const nowMs = this.#needs.nowMs();
    if (this.#token && nowMs < this.#token.untilMs - auth.refreshBeforeMs) return undefined;
    this.#login ??= this.#fetchToken(auth).finally(() => {
      this.#login = undefined;
    });
    return this.#login;
  }

  async #fetchToken(auth: Extract<Mapping['auth'], { kind: 'bearer' }>): Promise<Asked> {
    const request = buildRequest(auth.login, { ...this.#needs.variables, ...this.#needs.secrets });
    const once = request && (await this.#gate.pass(true, () => this.#exchange(request, {})));
    // A login that nobody answered did nothing to any order.
    if (!once || once.kind === 'failed') {
      return { kind: 'not-sent', reason: `The login failed: ${once?.reason ?? 'too many wait'}.` };
    }
    const { status, json } = once;
    const text = textAt(json, auth.token);
    if (status >= 300 || text === undefined) {
      const { code, message } = this.#codeOf(json);
      return {
        kind: 'not-sent',
        reason: `The venue refuses the login (${status} ${code}): ${message}`,
      };
    }
    const seconds = Number(textAt(json, auth.expiresInSeconds ?? '') ?? '3600');
    const validMs = (Number.isFinite(seconds) ? Math.max(1, seconds) : 3_600) * 1_000;
    // A token that lives shorter than its margin is used for half its time.
    const untilMs = this.#needs.nowMs() + Math.max(validMs, auth.refreshBeforeMs + validMs / 2);
    this.#token = { text, untilMs };
    return { kind: 'ok', json: null };
  }

  async #once(request: BuiltRequest): Promise<{ readonly asked: Asked; readonly again: boolean }> {
    const answer = await this.#exchange(request, this.#authHeaders(request));
    if (answer.kind === 'failed') {
      const { reason, sent } = answer;
      return { asked: { kind: sent ? 'unknown' : 'not-sent', reason }, again: false };
    }
    const { status, json, retryAfterMs } = answer;
    const { code, message } = this.#codeOf(json);
    const { ok, clock } = this.#mapping.errors;
    const refused = { kind: 'refused', code, message } as const;
    if (status === 429) {
      this.#gate.pause(Math.min(retryAfterMs ?? 1_000, MAX_PAUSE_MS));
      return {
        asked: { kind: 'not-sent', reason: 'The venue wants fewer requests.' },
        again: true,
      };
    }
    if (clock?.codes.includes(code)) {
      const serverMs = Number(textAt(json, clock.serverTime));
      if (this.signer && Number.isFinite(serverMs)) this.signer.setTime(serverMs);
      return { asked: refused, again: true };
    }
    if (status === 401) {
      this.#token = undefined;
      return { asked: refused, again: this.#mapping.auth.kind === 'bearer' };
    }
    if (status >= 200 && status < 300) {
      if (!ok || ok.includes(code)) return { asked: { kind: 'ok', json }, again: false };
      // Without a code of its own it is nobody's answer.
      return code === ''
        ? broken(`an answer without ${this.#mapping.errors.code}`)
        : { asked: refused, again: false };
    }
    if (status >= 400 && status < 500 && code !== '') return { asked: refused, again: false };
    return broken(`status ${status}`);
  }

  #codeOf(json: ExactJson): { readonly code: string; readonly message: string } {
    const { errors } = this.#mapping;
    const code = textAt(json, errors.code) ?? '';
    const message = textAt(json, errors.message ?? errors.code) ?? '';
    return { code: code.slice(0, MAX_TEXT), message: message.slice(0, MAX_TEXT) };
  }

  #authHeaders(request: BuiltRequest): Record<string, string> {
    if (this.signer) return this.signer.headers(request);
    return this.#token ? { authorization: `Bearer ${this.#token.text}` } : {};
  }

  async #exchange(
    { method, path, body }: BuiltRequest,
    auth: Record<string, string>,
  ): Promise<
    | {
        readonly kind: 'answer';
        readonly status: number;
        readonly json: ExactJson;
        readonly retryAfterMs?: number;
      }
    | { readonly kind: 'failed'; readonly reason: string; readonly sent: boolean }
  > {
    const { headers, timeoutMs, maxBodyBytes } = this.#mapping.http;
    try {
      const { status, json, ...answer } = await askJson(`${this.#needs.baseUrl}${path}`, {
        ...{ method, body, timeoutMs, maxBodyBytes, signal: this.#ended.signal },
        headers: { ...headers, ...auth },
      });
      if (json === undefined && status < 300) {
        return { kind: 'failed', reason: 'the answer is no JSON', sent: true };
      }
      const retryAfterMs = Number(answer.headers.get('retry-after') ?? '1') * 1_000;
      return {
        ...{ kind: 'answer', status, json: json ?? null },
        ...(Number.isFinite(retryAfterMs) && { retryAfterMs }),
      };
    } catch (error) {
      return { kind: 'failed', reason: reasonOf(error), sent: !wasNeverSent(error) };
    }
  }
}

function broken(reason: string): { readonly asked: Asked; readonly again: boolean } {
  return { asked: { kind: 'unknown', reason: `The venue answered ${reason}.` }, again: false };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'no answer in time';
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return `${error.message}${cause}`.slice(0, MAX_TEXT);
}
