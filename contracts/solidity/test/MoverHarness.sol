// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {TokenMover} from "../erc1400/TokenMover.sol";
import {MoveInFlight} from "../modules/MoveInFlight.sol";

/// @notice For tests: moves tokens as a settlement contract does, for anybody.
contract MoverHarness is MoveInFlight {
    error NotExact();

    function move(address token, bytes32 partition, address from, address to, uint256 value)
        external
        inFlight(token, from, to, value)
    {
        uint256 before = TokenMover.balanceOf(token, partition, to);
        TokenMover.move(token, partition, from, to, value);
        if (TokenMover.balanceOf(token, partition, to) != before + value) revert NotExact();
    }
}
