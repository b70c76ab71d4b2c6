import type { Mapping } from './mapping.ts';

/** What the adapter itself puts into templates. */
const KNOWN: ReadonlySet<string> = new Set([
  ...['orderId', 'orderIds', 'venueOrderId', 'venueOrderIds', 'symbol', 'side', 'timeInForce'],
  ...['price', 'quantity', 'minQuantity', 'displayQuantity', 'allOrNone', 'expireAt', 'expireAtMs'],
  ...['after', 'nonce', 'signature'],
]);

/** Names in the mapping's templates that neither the adapter nor the settings put in. */
export function unknownVariables(mapping: Mapping, given: readonly string[]): string[] {
  const { requests, auth, stream, http } = mapping;
  const names = new Set<string>();
  const texts = [requests, http.headers, auth, stream?.login, stream?.subscribe, stream?.snapshot];
  for (const part of texts) collect(part, names);
  return [...names].filter((name) => !KNOWN.has(name) && !given.includes(name)).toSorted();
}

function collect(value: unknown, names: Set<string>): void {
  if (typeof value === 'string') {
    for (const [, name = ''] of value.matchAll(/\$(\w+)/g)) names.add(name);
    for (const [, name = ''] of value.startsWith('/') ? value.matchAll(/\{(\w+)\}/g) : []) {
      names.add(name);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const one of Object.values(value)) collect(one, names);
  }
}
