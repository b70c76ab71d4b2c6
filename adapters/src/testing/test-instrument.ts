import type { Instrument } from '@stoa/schema';

/** What venues trade in tests: ticks of 5, lots of 10. */
export const TEST_INSTRUMENT: Instrument = {
  id: 'eip155:31337/erc20:0x0000000000000000000000000000000000000001',
  token: '0x0000000000000000000000000000000000000001',
  ...{ standard: 'ERC-3643', symbol: 'ACME', name: 'Acme Class A', isin: '', issuer: 'acme' },
  tokenDecimals: 18,
  cashToken: '0x0000000000000000000000000000000000000002',
  ...{ cashSymbol: 'USDX', cashDecimals: 6, priceDecimals: 2, quantityDecimals: 0 },
  ...{ tickSize: 5, lotSize: 10 },
};

/** The same in thousandths, as FIX venues show that quantities have decimals. */
export const FRACTIONAL_INSTRUMENT: Instrument = { ...TEST_INSTRUMENT, quantityDecimals: 3 };
