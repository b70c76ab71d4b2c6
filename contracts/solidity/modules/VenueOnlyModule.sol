// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {BoundedCall} from "../lens/BoundedCall.sol";
import {ComplianceModule} from "./ComplianceModule.sol";
import {IMoveInFlight} from "./MoveInFlight.sol";

/// @title VenueOnlyModule
/// @notice Secondary transfers only by way of settlement contracts that the issuer has approved, so
/// that every change of ownership is a trade of a regulated venue (an ATS under 17 CFR 242.300).
/// @dev A module is not told who moves tokens. It therefore asks each approved settlement contract
/// whether this very move is under way there (MoveInFlight). Issues and redemptions are free; so are
/// transfers from and to exempt wallets (custodians, the issuer's treasury).
/// Code: `VENUE_ONLY` (detail: 0).
contract VenueOnlyModule is ComplianceModule {
    bytes32 internal constant VENUE_ONLY = "VENUE_ONLY";
    uint256 public constant MAX_SETTLEMENTS = 4;
    uint256 internal constant ASK_GAS = 30_000;

    struct State {
        address[] settlements;
        mapping(address wallet => bool) exempt;
    }

    mapping(address compliance => mapping(uint256 epoch => State)) private _states;

    event SettlementSet(address indexed compliance, address indexed settlement, bool approved);
    event ExemptSet(address indexed compliance, address indexed wallet, bool exempt);

    error TooMany(uint256 limit);
    error NotAContract(address settlement);

    function setSettlement(address settlement, bool approved) external {
        address[] storage list = _states[msg.sender][_boundEpoch()].settlements;
        uint256 at = 0;
        while (at < list.length && list[at] != settlement) ++at;
        bool isListed = at < list.length;
        if (approved && !isListed) {
            if (list.length == MAX_SETTLEMENTS) revert TooMany(MAX_SETTLEMENTS);
            if (settlement.code.length == 0) revert NotAContract(settlement);
            list.push(settlement);
        }
        if (!approved && isListed) {
            list[at] = list[list.length - 1];
            list.pop();
        }
        emit SettlementSet(msg.sender, settlement, approved);
    }

    function setExempt(address wallet, bool exempt) external {
        _states[msg.sender][_boundEpoch()].exempt[wallet] = exempt;
        emit ExemptSet(msg.sender, wallet, exempt);
    }

    function name() external pure returns (string memory) {
        return "VenueOnlyModule";
    }

    function settlementsOf(address compliance) external view returns (address[] memory) {
        return _states[compliance][_epochOf(compliance)].settlements;
    }

    function isExempt(address compliance, address wallet) external view returns (bool) {
        return _states[compliance][_epochOf(compliance)].exempt[wallet];
    }

    function _reason(Question memory asked) internal view override returns (bytes32, uint256) {
        if (asked.from == address(0)) return (ALLOWED, 0);
        State storage state = _states[asked.compliance][asked.epoch];
        address token = address(0);
        for (uint256 i = 0; i < state.settlements.length; ++i) {
            address settlement = state.settlements[i];
            if (settlement == asked.operator) return (ALLOWED, 0);
            if (asked.operator != address(0)) continue;
            if (token == address(0)) token = address(_tokenOf(asked.compliance));
            bytes memory question =
                abi.encodeCall(IMoveInFlight.isMoving, (token, asked.from, asked.to, asked.value));
            (bool answered, uint256 isMoving) = BoundedCall.word(settlement, question, ASK_GAS);
            if (answered && isMoving == 1) return (ALLOWED, 0);
        }
        if (state.exempt[asked.from] || state.exempt[asked.to]) return (ALLOWED, 0);
        return (VENUE_ONLY, 0);
    }
}
