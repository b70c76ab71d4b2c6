// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {
    IComplianceModule,
    IIdentityRegistry,
    IModularCompliance,
    IPermissionedToken,
    IReasonedModule
} from "./ComplianceInterfaces.sol";

/// @title ComplianceModule
/// @notice What our modules for ERC-3643's modular compliance have in common.
/// @dev One deployed module serves any number of tokens: all state belongs to the compliance
/// contract that bound it, and only that contract can change it, so the token issuer's own owner
/// governs (`compliance.callModuleFunction`) and the module has no owner, no key and no upgrade.
///
/// A module that was not configured refuses everything (`NOT_CONFIGURED`): a rule that was bound and
/// then forgotten must not look like a rule that is kept. Unbinding ends an epoch and with it the
/// state: what happened while the module was not told cannot be known afterwards.
abstract contract ComplianceModule is IComplianceModule, IReasonedModule {
    bytes32 internal constant ALLOWED = bytes32(0);
    bytes32 internal constant NOT_BOUND = "NOT_BOUND";
    bytes32 internal constant NOT_CONFIGURED = "NOT_CONFIGURED";

    struct Binding {
        bool bound;
        uint32 epoch;
    }

    mapping(address compliance => Binding) private _bindings;

    error OnlyCompliance(address caller);
    error AlreadyBound(address compliance);
    error NotBound(address compliance);

    function bindCompliance(address compliance) external {
        if (msg.sender != compliance) revert OnlyCompliance(msg.sender);
        Binding storage binding = _bindings[compliance];
        if (binding.bound) revert AlreadyBound(compliance);
        binding.bound = true;
        ++binding.epoch;
        emit ComplianceBound(compliance);
    }

    function unbindCompliance(address compliance) external {
        if (msg.sender != compliance) revert OnlyCompliance(msg.sender);
        if (!_bindings[compliance].bound) revert NotBound(compliance);
        _bindings[compliance].bound = false;
        emit ComplianceUnbound(compliance);
    }

    function moduleTransferAction(address from, address to, uint256 value) external {
        _onTransfer(msg.sender, _boundEpoch(), from, to, value);
    }

    function moduleMintAction(address to, uint256 value) external {
        _onIssue(msg.sender, _boundEpoch(), to, value);
    }

    function moduleBurnAction(address from, uint256 value) external {
        _onRedeem(msg.sender, _boundEpoch(), from, value);
    }

    function moduleCheck(address from, address to, uint256 value, address compliance) external view returns (bool) {
        (bytes32 code,) = moduleReason(address(0), from, to, value, compliance);
        return code == ALLOWED;
    }

    /// @inheritdoc IReasonedModule
    function moduleReason(address operator, address from, address to, uint256 value, address compliance)
        public
        view
        returns (bytes32 code, uint256 detail)
    {
        Binding memory binding = _bindings[compliance];
        if (!binding.bound) return (NOT_BOUND, 0);
        return _reason(Question(operator, from, to, value, compliance, binding.epoch));
    }

    function isComplianceBound(address compliance) external view returns (bool) {
        return _bindings[compliance].bound;
    }

    function canComplianceBind(address) external pure returns (bool) {
        return true;
    }

    /// @dev Bound first and configured after, by way of the compliance; closed in between.
    function isPlugAndPlay() external pure returns (bool) {
        return true;
    }

    /// @dev The parameters of `moduleReason`, and the epoch whose state answers.
    struct Question {
        address operator;
        address from;
        address to;
        uint256 value;
        address compliance;
        uint256 epoch;
    }

    function _reason(Question memory asked) internal view virtual returns (bytes32 code, uint256 detail);

    function _onTransfer(address compliance, uint256 epoch, address from, address to, uint256 value) internal virtual {}

    function _onIssue(address compliance, uint256 epoch, address to, uint256 value) internal virtual {}

    function _onRedeem(address compliance, uint256 epoch, address from, uint256 value) internal virtual {}

    /// @dev The epoch of the calling compliance, for its notices and its configuration.
    function _boundEpoch() internal view returns (uint256) {
        Binding memory binding = _bindings[msg.sender];
        if (!binding.bound) revert NotBound(msg.sender);
        return binding.epoch;
    }

    /// @dev The epoch for views, bound or not: an unbound module still shows what it last knew.
    function _epochOf(address compliance) internal view returns (uint256) {
        return _bindings[compliance].epoch;
    }

    function _tokenOf(address compliance) internal view returns (IPermissionedToken) {
        return IPermissionedToken(IModularCompliance(compliance).getTokenBound());
    }

    function _registryOf(IPermissionedToken token) internal view returns (IIdentityRegistry) {
        return IIdentityRegistry(token.identityRegistry());
    }

    /// @dev Whether both wallets are of one registered person.
    function _sameHolder(IPermissionedToken token, address one, address other) internal view returns (bool) {
        if (one == address(0) || other == address(0)) return false;
        IIdentityRegistry registry = _registryOf(token);
        address identity = registry.identity(one);
        return identity != address(0) && identity == registry.identity(other);
    }
}
