// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

/// @notice For tests: answers every call in one bad way.
contract HostileContract {
    uint8 public constant REVERTS = 0;
    uint8 public constant REVERTS_HUGE = 1;
    uint8 public constant BURNS_GAS = 2;
    uint8 public constant ANSWERS_NOTHING = 3;
    uint8 public constant ANSWERS_HUGE = 4;
    uint8 public constant ANSWERS_ONES = 5;
    uint8 public constant ANSWERS_ITSELF = 6;

    uint8 private immutable _behaviour;

    constructor(uint8 behaviour) {
        _behaviour = behaviour;
    }

    fallback() external {
        uint8 behaviour = _behaviour;
        if (behaviour == REVERTS) revert();
        if (behaviour == BURNS_GAS) {
            while (true) {}
        }
        assembly ("memory-safe") {
            switch behaviour
            case 1 { revert(0, 1000000) }
            case 3 { return(0, 0) }
            case 4 { return(0, 1000000) }
            case 5 {
                let start := mload(0x40)
                for { let at := 0 } lt(at, 1024) { at := add(at, 0x20) } { mstore(add(start, at), not(0)) }
                return(start, 1024)
            }
            default {
                mstore(0, address())
                return(0, 0x20)
            }
        }
    }
}
