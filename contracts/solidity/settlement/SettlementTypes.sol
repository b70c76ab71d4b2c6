// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

/// @notice One trade. `(executingVenue, tradeNumber)` is its identity; trade numbers should be
/// dense, because 256 of them share one storage slot.
struct Leg {
    bytes32 executingVenue;
    bytes32 homeVenue;
    uint64 tradeNumber;
    address token;
    address cashToken;
    address seller;
    address buyer;
    uint256 quantity;
    uint256 amount;
    uint64 deadline;
}

/// @notice A venue's signature over a batch, with the EIP-712 domain that it was made for: stated,
/// so that one made for another chain or contract is refused by that name and not as a forgery.
struct VenueSignature {
    bytes32 venue;
    address signer;
    uint256 chainId;
    address settlement;
    bytes signature;
}

/// @notice What an investor allows. A buyer pays at most `limitAmount / limitQuantity` cash per
/// token, a seller receives at least that. Mandates of one investor with the same nonce share one
/// cumulative fill, so that signing again with the same nonce amends a mandate.
/// @param side 1 buy, 2 sell
/// @param quantity the most that may be filled, over all trades and for ever
/// @param expiry unix seconds; the last second at which it may be used
/// @param venues executing venues; empty means any
struct Mandate {
    address investor;
    uint8 side;
    address token;
    address cashToken;
    uint256 limitAmount;
    uint256 limitQuantity;
    uint256 quantity;
    uint64 expiry;
    uint256 nonce;
    bytes32[] venues;
}

struct SignedMandate {
    Mandate mandate;
    bytes signature;
}

/// @notice An account's agreement to the reversal of a trade, where the account requires mandates.
struct Consent {
    address account;
    bytes signature;
}

/// @notice A transfer of a netted batch.
struct Move {
    address token;
    address from;
    address to;
    uint256 value;
}
