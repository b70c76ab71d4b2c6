import { readFileSync } from 'node:fs';

/** The parts of the API; `scalars` belongs to each of the others. */
export type SdlPart =
  | 'market'
  | 'listings'
  | 'refusals'
  | 'orders'
  | 'order-entry'
  | 'order-events'
  | 'rfq'
  | 'routing'
  | 'receipts'
  | 'terms'
  | 'settlement'
  | 'mandates'
  | 'cap-table'
  | 'issuer'
  | 'eligibility'
  | 'history'
  | 'prints'
  | 'positions'
  | 'audit'
  | 'operator'
  | 'operations';

/** What anybody who verifies the gossip can serve. */
export const MARKET_PARTS: readonly SdlPart[] = ['market', 'listings'];
/** What only a node can serve: its brokers' orders, its settlements, its store, itself. */
export const NODE_PARTS: readonly SdlPart[] = [
  'refusals',
  'orders',
  'order-entry',
  'order-events',
  'rfq',
  'routing',
  'receipts',
  'terms',
  'settlement',
  'mandates',
  'cap-table',
  'issuer',
  'eligibility',
  'history',
  'prints',
  'positions',
  'audit',
  'operator',
  'operations',
];

/** Reads the SDL of some parts, scalars and policies included; types stand once per part and are to be merged. */
export function readSdl(parts: readonly SdlPart[]): string[] {
  return ['scalars', 'access', ...parts].map((part) =>
    readFileSync(new URL(`./graphql/${part}.graphql`, import.meta.url), 'utf8'),
  );
}
