// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {IErc1400, IErc1594} from "../erc1400/Erc1400Interfaces.sol";
import {BoundedCall} from "./BoundedCall.sol";
import {ASK_GAS, ASK_LONG_GAS, Answer, Check, Question} from "./PreTradeTypes.sol";

/// @title Erc1400Checks
/// @notice The conditions of a transfer of an ERC-1400 token: balance of the partition, authority of
/// the settlement contract, and the token's own answer as an ERC-1400 status byte.
/// @dev Who asks matters to some tokens: they answer "invalid operator" or "insufficient allowance"
/// about the lens, which is neither. Unless the settlement contract lacks the authority too, such an
/// answer tells nothing and leaves STATUS unanswered: ask again as that contract, or, for a receiver
/// alone, as the receiver.
library Erc1400Checks {
    bytes1 internal constant SUCCESS = 0x51;
    bytes1 internal constant INSUFFICIENT_BALANCE = 0x52;
    bytes1 internal constant INSUFFICIENT_ALLOWANCE = 0x53;
    bytes1 internal constant FUNDS_LOCKED = 0x55;
    bytes1 internal constant INVALID_RECEIVER = 0x57;
    bytes1 internal constant INVALID_OPERATOR = 0x58;
    uint256 internal constant MAX_ANSWER_BYTES = 256;

    function check(Question calldata asked, Answer memory answer) internal view {
        // Not of the standard; tokens that have it mean it.
        (bool answered, uint256 paused) =
            BoundedCall.word(asked.token, abi.encodeWithSignature("paused()"), ASK_GAS);
        if (answered && paused == 1) answer.failed |= Check.PAUSED;
        if (asked.from != address(0)) _checkSender(asked, answer);
        _checkStatus(asked, answer);
        answer.contracts = new address[](1);
        answer.contracts[0] = asked.token;
    }

    function _checkSender(Question calldata asked, Answer memory answer) private view {
        bool isDefault = asked.partition == bytes32(0);
        bytes memory balanceOf = isDefault
            ? abi.encodeCall(IErc1400.balanceOf, (asked.from))
            : abi.encodeCall(IErc1400.balanceOfByPartition, (asked.partition, asked.from));
        (bool hasBalance, uint256 balance) = BoundedCall.word(asked.token, balanceOf, ASK_GAS);
        if (!hasBalance) answer.unanswered |= Check.BALANCE;
        else if (balance < asked.quantity) answer.failed |= Check.BALANCE;
        answer.balance = balance;

        bytes memory authority = isDefault
            ? abi.encodeCall(IErc1400.allowance, (asked.from, asked.operator))
            : abi.encodeCall(IErc1400.isOperatorForPartition, (asked.partition, asked.operator, asked.from));
        (bool hasAuthority, uint256 allowance) = BoundedCall.word(asked.token, authority, ASK_GAS);
        if (!isDefault && allowance == 0) {
            // An operator for all partitions is one for this; not every token says so itself.
            (hasAuthority, allowance) = BoundedCall.word(
                asked.token, abi.encodeCall(IErc1400.isOperator, (asked.operator, asked.from)), ASK_GAS
            );
        }
        // An operator's authority has no amount.
        if (!isDefault && allowance == 1) allowance = type(uint256).max;
        if (!hasAuthority) answer.unanswered |= Check.ALLOWANCE;
        else if (allowance < asked.quantity) answer.failed |= Check.ALLOWANCE;
        answer.allowance = allowance;
    }

    /// @dev With one side only, it is asked about a transfer from that wallet to itself: of the
    /// quantity for a sender, of nothing for a receiver, who need not hold any yet.
    function _checkStatus(Question calldata asked, Answer memory answer) private view {
        if (asked.from == address(0) && asked.to == address(0)) return;
        address from = asked.from == address(0) ? asked.to : asked.from;
        address to = asked.to == address(0) ? asked.from : asked.to;
        uint256 quantity = asked.from == address(0) ? 0 : asked.quantity;
        bytes memory question = asked.partition == bytes32(0)
            ? abi.encodeCall(IErc1594.canTransferFrom, (from, to, quantity, ""))
            : abi.encodeCall(IErc1400.canTransferByPartition, (from, to, asked.partition, quantity, ""));
        (bool answered, bytes memory result) =
            BoundedCall.many(asked.token, question, ASK_LONG_GAS, MAX_ANSWER_BYTES);
        (bool understood, bytes1 status, bytes32 code) =
            decode(result, asked.partition == bytes32(0));
        if (!answered || !understood) {
            answer.unanswered |= Check.STATUS;
            return;
        }
        (answer.status, answer.statusCode) = (status, code);
        if (status == SUCCESS) return;
        bool aboutOperator = status == INVALID_OPERATOR || status == INSUFFICIENT_ALLOWANCE;
        bool aboutFunds = status == INSUFFICIENT_BALANCE || status == FUNDS_LOCKED;
        // A receiver needs no funds, and a sender need not be able to receive.
        if (asked.from == address(0) && aboutFunds) return;
        if (asked.to == address(0) && status == INVALID_RECEIVER) return;
        if (aboutOperator && answer.failed & Check.ALLOWANCE == 0) answer.unanswered |= Check.STATUS;
        else answer.failed |= Check.STATUS;
    }

    /// @notice Reads both shapes of the answer.
    /// @dev `canTransferByPartition` is (bytes1, bytes32, bytes32) in both texts. `canTransfer` and
    /// `canTransferFrom` are (bytes1, bytes32) in ERC-1400's and (bool, bytes1, bytes32) in
    /// ERC-1594's, under the same selector: only the length tells them apart.
    /// @param byLength whether the answer is of the second kind
    function decode(bytes memory result, bool byLength)
        internal
        pure
        returns (bool understood, bytes1 status, bytes32 code)
    {
        if (result.length != 96 && !(byLength && result.length == 64)) return (false, 0, 0);
        uint256 first = BoundedCall.wordAt(result, 0);
        if (!byLength || result.length == 64) {
            return (uint248(first) == 0, bytes1(bytes32(first)), bytes32(BoundedCall.wordAt(result, 32)));
        }
        uint256 second = BoundedCall.wordAt(result, 32);
        if (first > 1 || uint248(second) != 0) return (false, 0, 0);
        status = bytes1(bytes32(second));
        // The truth value decides; a token that answers yes beside another byte means yes.
        if (first == 1) status = SUCCESS;
        else if (status == SUCCESS) status = 0x50;
        return (true, status, bytes32(BoundedCall.wordAt(result, 64)));
    }
}
