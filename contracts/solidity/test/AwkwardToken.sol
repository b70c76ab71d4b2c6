// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice For tests: an ERC-20 with the habits that Settlement must survive, chosen by `behave`.
contract AwkwardToken is ERC20 {
    uint8 public constant PLAIN = 0;
    uint8 public constant FEE_ON_TRANSFER = 1;
    uint8 public constant LIES = 2;
    uint8 public constant HUGE_REVERT = 3;
    uint8 public constant CALLS_BACK = 4;
    uint8 public constant BURNS_GAS = 5;

    uint8 public behaviour;
    address public target;
    bytes public callback;

    constructor() ERC20("Awkward", "AWK") {}

    function behave(uint8 behaviour_, address target_, bytes calldata callback_) external {
        behaviour = behaviour_;
        target = target_;
        callback = callback_;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        if (behaviour == LIES) return true;
        if (behaviour == HUGE_REVERT) {
            assembly ("memory-safe") {
                revert(0, 100000)
            }
        }
        if (behaviour == CALLS_BACK) {
            (bool ok, bytes memory reason) = target.call(callback);
            if (!ok) {
                assembly ("memory-safe") {
                    revert(add(reason, 0x20), mload(reason))
                }
            }
        }
        if (behaviour == BURNS_GAS) {
            uint256 sink = 0;
            while (gasleft() > 100) ++sink;
        }
        _spendAllowance(from, msg.sender, value);
        if (behaviour == FEE_ON_TRANSFER) {
            _transfer(from, address(this), value / 100);
            _transfer(from, to, value - value / 100);
        } else {
            _transfer(from, to, value);
        }
        return true;
    }
}
