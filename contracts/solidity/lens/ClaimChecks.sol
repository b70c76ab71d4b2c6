// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {IClaimRegistries, IClaims, IIdentityRegistry} from "../modules/ComplianceInterfaces.sol";
import {BoundedCall} from "./BoundedCall.sol";
import {ASK_GAS, Answer, Check} from "./PreTradeTypes.sol";

/// @title ClaimChecks
/// @notice Which claim of a holder is missing, invalid or over, and when the first one ends. The
/// registry's `isVerified` says only yes or no.
/// @dev ERC-735 gives a claim no end of its own. By convention here, claim data of exactly one or two
/// words is (validUntil) or (issuedAt, validUntil) in unix seconds, when its last word is a time
/// between 2001 and 5138; any other data says nothing about an end.
library ClaimChecks {
    /// @dev ERC-3643's own bounds are 15 topics and 50 issuers.
    uint256 internal constant MAX_TOPICS = 15;
    uint256 internal constant MAX_ISSUERS = 50;
    uint256 internal constant MAX_CLAIM_BYTES = 4096;
    uint256 internal constant MAX_LIST_BYTES = 4096;
    uint256 internal constant EARLIEST_END = 1e9;
    uint256 internal constant LATEST_END = 1e11;

    function explain(Answer memory answer, address registry, address identity) internal view {
        (bool hasTopics, uint256 topicsRegistry) =
            BoundedCall.word(registry, abi.encodeCall(IIdentityRegistry.topicsRegistry, ()), ASK_GAS);
        (bool hasIssuers, uint256 issuersRegistry) =
            BoundedCall.word(registry, abi.encodeCall(IIdentityRegistry.issuersRegistry, ()), ASK_GAS);
        if (!hasTopics || !hasIssuers) return;
        uint256[] memory topics =
            _list(address(uint160(topicsRegistry)), abi.encodeCall(IClaimRegistries.getClaimTopics, ()), MAX_TOPICS);
        for (uint256 i = 0; i < topics.length; ++i) {
            uint256[] memory issuers = _list(
                address(uint160(issuersRegistry)),
                abi.encodeCall(IClaimRegistries.getTrustedIssuersForClaimTopic, (topics[i])),
                MAX_ISSUERS
            );
            (uint32 failed, uint256 until) = _best(identity, topics[i], issuers);
            // The first topic that fails is the one named.
            if (failed != 0) {
                answer.failed |= failed;
                answer.topic = topics[i];
                return;
            }
            if (until != 0 && (answer.claimsUntil == 0 || until < answer.claimsUntil)) {
                answer.claimsUntil = uint64(until);
            }
        }
    }

    /// @dev The best of the claims on one topic: 0 for a good one, with its end.
    function _best(address identity, uint256 topic, uint256[] memory issuers)
        private
        view
        returns (uint32 failed, uint256 until)
    {
        failed = Check.CLAIM_MISSING;
        for (uint256 i = 0; i < issuers.length; ++i) {
            // ERC-735: the id of a claim is keccak256(issuer, topic).
            bytes32 id = keccak256(abi.encode(issuers[i], topic));
            (bool answered, bytes memory claim) =
                BoundedCall.many(identity, abi.encodeCall(IClaims.getClaim, (id)), ASK_GAS, MAX_CLAIM_BYTES);
            if (!answered || claim.length < 192 || BoundedCall.wordAt(claim, 0) != topic) continue;
            bytes memory data = BoundedCall.bytesAt(claim, 4);
            address issuer = address(uint160(BoundedCall.wordAt(claim, 64)));
            (bool said, uint256 valid) = BoundedCall.word(
                issuer,
                abi.encodeCall(IClaims.isClaimValid, (identity, topic, BoundedCall.bytesAt(claim, 3), data)),
                ASK_GAS
            );
            if (!said || valid != 1) {
                if (failed == Check.CLAIM_MISSING) failed = Check.CLAIM_INVALID;
                continue;
            }
            until = _endOf(data);
            if (until == 0 || until > block.timestamp) return (0, until);
            failed = Check.CLAIM_EXPIRED;
        }
    }

    function _endOf(bytes memory data) private pure returns (uint256) {
        if (data.length != 32 && data.length != 64) return 0;
        uint256 end = BoundedCall.wordAt(data, data.length - 32);
        return end < EARLIEST_END || end > LATEST_END ? 0 : end;
    }

    function _list(address target, bytes memory question, uint256 most) private view returns (uint256[] memory) {
        (, bytes memory result) = BoundedCall.many(target, question, ASK_GAS, MAX_LIST_BYTES);
        return BoundedCall.listOf(result, most);
    }
}
