import type { AuthorizedFetch } from './authorized-fetch.ts';
import { RefreshProofDocument } from './generated/api.ts';
import { sendOperation } from './send-operation.ts';

/**
 * Asks the server which nonce it wants now. A stream's answer has begun before its proof is looked at, and an
 * operation on a WebSocket has no headers: neither can say it.
 */
export async function refreshProof(needs: {
  readonly url: string;
  readonly fetch: AuthorizedFetch;
}): Promise<void> {
  await sendOperation({ document: RefreshProofDocument, variables: {}, timeoutMs: 10_000 }, needs);
}
