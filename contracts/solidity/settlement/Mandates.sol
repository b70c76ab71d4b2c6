// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Consent, Leg, Mandate, SignedMandate} from "./SettlementTypes.sol";
import {Signatures} from "./Signatures.sol";

/// @notice What investors allow, beyond what venues attest. An account that requires mandates can be
/// moved by no pair of venues but within one that it signed. Anyone else may sign mandates too: where
/// a batch carries one, it binds.
abstract contract Mandates is Signatures {
    uint8 public constant SIDE_BUY = 1;
    uint8 public constant SIDE_SELL = 2;

    bytes32 public constant MANDATE_TYPEHASH = keccak256(
        "Mandate(address investor,uint8 side,address token,address cashToken,uint256 limitAmount,"
        "uint256 limitQuantity,uint256 quantity,uint64 expiry,uint256 nonce,bytes32[] venues)"
    );
    /// @notice `leg` is the EIP-712 hash of the leg that is reversed, its deadline included.
    bytes32 public constant REVERSAL_CONSENT_TYPEHASH =
        keccak256("ReversalConsent(address account,bytes32 leg)");

    mapping(address account => bool) private _required;
    mapping(address investor => uint256) private _leastNonce;
    /// @dev By nonce; the largest number means withdrawn.
    mapping(address investor => mapping(uint256 nonce => uint256)) private _filled;

    event MandatesRequired(address indexed account, bool required);
    event MandateWithdrawn(address indexed investor, uint256 indexed nonce);
    event MandatesWithdrawnBelow(address indexed investor, uint256 nonce);
    /// @param filled cumulative, this trade included
    event MandateUsed(
        address indexed investor,
        uint256 indexed nonce,
        bytes32 indexed batchId,
        bytes32 executingVenue,
        uint64 tradeNumber,
        uint256 filled
    );

    error MandateRequired(address account);
    error InvalidMandate(address investor, uint256 nonce);
    error InvalidMandateSignature(address investor, uint256 nonce);
    error MandateExpired(address investor, uint256 nonce, uint64 expiry);
    error MandateIsWithdrawn(address investor, uint256 nonce);
    error MandateVenueNotAllowed(address investor, uint256 nonce, bytes32 venue);
    error MandatePriceExceeded(address investor, uint256 nonce, uint256 amount, uint256 quantity);
    error MandateQuantityExceeded(address investor, uint256 nonce, uint256 filled, uint256 quantity);
    error ConsentRequired(address account);

    /// @notice Declares whether the caller's account can be moved only within mandates it signed.
    function requireMandates(bool required) external {
        _required[msg.sender] = required;
        emit MandatesRequired(msg.sender, required);
    }

    /// @notice Ends every mandate of the caller with this nonce.
    function withdrawMandate(uint256 nonce) external {
        _filled[msg.sender][nonce] = type(uint256).max;
        emit MandateWithdrawn(msg.sender, nonce);
    }

    /// @notice Ends every mandate of the caller with a lower nonce. Cannot be taken back.
    function withdrawMandatesBelow(uint256 nonce) external {
        uint256 least = _leastNonce[msg.sender];
        if (nonce <= least) revert InvalidMandate(msg.sender, nonce);
        _leastNonce[msg.sender] = nonce;
        emit MandatesWithdrawnBelow(msg.sender, nonce);
    }

    function requiresMandates(address account) external view returns (bool) {
        return _required[account];
    }

    /// @notice How much the mandates of this nonce have filled, and whether they can fill more.
    function mandateState(address investor, uint256 nonce) external view returns (uint256 filled, bool withdrawn) {
        filled = _filled[investor][nonce];
        withdrawn = filled == type(uint256).max || nonce < _leastNonce[investor];
        if (filled == type(uint256).max) filled = 0;
    }

    /// @dev EIP-712 hashStruct.
    function _mandateHash(Mandate calldata mandate) internal pure returns (bytes32) {
        return keccak256(
            bytes.concat(
                abi.encode(
                    MANDATE_TYPEHASH,
                    mandate.investor,
                    mandate.side,
                    mandate.token,
                    mandate.cashToken,
                    mandate.limitAmount,
                    mandate.limitQuantity
                ),
                abi.encode(
                    mandate.quantity, mandate.expiry, mandate.nonce, keccak256(abi.encodePacked(mandate.venues))
                )
            )
        );
    }

    /// @dev What holds for a mandate whatever the trade; once for each mandate of a group.
    function _checkMandates(SignedMandate[] calldata mandates) internal view {
        for (uint256 i = 0; i < mandates.length; ++i) {
            Mandate calldata mandate = mandates[i].mandate;
            address investor = mandate.investor;
            uint256 nonce = mandate.nonce;
            bool makesSense = (mandate.side == SIDE_BUY || mandate.side == SIDE_SELL) && mandate.limitQuantity != 0
                && mandate.quantity != type(uint256).max;
            if (!makesSense) revert InvalidMandate(investor, nonce);
            if (block.timestamp > mandate.expiry) revert MandateExpired(investor, nonce, mandate.expiry);
            if (nonce < _leastNonce[investor]) revert MandateIsWithdrawn(investor, nonce);
            if (!_isSigned(investor, _mandateHash(mandate), mandates[i].signature)) {
                revert InvalidMandateSignature(investor, nonce);
            }
        }
    }

    /// @dev Both sides of a leg, against mandates that `_checkMandates` accepted.
    function _useMandates(bytes32 batchId, Leg memory leg, SignedMandate[] calldata mandates) internal {
        _useMandate(batchId, leg, mandates, SIDE_BUY, leg.buyer);
        _useMandate(batchId, leg, mandates, SIDE_SELL, leg.seller);
    }

    /// @dev A leg of a group without mandates: neither account may require one.
    function _checkNoMandateRequired(Leg memory leg) internal view {
        if (_required[leg.buyer]) revert MandateRequired(leg.buyer);
        if (_required[leg.seller]) revert MandateRequired(leg.seller);
    }

    /// @dev An account that no pair of venues can trade for, no pair can un-trade for either.
    function _checkConsents(Leg memory leg, bytes32 legHash, Consent[] calldata consents) internal view {
        _checkConsent(leg.buyer, legHash, consents);
        _checkConsent(leg.seller, legHash, consents);
    }

    function _checkConsent(address account, bytes32 legHash, Consent[] calldata consents) private view {
        if (!_required[account]) return;
        for (uint256 i = 0; i < consents.length; ++i) {
            if (consents[i].account != account) continue;
            bytes32 structHash = keccak256(abi.encode(REVERSAL_CONSENT_TYPEHASH, account, legHash));
            if (_isSigned(account, structHash, consents[i].signature)) return;
        }
        revert ConsentRequired(account);
    }

    /// @dev The first mandate of the group that is for this account, side and pair of tokens counts.
    function _useMandate(
        bytes32 batchId,
        Leg memory leg,
        SignedMandate[] calldata mandates,
        uint8 side,
        address account
    ) private {
        for (uint256 i = 0; i < mandates.length; ++i) {
            Mandate calldata mandate = mandates[i].mandate;
            bool isFor = mandate.investor == account && mandate.side == side && mandate.token == leg.token
                && mandate.cashToken == leg.cashToken;
            if (!isFor) continue;
            _fill(batchId, leg, mandate);
            return;
        }
        if (_required[account]) revert MandateRequired(account);
    }

    function _fill(bytes32 batchId, Leg memory leg, Mandate calldata mandate) private {
        address investor = mandate.investor;
        uint256 nonce = mandate.nonce;
        bytes32 venue = leg.executingVenue;
        if (!_allowsVenue(mandate.venues, venue)) revert MandateVenueNotAllowed(investor, nonce, venue);
        if (!_allowsPrice(mandate, leg)) {
            revert MandatePriceExceeded(investor, nonce, leg.amount, leg.quantity);
        }
        uint256 filled = _filled[investor][nonce];
        if (filled == type(uint256).max) revert MandateIsWithdrawn(investor, nonce);
        filled += leg.quantity;
        if (filled > mandate.quantity) revert MandateQuantityExceeded(investor, nonce, filled, mandate.quantity);
        _filled[investor][nonce] = filled;
        emit MandateUsed(investor, nonce, batchId, venue, leg.tradeNumber, filled);
    }

    function _allowsVenue(bytes32[] calldata venues, bytes32 venue) private pure returns (bool) {
        for (uint256 i = 0; i < venues.length; ++i) {
            if (venues[i] == venue) return true;
        }
        return venues.length == 0;
    }

    /// @dev amount / quantity against limitAmount / limitQuantity, multiplied out in 512 bits: no
    /// rounding, no overflow.
    function _allowsPrice(Mandate calldata mandate, Leg memory leg) private pure returns (bool) {
        (uint256 paidHigh, uint256 paidLow) = Math.mul512(leg.amount, mandate.limitQuantity);
        (uint256 limitHigh, uint256 limitLow) = Math.mul512(mandate.limitAmount, leg.quantity);
        bool isLess = paidHigh < limitHigh || (paidHigh == limitHigh && paidLow < limitLow);
        bool isEqual = paidHigh == limitHigh && paidLow == limitLow;
        return isEqual || isLess == (mandate.side == SIDE_BUY);
    }
}
