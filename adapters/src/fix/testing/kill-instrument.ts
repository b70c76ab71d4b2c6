import type { Instrument } from '@stoa/schema';

/** What is traded while processes are killed. */
export const KILL_INSTRUMENT: Instrument = {
  id: 'eip155:31337/erc20:0x0000000000000000000000000000000000000001',
  token: '0x0000000000000000000000000000000000000001',
  ...{ standard: 'ERC-3643', symbol: 'ACME', name: 'Acme Class A', isin: '', issuer: 'acme' },
  cashToken: '0x0000000000000000000000000000000000000002',
  ...{ tokenDecimals: 18, cashSymbol: 'USDX', cashDecimals: 6 },
  ...{ priceDecimals: 2, quantityDecimals: 3, tickSize: 5, lotSize: 10 },
};
