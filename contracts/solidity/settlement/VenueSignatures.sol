// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {MemberRegistry} from "../MemberRegistry.sol";
import {Leg, SignedMandate, VenueSignature} from "./SettlementTypes.sol";
import {Mandates} from "./Mandates.sol";

/// @notice What venues sign, and whether each venue that a batch names has signed it.
/// @dev A venue's `legsHash` covers exactly the legs that name it, in batch order, so that it need
/// not see the others' trades. `groupsHash` commits to the grouping (and to the mandates used), so
/// that nobody who reads the batch in the mempool can settle part of an all-or-none group with the
/// same signatures.
abstract contract VenueSignatures is Mandates {
    /// @dev The batch, flattened once so that each venue's hash is a walk over memory.
    struct Flat {
        bytes32[] hashes;
        bytes32[] executing;
        bytes32[] home;
        bytes32 groupsHash;
    }

    bytes32 public constant LEG_TYPEHASH = keccak256(
        "Leg(bytes32 executingVenue,bytes32 homeVenue,uint64 tradeNumber,address token,address cashToken,"
        "address seller,address buyer,uint256 quantity,uint256 amount,uint64 deadline)"
    );
    bytes32 public constant VENUE_BATCH_TYPEHASH =
        keccak256("VenueBatch(bytes32 batchId,bytes32 venue,bytes32 legsHash,bytes32 groupsHash)");
    /// @notice A type of its own: a batch signed to settle gross is not thereby signed to settle net.
    bytes32 public constant VENUE_NETTED_BATCH_TYPEHASH =
        keccak256("VenueNettedBatch(bytes32 batchId,bytes32 venue,bytes32 legsHash,bytes32 groupsHash)");
    bytes32 public constant VENUE_REVERSAL_TYPEHASH =
        keccak256("VenueReversal(bytes32 batchId,bytes32 venue,bytes32 legsHash,bytes32 groupsHash)");

    /// @notice More legs than this pass the gas cap of one transaction (EIP-7825) anyway.
    uint256 public constant MAX_LEGS = 100;

    uint256 internal constant LEG_BYTES = 10 * 32;

    // Constants of the registry: asking for them would be a call each.
    uint8 private constant KIND_VENUE = 1;
    uint8 private constant STATUS_SUSPENDED = 2;
    uint8 private constant STATUS_CEASED = 4;

    MemberRegistry public immutable memberRegistry;

    error EmptyBatch();
    error EmptyGroup(uint256 groupIndex);
    error TooManyLegs(uint256 legs, uint256 limit);
    error DuplicateVenueSignature(bytes32 venue);
    error VenueNotInBatch(bytes32 venue);
    error MissingVenueSignature(bytes32 venue);
    error NotAVenue(bytes32 venue);
    error VenueSuspended(bytes32 venue);
    error VenueHasCeased(bytes32 venue);
    error NotASigner(bytes32 venue, address signer);
    error WrongChain(bytes32 venue, uint256 given, uint256 expected);
    error WrongDomain(bytes32 venue, address given, address expected);
    /// @notice The signature is by another key, or over something else than this batch.
    error InvalidVenueSignature(bytes32 venue, address signer);

    constructor(MemberRegistry members) {
        memberRegistry = members;
    }

    /// @notice The EIP-712 domain separator of everything that is signed for this contract.
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    function _flatten(Leg[][] calldata groups, SignedMandate[][] calldata mandates)
        internal
        pure
        returns (Flat memory flat)
    {
        uint256 count = 0;
        for (uint256 i = 0; i < groups.length; ++i) {
            if (groups[i].length == 0) revert EmptyGroup(i);
            count += groups[i].length;
        }
        flat = _emptyFlat(count);
        bytes32[] memory groupHashes = new bytes32[](groups.length);
        uint256 at = 0;
        for (uint256 i = 0; i < groups.length; ++i) {
            uint256 first = at;
            at = _addLegs(flat, groups[i], at);
            groupHashes[i] = mandates.length == 0 || mandates[i].length == 0
                ? _hashSlice(flat.hashes, first, at)
                : _hashWithMandates(flat.hashes, first, at, mandates[i]);
        }
        flat.groupsHash = _hashSlice(groupHashes, 0, groupHashes.length);
    }

    function _flatten(Leg[] calldata legs, SignedMandate[] calldata mandates)
        internal
        pure
        returns (Flat memory flat)
    {
        flat = _emptyFlat(legs.length);
        _addLegs(flat, legs, 0);
        bytes32[] memory groupHashes = new bytes32[](1);
        groupHashes[0] = _hashWithMandates(flat.hashes, 0, legs.length, mandates);
        flat.groupsHash = _hashSlice(groupHashes, 0, 1);
    }

    function _emptyFlat(uint256 count) private pure returns (Flat memory flat) {
        if (count == 0) revert EmptyBatch();
        if (count > MAX_LEGS) revert TooManyLegs(count, MAX_LEGS);
        flat.hashes = new bytes32[](count);
        flat.executing = new bytes32[](count);
        flat.home = new bytes32[](count);
    }

    function _addLegs(Flat memory flat, Leg[] calldata legs, uint256 at) private pure returns (uint256) {
        for (uint256 j = 0; j < legs.length; ++j) {
            Leg calldata leg = legs[j];
            flat.hashes[at] = _legHash(leg);
            flat.executing[at] = leg.executingVenue;
            flat.home[at] = leg.homeVenue;
            ++at;
        }
        return at;
    }

    /// @dev EIP-712 hashStruct. A leg is static, so that its calldata is its encoding; a field with
    /// dirty upper bits hashes to something nobody signed.
    function _legHash(Leg calldata leg) internal pure returns (bytes32 result) {
        bytes32 typeHash = LEG_TYPEHASH;
        uint256 size = LEG_BYTES;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typeHash)
            calldatacopy(add(free, 0x20), leg, size)
            result := keccak256(free, add(size, 0x20))
        }
    }

    function _hashWithMandates(bytes32[] memory hashes, uint256 from, uint256 to, SignedMandate[] calldata mandates)
        private
        pure
        returns (bytes32)
    {
        uint256 legs = to - from;
        bytes32[] memory words = new bytes32[](legs + mandates.length);
        for (uint256 i = 0; i < legs; ++i) {
            words[i] = hashes[from + i];
        }
        for (uint256 i = 0; i < mandates.length; ++i) {
            words[legs + i] = _mandateHash(mandates[i].mandate);
        }
        return _hashSlice(words, 0, words.length);
    }

    function _checkSignatures(
        bytes32 typeHash,
        bytes32 batchId,
        Flat memory flat,
        VenueSignature[] calldata signatures
    ) internal view {
        uint256 covered = 0;
        for (uint256 i = 0; i < signatures.length; ++i) {
            bytes32 venue = signatures[i].venue;
            for (uint256 j = 0; j < i; ++j) {
                if (signatures[j].venue == venue) revert DuplicateVenueSignature(venue);
            }
            (bytes32 legsHash, uint256 mentions) = _venueLegs(flat, venue);
            if (mentions == 0) revert VenueNotInBatch(venue);
            covered += mentions;
            _checkSigner(signatures[i], keccak256(abi.encode(typeHash, batchId, venue, legsHash, flat.groupsHash)));
        }
        // Every leg names two venues. The signing venues are distinct, so the counts are equal only
        // when each named venue has signed.
        if (covered != 2 * flat.hashes.length) revert MissingVenueSignature(_firstMissing(flat, signatures));
    }

    function _checkSigner(VenueSignature calldata given, bytes32 structHash) private view {
        bytes32 venue = given.venue;
        (uint8 kind, uint8 status) = memberRegistry.memberStatus(venue);
        if (kind != KIND_VENUE) revert NotAVenue(venue);
        // A venue that is ceasing still settles what it traded.
        if (status == STATUS_SUSPENDED) revert VenueSuspended(venue);
        if (status == STATUS_CEASED) revert VenueHasCeased(venue);
        if (given.chainId != block.chainid) revert WrongChain(venue, given.chainId, block.chainid);
        if (given.settlement != address(this)) revert WrongDomain(venue, given.settlement, address(this));
        if (!memberRegistry.isSigner(venue, given.signer)) revert NotASigner(venue, given.signer);
        if (!_isSigned(given.signer, structHash, given.signature)) {
            revert InvalidVenueSignature(venue, given.signer);
        }
    }

    /// @dev Hash over the legs that name the venue, and how often they name it (a leg whose
    /// executing and home venue are the same names it twice). In assembly because it runs venues ×
    /// legs times.
    function _venueLegs(Flat memory flat, bytes32 venue) private pure returns (bytes32 legsHash, uint256 mentions) {
        bytes32[] memory hashes = flat.hashes;
        bytes32[] memory executing = flat.executing;
        bytes32[] memory home = flat.home;
        assembly ("memory-safe") {
            let own := mload(0x40)
            let next := own
            let end := mul(add(mload(hashes), 1), 0x20)
            for { let i := 0x20 } lt(i, end) { i := add(i, 0x20) } {
                let names := add(eq(mload(add(executing, i)), venue), eq(mload(add(home, i)), venue))
                if names {
                    mentions := add(mentions, names)
                    mstore(next, mload(add(hashes, i)))
                    next := add(next, 0x20)
                }
            }
            legsHash := keccak256(own, sub(next, own))
        }
    }

    /// @dev Called only when a venue is missing: the last leg's home venue is it when no other is.
    function _firstMissing(Flat memory flat, VenueSignature[] calldata signatures) private pure returns (bytes32) {
        uint256 last = flat.hashes.length - 1;
        for (uint256 i = 0; i <= last; ++i) {
            if (!_hasSigned(flat.executing[i], signatures)) return flat.executing[i];
            if (i < last && !_hasSigned(flat.home[i], signatures)) return flat.home[i];
        }
        return flat.home[last];
    }

    function _hasSigned(bytes32 venue, VenueSignature[] calldata signatures) private pure returns (bool) {
        for (uint256 i = 0; i < signatures.length; ++i) {
            if (signatures[i].venue == venue) return true;
        }
        return false;
    }

    /// @dev keccak256 of `words[from..to)`, concatenated.
    function _hashSlice(bytes32[] memory words, uint256 from, uint256 to) private pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(add(add(words, 0x20), mul(from, 0x20)), mul(sub(to, from), 0x20))
        }
    }
}
