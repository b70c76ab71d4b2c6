// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {TokenMover} from "../erc1400/TokenMover.sol";
import {MoveInFlight} from "../modules/MoveInFlight.sol";

/// @notice Transfers whose effect is compared with what was signed: each wallet that a group touches
/// must end with exactly what its legs say, or the group reverts. So neither a fee on transfer, on
/// whichever side, nor a token that answers true without moving anything can settle a trade.
/// @dev The balance each wallet should have is kept in transient storage, from its first touch in
/// the call onwards: a balance is read once before and once after each group, not twice for each
/// transfer. A group that reverts takes its expectations with it (EIP-1153).
abstract contract ExactTransfers is MoveInFlight {
    /// @dev An expectation is a balance with these marks. A token whose balances reach 2^254 is none
    /// that we can settle.
    uint256 private constant KNOWN = 1 << 255;
    uint256 private constant UNVERIFIED = 1 << 254;
    uint256 private constant LARGEST_BALANCE = UNVERIFIED - 1;

    uint256 private constant USE_BALANCE = 1;

    /// @dev Tells apart the calls that one transaction makes.
    uint256 private transient _call;

    /// @notice The wallet's balance changed by something else than the legs say.
    error TransferNotExact(address token, address wallet, uint256 expected, uint256 balance);
    error BalanceTooLarge(address token, address wallet);
    error BalanceUnreadable(address token);

    /// @dev Forgets what earlier calls of the transaction saw: balances may have changed between.
    function _beginTransfers() internal {
        ++_call;
    }

    /// @return the current call, for `_transientKey`
    function _currentCall() internal view returns (uint256) {
        return _call;
    }

    /// @dev Moves and notes; `_verify` has to follow in the same revert scope for both wallets.
    function _transfer(uint256 call_, address token, bytes32 partition, address from, address to, uint256 value)
        internal
    {
        uint256 fromKey = _transientKey(call_, USE_BALANCE, token, uint160(from));
        uint256 toKey = _transientKey(call_, USE_BALANCE, token, uint160(to));
        uint256 fromBefore = _expected(fromKey, token, partition, from);
        uint256 toBefore = _expected(toKey, token, partition, to);
        TokenMover.move(token, partition, from, to, value);
        if (fromBefore < value) revert TransferNotExact(token, from, fromBefore, value);
        unchecked {
            // Neither can wrap: each is at most a balance, and a balance is below 2^254.
            uint256 toAfter = toBefore + value;
            if (toAfter > LARGEST_BALANCE) revert BalanceTooLarge(token, to);
            uint256 fromAfter = (fromBefore - value) | (KNOWN | UNVERIFIED);
            toAfter |= KNOWN | UNVERIFIED;
            assembly ("memory-safe") {
                tstore(fromKey, fromAfter)
                tstore(toKey, toAfter)
            }
        }
    }

    /// @dev `_transfer` of a security token, of which its compliance modules may ask whether it is
    /// this contract that moves it.
    function _transferSecurity(
        uint256 call_,
        address token,
        bytes32 partition,
        address from,
        address to,
        uint256 value
    ) internal inFlight(token, from, to, value) {
        _transfer(call_, token, partition, from, to, value);
    }

    /// @dev Compares the wallet's balance with the expectation, unless that was done since.
    function _verify(uint256 call_, address token, bytes32 partition, address wallet) internal {
        uint256 key = _transientKey(call_, USE_BALANCE, token, uint160(wallet));
        uint256 entry;
        assembly ("memory-safe") {
            entry := tload(key)
        }
        if (entry & UNVERIFIED == 0) return;
        uint256 expected = entry & LARGEST_BALANCE;
        uint256 balance = _balance(token, partition, wallet);
        if (balance != expected) revert TransferNotExact(token, wallet, expected, balance);
        assembly ("memory-safe") {
            tstore(key, xor(entry, UNVERIFIED))
        }
    }

    /// @dev A place in transient storage for (use, token, what) in this call.
    function _transientKey(uint256 call_, uint256 use, address token, uint256 what)
        internal
        pure
        returns (uint256 key)
    {
        assembly ("memory-safe") {
            mstore(0x00, or(or(shl(168, call_), shl(160, use)), token))
            mstore(0x20, what)
            key := keccak256(0x00, 0x40)
        }
    }

    function _expected(uint256 key, address token, bytes32 partition, address wallet) private view returns (uint256) {
        uint256 entry;
        assembly ("memory-safe") {
            entry := tload(key)
        }
        if (entry != 0) return entry & LARGEST_BALANCE;
        uint256 balance = _balance(token, partition, wallet);
        if (balance > LARGEST_BALANCE) revert BalanceTooLarge(token, wallet);
        return balance;
    }

    /// @dev `balanceOf` without the compiler's encoding and decoding: it is asked some four times a leg.
    function _balance(address token, bytes32 partition, address wallet) private view returns (uint256 held) {
        if (partition != 0) return TokenMover.balanceOf(token, partition, wallet);
        bytes4 selector = IERC20.balanceOf.selector;
        bool ok;
        assembly ("memory-safe") {
            mstore(0x00, selector)
            mstore(0x04, wallet)
            ok := and(gt(returndatasize(), 0x1f), staticcall(gas(), token, 0x00, 0x24, 0x00, 0x20))
            held := mload(0x00)
        }
        if (!ok) revert BalanceUnreadable(token);
    }
}
