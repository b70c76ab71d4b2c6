// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {
    IClaimRegistries,
    IIdentityRegistry,
    IModularCompliance,
    IPermissionedToken
} from "../modules/ComplianceInterfaces.sol";
import {BoundedCall} from "./BoundedCall.sol";
import {ASK_GAS} from "./PreTradeTypes.sol";

/// @title Erc3643Contracts
/// @notice The contracts that an ERC-3643 token's answers depend on.
library Erc3643Contracts {
    uint256 internal constant MAX_ENTRIES = 128;
    uint256 internal constant MAX_LIST = 50;
    uint256 internal constant MAX_LIST_BYTES = 4096;

    struct List {
        uint256 count;
        address[] items;
    }

    /// @param one a wallet whose identity contract belongs to them, and `other` likewise; zero for none
    function find(address token, address one, address other) internal view returns (address[] memory) {
        List memory list = List(0, new address[](MAX_ENTRIES));
        _add(list, uint160(token));
        address registry = _one(list, token, abi.encodeCall(IPermissionedToken.identityRegistry, ()));
        address compliance = _one(list, token, abi.encodeCall(IPermissionedToken.compliance, ()));
        _one(list, registry, abi.encodeWithSignature("identityStorage()"));
        address topics = _one(list, registry, abi.encodeCall(IIdentityRegistry.topicsRegistry, ()));
        address issuers = _one(list, registry, abi.encodeCall(IIdentityRegistry.issuersRegistry, ()));
        uint256[] memory claimTopics = _many(topics, abi.encodeCall(IClaimRegistries.getClaimTopics, ()));
        for (uint256 i = 0; i < claimTopics.length; ++i) {
            bytes memory question = abi.encodeCall(IClaimRegistries.getTrustedIssuersForClaimTopic, (claimTopics[i]));
            _addAll(list, _many(issuers, question));
        }
        _addAll(list, _many(compliance, abi.encodeCall(IModularCompliance.getModules, ())));
        if (one != address(0)) _one(list, registry, abi.encodeCall(IIdentityRegistry.identity, (one)));
        if (other != address(0)) _one(list, registry, abi.encodeCall(IIdentityRegistry.identity, (other)));
        address[] memory found = list.items;
        uint256 count = list.count;
        assembly ("memory-safe") {
            mstore(found, count)
        }
        return found;
    }

    function _one(List memory list, address target, bytes memory question) private view returns (address) {
        (, uint256 value) = BoundedCall.word(target, question, ASK_GAS);
        _add(list, value);
        return address(uint160(value));
    }

    function _many(address target, bytes memory question) private view returns (uint256[] memory) {
        (, bytes memory result) = BoundedCall.many(target, question, ASK_GAS, MAX_LIST_BYTES);
        return BoundedCall.listOf(result, MAX_LIST);
    }

    function _addAll(List memory list, uint256[] memory values) private pure {
        for (uint256 i = 0; i < values.length; ++i) {
            _add(list, values[i]);
        }
    }

    function _add(List memory list, uint256 value) private pure {
        if (value == 0 || value > type(uint160).max || list.count == MAX_ENTRIES) return;
        list.items[list.count++] = address(uint160(value));
    }
}
