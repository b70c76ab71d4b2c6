// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {ExactTransfers} from "./ExactTransfers.sol";
import {Leg, Move} from "./SettlementTypes.sol";

/// @notice Settles many trades with fewer transfers: what each wallet owes and is owed is summed up
/// per token, and moves that anyone proposes are accepted as long as each brings a debtor and a
/// creditor closer to zero. At the end every sum is zero, so that holders have what they would have
/// had trade by trade.
/// @dev The sums live in transient storage. No move can pass through a wallet that trades nothing.
abstract contract Netting is ExactTransfers {
    uint256 private constant USE_SUM = 3;

    uint256 private transient _open;

    /// @notice The move is not from one who owes to one who is owed, or is larger than that.
    error MoveNotOwed(address token, address from, address to, uint256 value);
    /// @notice The moves leave this many wallets' sums open.
    error NettingIncomplete(uint256 open);
    error AmountTooLarge(uint256 amount);

    function _owe(uint256 call_, Leg memory leg) internal {
        _add(call_, leg.token, leg.seller, leg.buyer, leg.quantity);
        _add(call_, leg.cashToken, leg.buyer, leg.seller, leg.amount);
    }

    /// @dev Consumes what is owed by the amount of the move.
    function _payOff(uint256 call_, Move calldata move) internal {
        uint256 fromKey = _sumKey(call_, move.token, move.from);
        uint256 toKey = _sumKey(call_, move.token, move.to);
        (int256 from, int256 to) = (_read(fromKey), _read(toKey));
        int256 value = _signed(move.value);
        bool isOwed = value > 0 && from <= -value && to >= value;
        if (!isOwed) revert MoveNotOwed(move.token, move.from, move.to, move.value);
        _write(fromKey, from, from + value);
        _write(toKey, to, to - value);
    }

    function _checkAllPaid() internal view {
        if (_open != 0) revert NettingIncomplete(_open);
    }

    function _add(uint256 call_, address token, address from, address to, uint256 value) private {
        int256 amount = _signed(value);
        uint256 fromKey = _sumKey(call_, token, from);
        uint256 toKey = _sumKey(call_, token, to);
        int256 debtor = _read(fromKey);
        _write(fromKey, debtor, debtor - amount);
        int256 creditor = _read(toKey);
        _write(toKey, creditor, creditor + amount);
    }

    function _signed(uint256 value) private pure returns (int256) {
        // Far below the limit of the type, so that a sum of a hundred cannot pass it.
        if (value > type(uint128).max) revert AmountTooLarge(value);
        return int256(value);
    }

    function _sumKey(uint256 call_, address token, address wallet) private pure returns (uint256) {
        return _transientKey(call_, USE_SUM, token, uint160(wallet));
    }

    function _read(uint256 key) private view returns (int256 sum) {
        assembly ("memory-safe") {
            sum := tload(key)
        }
    }

    function _write(uint256 key, int256 before, int256 sum) private {
        if (before == 0 && sum != 0) ++_open;
        if (before != 0 && sum == 0) --_open;
        assembly ("memory-safe") {
            tstore(key, sum)
        }
    }
}
