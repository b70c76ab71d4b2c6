// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

/// @notice What is asked: could this transfer, and the payment for it, be settled now? A zero address
/// leaves its side out, as when an order is entered and the other party is not known.
struct Question {
    /// 1 = ERC-3643, 2 = ERC-1400, as in ListingRegistry.
    uint8 standard;
    address token;
    /// ERC-1400; zero = the token's default partitions, moved by `transferFrom`.
    bytes32 partition;
    /// The settlement contract, which holders approve.
    address operator;
    address from;
    address to;
    uint256 quantity;
    address cashToken;
    address payer;
    uint256 cash;
}

/// @notice A compliance module that refuses, and why, as far as it can say.
struct Finding {
    address module;
    /// The first 32 bytes of the module's name.
    bytes32 name;
    /// The module's own reason (IReasonedModule); zero when it gives none.
    bytes32 code;
    uint256 detail;
}

/// @notice Everything the lens found. `failed` and `unanswered` have one bit a check, see Check.
struct Answer {
    uint32 failed;
    /// The contract asked did not answer as it should: neither yes nor no.
    uint32 unanswered;
    uint64 blockNumber;
    /// Unix second at which the first of the receiver's claims ends; 0 = none says when.
    uint64 claimsUntil;
    /// Country of the receiver, ISO 3166-1 numeric; 0 = none.
    uint16 country;
    /// ERC-1400 status byte, and the application's own code beside it.
    bytes1 status;
    bytes32 statusCode;
    /// The claim topic that is missing, invalid or expired.
    uint256 topic;
    uint256 balance;
    uint256 frozen;
    uint256 allowance;
    uint256 cashBalance;
    uint256 cashAllowance;
    Finding[] findings;
    /// The contracts on which the answer depends, the cash token aside: each tells of its changes by
    /// events, so the answer stays true until one of them has emitted something.
    address[] contracts;
}

/// @title Check
/// @notice The bits of `failed` and `unanswered`.
library Check {
    uint32 internal constant PAUSED = 1 << 0;
    uint32 internal constant SENDER_FROZEN = 1 << 1;
    uint32 internal constant RECEIVER_FROZEN = 1 << 2;
    uint32 internal constant BALANCE = 1 << 3;
    /// Enough in all, but too much of it is frozen.
    uint32 internal constant PART_FROZEN = 1 << 4;
    uint32 internal constant ALLOWANCE = 1 << 5;
    uint32 internal constant IDENTITY = 1 << 6;
    uint32 internal constant VERIFIED = 1 << 7;
    uint32 internal constant CLAIM_MISSING = 1 << 8;
    uint32 internal constant CLAIM_INVALID = 1 << 9;
    uint32 internal constant CLAIM_EXPIRED = 1 << 10;
    /// A compliance module, or the compliance contract as a whole.
    uint32 internal constant COMPLIANCE = 1 << 11;
    /// ERC-1400: the token's own status byte.
    uint32 internal constant STATUS = 1 << 12;
    uint32 internal constant CASH_BALANCE = 1 << 13;
    uint32 internal constant CASH_ALLOWANCE = 1 << 14;
    uint32 internal constant ALL = (1 << 15) - 1;
}

/// @dev Gas for one question to a foreign contract. A T-REX getter behind its proxies needs about
/// 15,000; `isVerified` with 15 topics and several issuers, and a compliance with 25 modules, a few
/// million.
uint256 constant ASK_GAS = 200_000;
uint256 constant ASK_LONG_GAS = 4_000_000;
