// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

/// @notice Asked by VenueOnlyModule of the settlement contracts that an issuer has approved.
interface IMoveInFlight {
    /// @return whether this very move is what the contract is making at this moment
    function isMoving(address token, address from, address to, uint256 value) external view returns (bool);
}

/// @title MoveInFlight
/// @notice Tells others which move is being made. A compliance module is told neither who moves nor
/// why, so the settlement contract says it.
/// @dev Names one exact move, and in transient storage: a token that calls back during a settlement
/// can use it for nothing else, and it is gone with the transaction.
abstract contract MoveInFlight is IMoveInFlight {
    bytes32 private transient _move;

    /// @dev Around the call that moves the tokens, and nothing else.
    modifier inFlight(address token, address from, address to, uint256 value) {
        _move = _moveHash(token, from, to, value);
        _;
        _move = bytes32(0);
    }

    /// @inheritdoc IMoveInFlight
    function isMoving(address token, address from, address to, uint256 value) external view returns (bool) {
        return _move == _moveHash(token, from, to, value);
    }

    function _moveHash(address token, address from, address to, uint256 value) private pure returns (bytes32) {
        return keccak256(abi.encode(token, from, to, value));
    }
}
