// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @notice For benchmarks: the two `transferFrom` calls of each trade and nothing else. No signature,
/// no replay guard, no event, no check of a result: what settlement can never be cheaper than.
contract RawTransfers {
    struct Trade {
        IERC20 token;
        IERC20 cashToken;
        address seller;
        address buyer;
        uint256 quantity;
        uint256 amount;
    }

    function move(Trade[] calldata trades) external {
        for (uint256 i = 0; i < trades.length; ++i) {
            Trade calldata trade = trades[i];
            trade.token.transferFrom(trade.seller, trade.buyer, trade.quantity);
            trade.cashToken.transferFrom(trade.buyer, trade.seller, trade.amount);
        }
    }
}
