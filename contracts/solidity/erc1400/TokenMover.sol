// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IErc1400} from "./Erc1400Interfaces.sol";

/// @title TokenMover
/// @notice Moves tokens for those who allowed it, whatever their standard: by allowance, or, for a
/// partition of an ERC-1400 token, as the holder's operator.
/// @dev An operator's authority has no amount: whoever uses this may move only what the holder's side
/// has signed. The partition the tokens arrive in must be the one they left, which comparing
/// `balanceOf` before and after proves.
library TokenMover {
    using SafeERC20 for IERC20;

    /// @param partition zero for tokens that are moved by `transferFrom`
    function move(address token, bytes32 partition, address from, address to, uint256 value) internal {
        if (partition == bytes32(0)) IERC20(token).safeTransferFrom(from, to, value);
        else IErc1400(token).operatorTransferByPartition(partition, from, to, value, "", "");
    }

    /// @notice The balance that `move` changes.
    function balanceOf(address token, bytes32 partition, address wallet) internal view returns (uint256) {
        if (partition == bytes32(0)) return IERC20(token).balanceOf(wallet);
        return IErc1400(token).balanceOfByPartition(partition, wallet);
    }
}
