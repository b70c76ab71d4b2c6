/** Short name of a member of the network (venue, broker, issuer, observer, examiner): `alpha`. */
export type MemberId = string;
/** A venue is a member of kind venue; its id is the member id. */
export type VenueId = MemberId;
/** CAIP-19 asset id of one token contract on one chain: `eip155:1/erc20:0x…`, address in lower case. */
export type InstrumentId = string;

const MEMBER_ID = /^[a-z][a-z0-9-]{0,30}$/;
const INSTRUMENT_ID = /^eip155:(\d{1,10})\/(erc20|erc1400):(0x[0-9a-f]{40})$/;

/** Whether the text is a member's slug: 1 to 31 characters, so that it fits the registry's bytes32. */
export function isMemberId(text: string): boolean {
  return MEMBER_ID.test(text);
}

/** Whether the text is an instrument id as this network writes it (CAIP-19, EVM chains, lower case). */
export function isInstrumentId(text: string): boolean {
  return INSTRUMENT_ID.test(text);
}

/** The CAIP-19 id of a token contract. ERC-3643 tokens are ERC-20 tokens; CAIP-19 knows them as such. */
export function instrumentIdOf(chainId: number, token: string): InstrumentId {
  return `eip155:${chainId}/erc20:${token.toLowerCase()}`;
}

/** Chain and contract of an instrument id; `undefined` for text that is none. */
export function instrumentParts(
  id: InstrumentId,
): { chainId: number; token: `0x${string}` } | undefined {
  const match = INSTRUMENT_ID.exec(id);
  if (!match?.[1] || !match[3]) return undefined;
  return { chainId: Number(match[1]), token: match[3] as `0x${string}` };
}
