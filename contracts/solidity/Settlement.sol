// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Governed} from "./Governed.sol";
import {ListingRegistry} from "./ListingRegistry.sol";
import {MemberRegistry} from "./MemberRegistry.sol";
import {Netting} from "./settlement/Netting.sol";
import {Consent, Leg, Move, SignedMandate, VenueSignature} from "./settlement/SettlementTypes.sol";
import {VenueSignatures} from "./settlement/VenueSignatures.sol";

/// @title Settlement
/// @notice Delivery against payment for trades that venues attest. Holds no asset at any time:
/// wallets approve this contract, the venues sign, and each leg moves the token and the cash
/// directly between seller and buyer in one transaction.
/// @dev Not upgradeable, on purpose: investors approve this address to move their assets, and the
/// approval must not outlive the code they approved. A new version is a new address, announced
/// ahead (see Governed), and new approvals.
/// Anyone may submit a signed batch: the signatures fix everything that it does.
contract Settlement is VenueSignatures, Netting, ReentrancyGuardTransient, Pausable, Governed {
    /// @notice A hostile token cannot make the batch pay for copying its revert data.
    uint256 public constant MAX_REASON_BYTES = 512;
    /// @notice Gas that a group gets beside its legs': first touch of accounts and storage.
    uint256 public constant GROUP_GAS_RESERVE = 250_000;
    /// @notice The least gas that each leg of a group gets, whatever the submitter says: nobody can
    /// make a good group fail by sending it too little.
    uint256 public constant LEAST_GAS_PER_LEG = 250_000;

    uint8 private constant STATUS_LISTED = 2;
    uint8 private constant STANDARD_ERC1400 = 2;

    // What the listing registry says of a token at a venue, as kept within one call: cash token in
    // the low 160 bits, status above, then these marks.
    uint256 private constant STATUS_BIT = 160;
    uint256 private constant IS_PARTITIONED = 1 << 168;
    uint256 private constant IS_NETTABLE = 1 << 169;
    uint256 private constant IS_KEPT = 1 << 170;
    uint256 private constant USE_TERMS = 2;

    ListingRegistry public immutable listingRegistry;

    /// @dev By trade number, 256 in a word.
    mapping(bytes32 venue => mapping(uint256 word => uint256)) private _settled;
    mapping(bytes32 venue => mapping(uint256 word => uint256)) private _reversed;

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
    /// @notice The trade was undone: the token went back to the seller and the cash to the buyer.
    event LegReversed(
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
    /// @notice The batch is through; its legs and failed groups have events of their own.
    event BatchProcessed(
        bytes32 indexed batchId, address indexed submitter, uint256 legsDone, uint256 groupsFailed
    );
    /// @notice The batch settled net, with this many transfers.
    event BatchNetted(bytes32 indexed batchId, address indexed submitter, uint256 legs, uint256 moves);

    // Refusals of a whole batch, beside those of VenueSignatures: nothing of it is settled.
    /// @notice The transaction was sent with too little gas to tell a failing leg from a starved one.
    error GasTooLow(uint256 available, uint256 required);
    error MandatesMismatch(uint256 groups, uint256 given);
    error OnlySelf();

    // Refusals of one group, beside those of Mandates: its legs stay unsettled, their numbers unused.
    error TradeAlreadySettled(bytes32 venue, uint64 tradeNumber);
    error TradeNotSettled(bytes32 venue, uint64 tradeNumber);
    error TradeAlreadyReversed(bytes32 venue, uint64 tradeNumber);
    error DeadlinePassed(bytes32 venue, uint64 tradeNumber, uint64 deadline);
    error ZeroAmount(bytes32 venue, uint64 tradeNumber);
    error SelfTrade(bytes32 venue, uint64 tradeNumber);
    error NotListed(address token, bytes32 venue, uint8 status);
    error CashTokenMismatch(address token, address expected, address given);
    error NettingNotAllowed(address token);
    /// @notice The group used up all its gas (`GROUP_GAS_RESERVE` and its legs') without a reason.
    error GroupOutOfGas(uint256 given);

    constructor(MemberRegistry members, ListingRegistry listings, address governingAdmin)
        EIP712("Stoa Settlement", "1")
        VenueSignatures(members)
        Governed(governingAdmin)
    {
        listingRegistry = listings;
    }

    /// @notice Settles groups of legs. A group settles whole or not at all, whichever venues its legs
    /// come from; a failed group leaves the other groups alone and consumes no trade number.
    /// @dev Never send this with the gas of `eth_estimateGas`: the node finds the smallest gas at
    /// which the transaction succeeds, and it also succeeds with all groups failed.
    /// @param batchId the submitter's name for this batch; part of what the venues sign
    /// @param groups the legs; each inner array is one revert scope
    /// @param signatures one per venue that any leg names, over
    /// `VenueBatch(batchId, venue, legsHash, groupsHash)`; see VenueSignatures
    /// @param minGasPerLeg gas that each leg of a group gets, where that is more than
    /// `LEAST_GAS_PER_LEG`; costly compliance modules need it
    /// @return legsDone legs that settled
    /// @return groupsFailed groups that did not; each emitted `GroupFailed`
    function settle(
        bytes32 batchId,
        Leg[][] calldata groups,
        VenueSignature[] calldata signatures,
        uint256 minGasPerLeg
    ) external nonReentrant whenNotPaused returns (uint256 legsDone, uint256 groupsFailed) {
        _checkSignatures(VENUE_BATCH_TYPEHASH, batchId, _flatten(groups, _noMandates()), signatures);
        _beginTransfers();
        for (uint256 i = 0; i < groups.length; ++i) {
            Leg[] calldata legs = groups[i];
            if (_tryLegs(batchId, legs, i, minGasPerLeg)) legsDone += legs.length;
            else ++groupsFailed;
        }
        emit BatchProcessed(batchId, msg.sender, legsDone, groupsFailed);
    }

    /// @notice `settle` with investors' mandates.
    /// @param mandates for each group those that its legs are to be settled under; the venues sign
    /// them with the grouping
    function settleMandated(
        bytes32 batchId,
        Leg[][] calldata groups,
        SignedMandate[][] calldata mandates,
        VenueSignature[] calldata signatures,
        uint256 minGasPerLeg
    ) external nonReentrant whenNotPaused returns (uint256 legsDone, uint256 groupsFailed) {
        if (mandates.length != groups.length) revert MandatesMismatch(groups.length, mandates.length);
        _checkSignatures(VENUE_BATCH_TYPEHASH, batchId, _flatten(groups, mandates), signatures);
        _beginTransfers();
        for (uint256 i = 0; i < groups.length; ++i) {
            Leg[] calldata legs = groups[i];
            bytes memory callData = abi.encodeCall(this.settleMandatedGroup, (batchId, legs, mandates[i]));
            if (_try(batchId, callData, i, _gasOf(legs.length, minGasPerLeg))) legsDone += legs.length;
            else ++groupsFailed;
        }
        emit BatchProcessed(batchId, msg.sender, legsDone, groupsFailed);
    }

    /// @notice Settles legs, all or none, by fewer transfers: the result for each holder is that of
    /// the legs. For tokens that allow it (`ListingRegistry.setNetting`) only. Reverts with the
    /// reason of whatever fails.
    /// @param signatures over `VenueNettedBatch(batchId, venue, legsHash, groupsHash)`, with all legs
    /// and mandates as one group
    /// @param moves transfers that pay exactly what the legs add up to; not signed, because no other
    /// moves than such as bring debtors and creditors closer to zero are accepted
    function settleNetted(
        bytes32 batchId,
        Leg[] calldata legs,
        SignedMandate[] calldata mandates,
        VenueSignature[] calldata signatures,
        Move[] calldata moves
    ) external nonReentrant whenNotPaused {
        _checkSignatures(VENUE_NETTED_BATCH_TYPEHASH, batchId, _flatten(legs, mandates), signatures);
        _beginTransfers();
        _checkMandates(mandates);
        for (uint256 i = 0; i < legs.length; ++i) {
            Leg memory leg = legs[i];
            if (_admit(_currentCall(), leg) & IS_NETTABLE == 0) revert NettingNotAllowed(leg.token);
            _useMandates(batchId, leg, mandates);
            _owe(_currentCall(), leg);
            _emit(LegSettled.selector, batchId, leg);
        }
        for (uint256 i = 0; i < moves.length; ++i) {
            _payOff(_currentCall(), moves[i]);
            _makeMove(moves[i]);
        }
        _checkAllPaid();
        for (uint256 i = 0; i < moves.length; ++i) {
            bytes32 partition = listingRegistry.partitionOf(moves[i].token);
            _verify(_currentCall(), moves[i].token, partition, moves[i].from);
            _verify(_currentCall(), moves[i].token, partition, moves[i].to);
        }
        emit BatchNetted(batchId, msg.sender, legs.length, moves.length);
    }

    /// @notice Undoes settled trades: a bust, or the first half of a correction, whose second is a
    /// new trade. A trade is reversed at most once, and its number is never free again.
    /// @dev The venues could as well have settled an opposite trade, so that their word is enough for
    /// the terms; an account that requires mandates has to consent.
    /// @param groups the legs as they settled, with a deadline for the reversal
    /// @param consents for each group those of its accounts that require mandates, over
    /// `ReversalConsent(account, legHash)`
    /// @param signatures over `VenueReversal(batchId, venue, legsHash, groupsHash)`
    function reverse(
        bytes32 batchId,
        Leg[][] calldata groups,
        Consent[][] calldata consents,
        VenueSignature[] calldata signatures,
        uint256 minGasPerLeg
    ) external nonReentrant whenNotPaused returns (uint256 legsDone, uint256 groupsFailed) {
        if (consents.length != groups.length) revert MandatesMismatch(groups.length, consents.length);
        _checkSignatures(VENUE_REVERSAL_TYPEHASH, batchId, _flatten(groups, _noMandates()), signatures);
        _beginTransfers();
        for (uint256 i = 0; i < groups.length; ++i) {
            Leg[] calldata legs = groups[i];
            bytes memory callData = abi.encodeCall(this.reverseGroup, (batchId, legs, consents[i]));
            if (_try(batchId, callData, i, _gasOf(legs.length, minGasPerLeg))) legsDone += legs.length;
            else ++groupsFailed;
        }
        emit BatchProcessed(batchId, msg.sender, legsDone, groupsFailed);
    }

    /// @notice The revert scope of one group; only this contract can call it.
    function settleGroup(bytes32 batchId, Leg[] calldata legs) external {
        if (msg.sender != address(this)) revert OnlySelf();
        uint256 call_ = _currentCall();
        for (uint256 i = 0; i < legs.length; ++i) {
            Leg memory leg = legs[i];
            uint256 terms = _admit(call_, leg);
            _checkNoMandateRequired(leg);
            _deliver(call_, leg, terms);
            _emit(LegSettled.selector, batchId, leg);
        }
        _verifyLegs(call_, legs);
    }

    /// @notice The revert scope of one group with mandates; only this contract can call it.
    function settleMandatedGroup(bytes32 batchId, Leg[] calldata legs, SignedMandate[] calldata mandates) external {
        if (msg.sender != address(this)) revert OnlySelf();
        uint256 call_ = _currentCall();
        _checkMandates(mandates);
        for (uint256 i = 0; i < legs.length; ++i) {
            Leg memory leg = legs[i];
            uint256 terms = _admit(call_, leg);
            _useMandates(batchId, leg, mandates);
            _deliver(call_, leg, terms);
            _emit(LegSettled.selector, batchId, leg);
        }
        _verifyLegs(call_, legs);
    }

    /// @notice The revert scope of one group of reversals; only this contract can call it.
    function reverseGroup(bytes32 batchId, Leg[] calldata legs, Consent[] calldata consents) external {
        if (msg.sender != address(this)) revert OnlySelf();
        uint256 call_ = _currentCall();
        for (uint256 i = 0; i < legs.length; ++i) {
            Leg memory leg = legs[i];
            bytes32 venue = leg.executingVenue;
            uint256 terms = _terms(call_, leg.token, venue);
            _checkTerms(leg, terms);
            _checkConsents(leg, _legHash(legs[i]), consents);
            if (!isSettled(venue, leg.tradeNumber)) revert TradeNotSettled(venue, leg.tradeNumber);
            if (!_mark(_reversed[venue], leg.tradeNumber)) revert TradeAlreadyReversed(venue, leg.tradeNumber);
            _takeBack(call_, leg, terms);
            _emit(LegReversed.selector, batchId, leg);
        }
        _verifyLegs(call_, legs);
    }

    /// @notice Stops settlement at once; the assets stay where they are, in the wallets.
    function pause() external onlyGuardian {
        _pause();
    }

    function unpause() external onlyOwner {
        _unpause();
    }

    /// @notice Whether the trade has settled; it stays so when it is reversed.
    function isSettled(bytes32 venue, uint64 tradeNumber) public view returns (bool) {
        return _isMarked(_settled[venue], tradeNumber);
    }

    /// @notice Whether the trade has settled and was reversed.
    function isReversed(bytes32 venue, uint64 tradeNumber) public view returns (bool) {
        return _isMarked(_reversed[venue], tradeNumber);
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

    /// @dev Everything that a leg must be before its transfers; marks it settled, so that a token
    /// that calls back finds it so.
    function _admit(uint256 call_, Leg memory leg) private returns (uint256 terms) {
        bytes32 venue = leg.executingVenue;
        terms = _terms(call_, leg.token, venue);
        if (!_mark(_settled[venue], leg.tradeNumber)) revert TradeAlreadySettled(venue, leg.tradeNumber);
        _checkTerms(leg, terms);
        uint8 status = uint8(terms >> STATUS_BIT);
        if (status != STATUS_LISTED) revert NotListed(leg.token, venue, status);
    }

    function _checkTerms(Leg memory leg, uint256 terms) private view {
        if (block.timestamp > leg.deadline) {
            revert DeadlinePassed(leg.executingVenue, leg.tradeNumber, leg.deadline);
        }
        if (leg.quantity == 0 || leg.amount == 0) revert ZeroAmount(leg.executingVenue, leg.tradeNumber);
        if (leg.seller == leg.buyer) revert SelfTrade(leg.executingVenue, leg.tradeNumber);
        address cashToken = address(uint160(terms));
        if (leg.cashToken != cashToken) {
            if (cashToken == address(0)) revert NotListed(leg.token, leg.executingVenue, 0);
            revert CashTokenMismatch(leg.token, cashToken, leg.cashToken);
        }
    }

    /// @dev Asked once per token and venue of a call: a hundred legs are often of one listing.
    function _terms(uint256 call_, address token, bytes32 venue) private returns (uint256 terms) {
        uint256 key = _transientKey(call_, USE_TERMS, token, uint256(venue));
        assembly ("memory-safe") {
            terms := tload(key)
        }
        if (terms != 0) return terms;
        (uint8 status, uint8 standard, bool nettable, address cashToken) =
            listingRegistry.settlementTerms(token, venue);
        terms = uint160(cashToken) | (uint256(status) << STATUS_BIT) | IS_KEPT;
        if (standard == STANDARD_ERC1400) terms |= IS_PARTITIONED;
        if (nettable) terms |= IS_NETTABLE;
        assembly ("memory-safe") {
            tstore(key, terms)
        }
    }

    function _partition(Leg memory leg, uint256 terms) private view returns (bytes32) {
        return terms & IS_PARTITIONED == 0 ? bytes32(0) : listingRegistry.partitionOf(leg.token);
    }

    function _deliver(uint256 call_, Leg memory leg, uint256 terms) private {
        bytes32 partition = _partition(leg, terms);
        _transferSecurity(call_, leg.token, partition, leg.seller, leg.buyer, leg.quantity);
        _transfer(call_, leg.cashToken, 0, leg.buyer, leg.seller, leg.amount);
    }

    function _takeBack(uint256 call_, Leg memory leg, uint256 terms) private {
        bytes32 partition = _partition(leg, terms);
        _transferSecurity(call_, leg.token, partition, leg.buyer, leg.seller, leg.quantity);
        _transfer(call_, leg.cashToken, 0, leg.seller, leg.buyer, leg.amount);
    }

    function _makeMove(Move calldata move) private {
        bytes32 partition = listingRegistry.partitionOf(move.token);
        _transferSecurity(_currentCall(), move.token, partition, move.from, move.to, move.value);
    }

    function _verifyLegs(uint256 call_, Leg[] calldata legs) private {
        for (uint256 i = 0; i < legs.length; ++i) {
            Leg memory leg = legs[i];
            address token = leg.token;
            bytes32 partition = _partition(leg, _terms(call_, token, leg.executingVenue));
            (address seller, address buyer) = (leg.seller, leg.buyer);
            _verify(call_, token, partition, seller);
            _verify(call_, token, partition, buyer);
            token = leg.cashToken;
            _verify(call_, token, 0, seller);
            _verify(call_, token, 0, buyer);
        }
    }

    /// @dev Emits `LegSettled` or `LegReversed`, which have the same fields.
    function _emit(bytes32 eventSelector, bytes32 batchId, Leg memory leg) private {
        (bytes32 venue, uint64 tradeNumber) = (leg.executingVenue, leg.tradeNumber);
        assembly ("memory-safe") {
            let free := mload(0x40)
            // homeVenue; token; seller, buyer, quantity and amount
            mstore(free, mload(add(leg, 0x20)))
            mstore(add(free, 0x20), mload(add(leg, 0x60)))
            mcopy(add(free, 0x40), add(leg, 0xa0), 0x80)
            log4(free, 0xc0, eventSelector, venue, tradeNumber, batchId)
        }
    }

    /// @return fresh whether the number was not marked before
    function _mark(mapping(uint256 => uint256) storage marks, uint64 number) private returns (bool fresh) {
        uint256 word = marks[number >> 8];
        uint256 bit = 1 << (number & 0xff);
        fresh = word & bit == 0;
        if (fresh) marks[number >> 8] = word | bit;
    }

    function _isMarked(mapping(uint256 => uint256) storage marks, uint64 number) private view returns (bool) {
        return (marks[number >> 8] >> (number & 0xff)) & 1 == 1;
    }

    function _noMandates() private pure returns (SignedMandate[][] calldata none) {
        assembly ("memory-safe") {
            none.offset := 0
            none.length := 0
        }
    }

    function _gasOf(uint256 legs, uint256 minGasPerLeg) private pure returns (uint256) {
        uint256 perLeg = minGasPerLeg > LEAST_GAS_PER_LEG ? minGasPerLeg : LEAST_GAS_PER_LEG;
        return GROUP_GAS_RESERVE + perLeg * legs;
    }

    /// @dev `_try` of `settleGroup`. Legs are static, so that their calldata is their encoding: it is
    /// copied whole instead of field by field.
    function _tryLegs(bytes32 batchId, Leg[] calldata legs, uint256 groupIndex, uint256 minGasPerLeg)
        private
        returns (bool)
    {
        uint256 size = legs.length * LEG_BYTES;
        bytes memory callData;
        bytes4 selector = this.settleGroup.selector;
        assembly ("memory-safe") {
            // Not allocated: nothing else is written before the call, and what comes after it may.
            callData := mload(0x40)
            mstore(callData, add(0x64, size))
            mstore(add(callData, 0x20), selector)
            mstore(add(callData, 0x24), batchId)
            mstore(add(callData, 0x44), 0x40)
            mstore(add(callData, 0x64), legs.length)
            calldatacopy(add(callData, 0x84), legs.offset, size)
        }
        return _try(batchId, callData, groupIndex, _gasOf(legs.length, minGasPerLeg));
    }

    /// @dev Calls this contract with exactly the gas that the group may use: one that burns all of it
    /// cannot starve the others. try/catch would copy the whole revert data into memory.
    function _try(bytes32 batchId, bytes memory callData, uint256 groupIndex, uint256 gasGiven) private returns (bool ok) {
        // EIP-150 keeps 1/64 back from every call.
        uint256 available = gasleft() - gasleft() / 64;
        if (available < gasGiven) revert GasTooLow(available, gasGiven);
        uint256 gasUsed = gasleft();
        assembly ("memory-safe") {
            ok := call(gasGiven, address(), 0, add(callData, 0x20), mload(callData), 0, 0)
        }
        if (ok) return ok;
        gasUsed -= gasleft();
        bytes memory reason = _boundedReturnData();
        // All but 1/64 per level of the calls inside, of which a few remain unspent.
        if (reason.length == 0 && gasUsed > gasGiven - gasGiven / 16) {
            reason = abi.encodeWithSelector(GroupOutOfGas.selector, gasGiven);
        }
        emit GroupFailed(batchId, groupIndex, reason);
    }

    function _boundedReturnData() private pure returns (bytes memory reason) {
        uint256 limit = MAX_REASON_BYTES;
        assembly ("memory-safe") {
            reason := mload(0x40)
            let size := returndatasize()
            if gt(size, limit) { size := limit }
            mstore(reason, size)
            returndatacopy(add(reason, 0x20), 0, size)
            mstore(0x40, and(add(add(reason, 0x20), add(size, 0x1f)), not(0x1f)))
        }
    }
}
