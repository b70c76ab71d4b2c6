// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {ComplianceModule} from "./ComplianceModule.sol";

/// @title TransferLimitsModule
/// @notice How much a person may send at once and within a time: an issuer's own limits, by the
/// identity under which the registry holds the wallet, so that more wallets give no more room.
/// @dev Windows are fixed (a day is a UTC day), because a sliding one would need a list without
/// bound. A forced transfer was not asked but counts. Code: `TRANSFER_LIMIT` (detail: what is left).
contract TransferLimitsModule is ComplianceModule {
    bytes32 internal constant TRANSFER_LIMIT = "TRANSFER_LIMIT";
    uint256 public constant MAX_LIMITS = 4;

    /// @notice `seconds_` 0 limits each transfer by itself.
    struct Limit {
        uint32 seconds_;
        uint224 maximum;
    }

    struct Used {
        uint32 window;
        uint224 amount;
    }

    struct State {
        bool configured;
        Limit[] limits;
        mapping(address person => mapping(uint32 seconds_ => Used)) used;
    }

    mapping(address compliance => mapping(uint256 epoch => State)) private _states;

    event LimitsSet(address indexed compliance, Limit[] limits);

    error TooMany(uint256 limit);
    error DuplicateWindow(uint32 seconds_);
    error AmountTooLarge(uint256 amount);

    /// @notice Replaces the limits; what was used of a window that stays is kept.
    function setLimits(Limit[] calldata limits) external {
        State storage state = _states[msg.sender][_boundEpoch()];
        if (limits.length > MAX_LIMITS) revert TooMany(MAX_LIMITS);
        delete state.limits;
        for (uint256 i = 0; i < limits.length; ++i) {
            for (uint256 j = 0; j < i; ++j) {
                if (limits[j].seconds_ == limits[i].seconds_) revert DuplicateWindow(limits[i].seconds_);
            }
            state.limits.push(limits[i]);
        }
        state.configured = true;
        emit LimitsSet(msg.sender, limits);
    }

    function name() external pure returns (string memory) {
        return "TransferLimitsModule";
    }

    function limitsOf(address compliance) external view returns (Limit[] memory) {
        return _states[compliance][_epochOf(compliance)].limits;
    }

    function _reason(Question memory asked) internal view override returns (bytes32, uint256) {
        State storage state = _states[asked.compliance][asked.epoch];
        if (!state.configured) return (NOT_CONFIGURED, 0);
        if (asked.from == address(0) || state.limits.length == 0) return (ALLOWED, 0);
        address person = _personOf(asked.compliance, asked.from);
        for (uint256 i = 0; i < state.limits.length; ++i) {
            Limit memory limit = state.limits[i];
            uint256 used = _used(state, person, limit.seconds_);
            uint256 left = used < limit.maximum ? limit.maximum - used : 0;
            if (asked.value > left) return (TRANSFER_LIMIT, left);
        }
        return (ALLOWED, 0);
    }

    function _onTransfer(address compliance, uint256 epoch, address from, address, uint256 value) internal override {
        State storage state = _states[compliance][epoch];
        if (state.limits.length == 0) return;
        if (value > type(uint224).max) revert AmountTooLarge(value);
        address person = _personOf(compliance, from);
        for (uint256 i = 0; i < state.limits.length; ++i) {
            uint32 length = state.limits[i].seconds_;
            if (length == 0) continue;
            uint224 used = uint224(_used(state, person, length));
            state.used[person][length] = Used(_window(length), used + uint224(value));
        }
    }

    function _used(State storage state, address person, uint32 length) private view returns (uint256) {
        if (length == 0) return 0;
        Used memory used = state.used[person][length];
        return used.window == _window(length) ? used.amount : 0;
    }

    function _window(uint32 length) private view returns (uint32) {
        return uint32(block.timestamp / length);
    }

    /// @dev A wallet that the registry does not know counts as a person of its own.
    function _personOf(address compliance, address wallet) private view returns (address) {
        address identity = _registryOf(_tokenOf(compliance)).identity(wallet);
        return identity == address(0) ? wallet : identity;
    }
}
