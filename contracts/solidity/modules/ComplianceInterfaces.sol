// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

// The parts of ERC-3643 (https://eips.ethereum.org/EIPS/eip-3643, CC0) and of the modular
// compliance beside it that our modules use, declared here: nothing of T-REX is imported.

/// @notice A module as modular compliance 4.x calls it. The compliance asks `moduleCheck` before a
/// transfer or an issue, and tells the module afterwards, when balances have already changed. A
/// forced transfer is told but was not asked.
interface IComplianceModule {
    event ComplianceBound(address indexed _compliance);
    event ComplianceUnbound(address indexed _compliance);

    function bindCompliance(address compliance) external;
    function unbindCompliance(address compliance) external;
    function moduleTransferAction(address from, address to, uint256 value) external;
    function moduleMintAction(address to, uint256 value) external;
    function moduleBurnAction(address from, uint256 value) external;
    function moduleCheck(address from, address to, uint256 value, address compliance) external view returns (bool);
    function isComplianceBound(address compliance) external view returns (bool);
    function canComplianceBind(address compliance) external view returns (bool);
    function isPlugAndPlay() external pure returns (bool);
    function name() external pure returns (string memory);
}

/// @notice A module that can say why. Beyond the standard's yes or no; PreTradeLens asks it.
interface IReasonedModule {
    /// @param operator who would move the tokens (a settlement contract); zero when not known
    /// @param from the sender; zero when not known, or at an issue
    /// @param to the receiver; zero when not known
    /// @return code zero when the transfer is within the rule, else a short ASCII code
    /// @return detail a number that goes with the code: see each module
    function moduleReason(address operator, address from, address to, uint256 value, address compliance)
        external
        view
        returns (bytes32 code, uint256 detail);
}

interface IModularCompliance {
    function getTokenBound() external view returns (address);
    function getModules() external view returns (address[] memory);
    function canTransfer(address from, address to, uint256 value) external view returns (bool);
}

interface IPermissionedToken {
    function identityRegistry() external view returns (address);
    function compliance() external view returns (address);
    function balanceOf(address wallet) external view returns (uint256);
    function allowance(address owner, address spender) external view returns (uint256);
    function totalSupply() external view returns (uint256);
    function paused() external view returns (bool);
    function isFrozen(address wallet) external view returns (bool);
    function getFrozenTokens(address wallet) external view returns (uint256);
}

interface IIdentityRegistry {
    function identity(address wallet) external view returns (address);
    function investorCountry(address wallet) external view returns (uint16);
    function isVerified(address wallet) external view returns (bool);
    function topicsRegistry() external view returns (address);
    function issuersRegistry() external view returns (address);
}

interface IClaimRegistries {
    function getClaimTopics() external view returns (uint256[] memory);
    function getTrustedIssuersForClaimTopic(uint256 topic) external view returns (address[] memory);
}

/// @notice ERC-735's claim holder and the claim issuer's own word on a claim.
interface IClaims {
    function getClaim(bytes32 claimId)
        external
        view
        returns (uint256 topic, uint256 scheme, address issuer, bytes memory signature, bytes memory data, string memory uri);
    function isClaimValid(address identity, uint256 topic, bytes calldata signature, bytes calldata data)
        external
        view
        returns (bool);
}
