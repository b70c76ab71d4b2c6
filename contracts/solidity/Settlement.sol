// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";
import {ListingRegistry} from "./ListingRegistry.sol";
import {MemberRegistry} from "./MemberRegistry.sol";

/// @title Settlement
/// @notice Delivery against payment for trades that venues attest. Holds no asset at any time:
/// wallets approve this contract, the venues sign, and each leg moves the token and the cash
/// directly between seller and buyer in one transaction.
/// @dev Not upgradeable, on purpose: investors approve this address to move their assets, and the
/// approval must not outlive the code they approved. A new version is a new address and new approvals.
/// Anyone may submit a signed batch: the signatures fix everything that it does.
contract Settlement is EIP712, ReentrancyGuardTransient, Pausable, Ownable2Step {
    using BitMaps for BitMaps.BitMap;
    using SafeERC20 for IERC20;

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

    struct VenueSignature {
        bytes32 venue;
        address signer;
        bytes signature;
    }

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

    /// @notice More legs than this pass the gas cap of one transaction (EIP-7825) anyway.
    uint256 public constant MAX_LEGS = 100;
    /// @notice A hostile token cannot make the batch pay for copying its revert data.
    uint256 public constant MAX_REASON_BYTES = 512;
    /// @notice Gas on top of `minGasPerLeg` that a group needs: first touch of accounts and storage.
    uint256 public constant GROUP_GAS_RESERVE = 250_000;

    MemberRegistry public immutable memberRegistry;
    ListingRegistry public immutable listingRegistry;

    mapping(bytes32 venue => BitMaps.BitMap) private _settled;

    event LegSettled(
        bytes32 indexed executingVenue,
        uint64 indexed tradeNumber,
        bytes32 indexed batchId,
        bytes32 homeVenue,
        address token,
        address seller,
        address buyer,
        uint256 quantity,
        uint256 amount
    );
    /// @param reason the group's revert data, cut at MAX_REASON_BYTES
    event GroupFailed(bytes32 indexed batchId, uint256 groupIndex, bytes reason);

    // Refusals of a whole batch: nothing of it is settled.
    error EmptyBatch();
    error EmptyGroup(uint256 groupIndex);
    error TooManyLegs(uint256 legs, uint256 limit);
    error DuplicateVenueSignature(bytes32 venue);
    error VenueNotInBatch(bytes32 venue);
    error MissingVenueSignature(bytes32 venue);
    error VenueMayNotSettle(bytes32 venue, uint8 kind, uint8 status);
    error NotASigner(bytes32 venue, address signer);
    error InvalidVenueSignature(bytes32 venue, address signer);
    /// @notice The transaction was sent with too little gas to tell a failing leg from a starved one.
    error GasTooLow(uint256 available, uint256 required);
    error OnlySelf();

    // Refusals of one group: its legs stay unsettled and their numbers unused.
    error TradeAlreadySettled(bytes32 venue, uint64 tradeNumber);
    error DeadlinePassed(bytes32 venue, uint64 tradeNumber, uint64 deadline);
    error ZeroAmount(bytes32 venue, uint64 tradeNumber);
    error SelfTrade(bytes32 venue, uint64 tradeNumber);
    error NotListed(address token, bytes32 venue, uint8 status);
    error CashTokenMismatch(address token, address expected, address given);
    /// @notice The token did not move what the leg says: a fee on transfer, or a false success.
    error TransferNotExact(address token, address from, address to, uint256 value);

    constructor(MemberRegistry members, ListingRegistry listings, address governingAdmin)
        EIP712("Stoa Settlement", "1")
        Ownable(governingAdmin)
    {
        memberRegistry = members;
        listingRegistry = listings;
    }

    /// @notice Settles groups of legs. A group settles whole or not at all, whichever venues its legs
    /// come from; a failed group leaves the other groups alone and consumes no trade number.
    /// @dev Never send this with the gas of `eth_estimateGas`: the node finds the smallest gas at
    /// which the transaction succeeds, and it also succeeds with all groups failed.
    /// @param batchId the submitter's name for this batch; part of what the venues sign
    /// @param groups the legs; each inner array is one revert scope
    /// @param signatures one per venue that any leg names, over
    /// `VenueBatch(batchId, venue, legsHash, groupsHash)`. `legsHash` covers exactly the legs that
    /// name the venue, in batch order, so that a venue need not see the others' trades;
    /// `groupsHash` commits to the grouping, so that nobody who sees the batch in the mempool can
    /// split an all-or-none group into parts that the same signatures would cover.
    /// @param minGasPerLeg gas that must remain for each leg of a group before the group starts
    /// @return settledLegs legs that settled
    /// @return failedGroups groups that did not; each emitted `GroupFailed`
    function settle(
        bytes32 batchId,
        Leg[][] calldata groups,
        VenueSignature[] calldata signatures,
        uint256 minGasPerLeg
    ) external nonReentrant whenNotPaused returns (uint256 settledLegs, uint256 failedGroups) {
        _checkSignatures(batchId, _flatten(groups), signatures);
        for (uint256 i = 0; i < groups.length; ++i) {
            if (_settleIsolated(batchId, groups[i], i, minGasPerLeg)) {
                settledLegs += groups[i].length;
            } else {
                ++failedGroups;
            }
        }
    }

    /// @notice The revert scope of one group; only this contract can call it.
    function settleGroup(bytes32 batchId, Leg[] calldata legs) external {
        if (msg.sender != address(this)) revert OnlySelf();
        for (uint256 i = 0; i < legs.length; ++i) {
            _settleLeg(batchId, legs[i]);
        }
    }

    /// @notice Stops settlement; the assets stay where they are, in the wallets.
    function pause() external onlyOwner {
        _pause();
    }

    function unpause() external onlyOwner {
        _unpause();
    }

    function isSettled(bytes32 venue, uint64 tradeNumber) public view returns (bool) {
        return _settled[venue].get(tradeNumber);
    }

    /// @notice `isSettled` for many trades: `venues[i]` with `tradeNumbers[i]`.
    function areSettled(bytes32[] calldata venues, uint64[] calldata tradeNumbers)
        external
        view
        returns (bool[] memory result)
    {
        result = new bool[](venues.length);
        for (uint256 i = 0; i < venues.length; ++i) {
            result[i] = isSettled(venues[i], tradeNumbers[i]);
        }
    }

    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    function _settleIsolated(bytes32 batchId, Leg[] calldata legs, uint256 groupIndex, uint256 minGasPerLeg)
        private
        returns (bool)
    {
        uint256 required = minGasPerLeg * legs.length + GROUP_GAS_RESERVE;
        // EIP-150 keeps 1/64 back from every call.
        uint256 available = gasleft() - gasleft() / 64;
        if (available < required) revert GasTooLow(available, required);
        (bool ok, bytes memory reason) = _trySelf(abi.encodeCall(this.settleGroup, (batchId, legs)));
        if (!ok) emit GroupFailed(batchId, groupIndex, reason);
        return ok;
    }

    function _settleLeg(bytes32 batchId, Leg calldata leg) private {
        bytes32 venue = leg.executingVenue;
        uint64 number = leg.tradeNumber;
        if (_settled[venue].get(number)) revert TradeAlreadySettled(venue, number);
        if (block.timestamp > leg.deadline) revert DeadlinePassed(venue, number, leg.deadline);
        if (leg.quantity == 0 || leg.amount == 0) revert ZeroAmount(venue, number);
        if (leg.seller == leg.buyer) revert SelfTrade(venue, number);
        (uint8 status, address cashToken) = listingRegistry.settlementTerms(leg.token, venue);
        if (status != listingRegistry.STATUS_LISTED()) revert NotListed(leg.token, venue, status);
        if (leg.cashToken != cashToken) revert CashTokenMismatch(leg.token, cashToken, leg.cashToken);

        // Before the transfers: a token that calls back finds the trade already settled.
        _settled[venue].set(number);
        _move(IERC20(leg.token), leg.seller, leg.buyer, leg.quantity);
        _move(IERC20(leg.cashToken), leg.buyer, leg.seller, leg.amount);
        emit LegSettled(
            venue, number, batchId, leg.homeVenue, leg.token, leg.seller, leg.buyer, leg.quantity, leg.amount
        );
    }

    /// @dev Checks both balances, so that neither a fee on transfer nor a token that answers true
    /// without moving anything can settle a trade at other terms than those signed.
    function _move(IERC20 token, address from, address to, uint256 value) private {
        uint256 fromBefore = token.balanceOf(from);
        uint256 toBefore = token.balanceOf(to);
        token.safeTransferFrom(from, to, value);
        bool exact = token.balanceOf(from) + value == fromBefore && token.balanceOf(to) == toBefore + value;
        if (!exact) revert TransferNotExact(address(token), from, to, value);
    }

    function _flatten(Leg[][] calldata groups) private pure returns (Flat memory flat) {
        if (groups.length == 0) revert EmptyBatch();
        uint256 count = 0;
        for (uint256 i = 0; i < groups.length; ++i) {
            if (groups[i].length == 0) revert EmptyGroup(i);
            count += groups[i].length;
        }
        if (count > MAX_LEGS) revert TooManyLegs(count, MAX_LEGS);
        flat.hashes = new bytes32[](count);
        flat.executing = new bytes32[](count);
        flat.home = new bytes32[](count);
        bytes32[] memory groupHashes = new bytes32[](groups.length);
        uint256 at = 0;
        for (uint256 i = 0; i < groups.length; ++i) {
            uint256 first = at;
            for (uint256 j = 0; j < groups[i].length; ++j) {
                Leg calldata leg = groups[i][j];
                flat.hashes[at] = keccak256(abi.encode(LEG_TYPEHASH, leg));
                flat.executing[at] = leg.executingVenue;
                flat.home[at] = leg.homeVenue;
                ++at;
            }
            groupHashes[i] = _hashSlice(flat.hashes, first, at);
        }
        flat.groupsHash = _hashSlice(groupHashes, 0, groupHashes.length);
    }

    function _checkSignatures(bytes32 batchId, Flat memory flat, VenueSignature[] calldata signatures) private view {
        uint256 covered = 0;
        for (uint256 i = 0; i < signatures.length; ++i) {
            bytes32 venue = signatures[i].venue;
            for (uint256 j = 0; j < i; ++j) {
                if (signatures[j].venue == venue) revert DuplicateVenueSignature(venue);
            }
            (bytes32 legsHash, uint256 mentions) = _venueLegs(flat, venue);
            if (mentions == 0) revert VenueNotInBatch(venue);
            covered += mentions;
            bytes32 digest = _hashTypedDataV4(
                keccak256(abi.encode(VENUE_BATCH_TYPEHASH, batchId, venue, legsHash, flat.groupsHash))
            );
            _checkSigner(venue, signatures[i].signer, digest, signatures[i].signature);
        }
        // Every leg names two venues. The signing venues are distinct, so the counts are equal only
        // when each named venue has signed.
        if (covered != 2 * flat.hashes.length) revert MissingVenueSignature(_firstMissing(flat, signatures));
    }

    function _checkSigner(bytes32 venue, address signer, bytes32 digest, bytes calldata signature) private view {
        (uint8 kind, uint8 status) = memberRegistry.memberStatus(venue);
        // A venue that is ceasing still settles what it traded.
        bool maySettle = kind == memberRegistry.KIND_VENUE()
            && (status == memberRegistry.STATUS_ACTIVE() || status == memberRegistry.STATUS_CEASING());
        if (!maySettle) revert VenueMayNotSettle(venue, kind, status);
        if (!memberRegistry.isSigner(venue, signer)) revert NotASigner(venue, signer);
        if (!SignatureChecker.isValidSignatureNow(signer, digest, signature)) {
            revert InvalidVenueSignature(venue, signer);
        }
    }

    /// @dev Hash over the legs that name the venue, and how often they name it (a leg whose
    /// executing and home venue are the same names it twice).
    function _venueLegs(Flat memory flat, bytes32 venue) private pure returns (bytes32 legsHash, uint256 mentions) {
        bytes32[] memory own = new bytes32[](flat.hashes.length);
        uint256 count = 0;
        for (uint256 i = 0; i < flat.hashes.length; ++i) {
            bool executes = flat.executing[i] == venue;
            bool isHome = flat.home[i] == venue;
            if (executes) ++mentions;
            if (isHome) ++mentions;
            if (executes || isHome) own[count++] = flat.hashes[i];
        }
        legsHash = _hashSlice(own, 0, count);
    }

    function _firstMissing(Flat memory flat, VenueSignature[] calldata signatures) private pure returns (bytes32) {
        for (uint256 i = 0; i < flat.hashes.length; ++i) {
            if (!_hasSigned(flat.executing[i], signatures)) return flat.executing[i];
            if (!_hasSigned(flat.home[i], signatures)) return flat.home[i];
        }
        // Unreachable: the caller found a venue missing.
        return bytes32(0);
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

    /// @dev try/catch would copy the whole revert data into memory, at the batch's expense.
    function _trySelf(bytes memory data) private returns (bool ok, bytes memory reason) {
        uint256 limit = MAX_REASON_BYTES;
        assembly ("memory-safe") {
            ok := call(gas(), address(), 0, add(data, 0x20), mload(data), 0, 0)
            reason := mload(0x40)
            let size := returndatasize()
            if gt(size, limit) { size := limit }
            mstore(reason, size)
            returndatacopy(add(reason, 0x20), 0, size)
            mstore(0x40, and(add(add(reason, 0x20), add(size, 0x1f)), not(0x1f)))
        }
    }
}
