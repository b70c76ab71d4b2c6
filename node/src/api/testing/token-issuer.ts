export * from '../../access/testing/token-issuer.ts';
