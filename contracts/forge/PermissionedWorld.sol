// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {IComplianceModule} from "../solidity/modules/ComplianceInterfaces.sol";
import {ForgeTest} from "./ForgeTest.sol";

/// @notice For tests: identities, countries and claims, each set at will.
contract PlainRegistry {
    mapping(address wallet => address) public identity;
    mapping(address wallet => uint16) public investorCountry;
    mapping(address wallet => bool) public isVerified;
    address public topicsRegistry = address(this);
    address public issuersRegistry = address(this);
    address public identityStorage = address(0x57);
    uint256[] private _topics;
    address[] private _issuers;

    function register(address wallet, address identity_, uint16 country) external {
        (identity[wallet], investorCountry[wallet], isVerified[wallet]) = (identity_, country, true);
    }

    function setVerified(address wallet, bool verified) external {
        isVerified[wallet] = verified;
    }

    function setClaims(uint256[] calldata topics, address[] calldata issuers) external {
        (_topics, _issuers) = (topics, issuers);
    }

    function setRegistries(address topics, address issuers) external {
        (topicsRegistry, issuersRegistry) = (topics, issuers);
    }

    function getClaimTopics() external view returns (uint256[] memory) {
        return _topics;
    }

    function getTrustedIssuersForClaimTopic(uint256) external view returns (address[] memory) {
        return _issuers;
    }
}

/// @notice For tests: an identity that holds claims, and an issuer that judges them by their signature.
contract PlainIdentity {
    struct Claim {
        uint256 topic;
        address issuer;
        bytes data;
    }

    mapping(bytes32 id => Claim) private _claims;
    mapping(bytes32 id => bool) private _invalid;

    function setClaim(uint256 topic, address issuer, bytes calldata data) external {
        _claims[keccak256(abi.encode(issuer, topic))] = Claim(topic, issuer, data);
    }

    function getClaim(bytes32 id)
        external
        view
        returns (uint256, uint256, address, bytes memory, bytes memory, string memory)
    {
        Claim memory claim = _claims[id];
        return (claim.topic, 1, claim.issuer, "signed", claim.data, "");
    }
}

contract PlainIssuer {
    bool public valid = true;

    function setValid(bool valid_) external {
        valid = valid_;
    }

    function isClaimValid(address, uint256, bytes calldata signature, bytes calldata) external view returns (bool) {
        return valid && keccak256(signature) == keccak256("signed");
    }
}

/// @notice For tests: a permissioned token and its modular compliance in one, as ERC-3643 has them:
/// modules are asked before a transfer and an issue, and told after every change of a balance.
contract PlainPermissionedToken {
    PlainRegistry public immutable identityRegistry;
    address[] private _modules;
    mapping(address wallet => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;
    mapping(address wallet => bool) public isFrozen;
    mapping(address wallet => uint256) public getFrozenTokens;
    uint256 public totalSupply;
    bool public paused;
    bool public refuses;
    address public compliance = address(this);

    error Refused();

    constructor(PlainRegistry registry) {
        identityRegistry = registry;
    }

    function set(bool paused_, bool refuses_, address compliance_) external {
        (paused, refuses, compliance) = (paused_, refuses_, compliance_);
    }

    function freeze(address wallet, bool whole, uint256 part) external {
        (isFrozen[wallet], getFrozenTokens[wallet]) = (whole, part);
    }

    function approve(address owner, address spender, uint256 amount) external {
        allowance[owner][spender] = amount;
    }

    function addModule(address module) external {
        IComplianceModule(module).bindCompliance(address(this));
        _modules.push(module);
    }

    function removeModule(address module) external {
        IComplianceModule(module).unbindCompliance(address(this));
        delete _modules;
    }

    function configure(address module, bytes calldata data) external {
        (bool ok, bytes memory reason) = module.call(data);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(reason, 0x20), mload(reason))
            }
        }
    }

    function getTokenBound() external view returns (address) {
        return address(this);
    }

    function getModules() external view returns (address[] memory) {
        return _modules;
    }

    function canTransfer(address from, address to, uint256 value) public view returns (bool) {
        if (refuses) return false;
        for (uint256 i = 0; i < _modules.length; ++i) {
            if (!IComplianceModule(_modules[i]).moduleCheck(from, to, value, address(this))) return false;
        }
        return true;
    }

    function transfer(address from, address to, uint256 value) external {
        if (value > balanceOf[from] || !canTransfer(from, to, value)) revert Refused();
        force(from, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        if (value > balanceOf[from] || !canTransfer(from, to, value)) revert Refused();
        force(from, to, value);
        return true;
    }

    function force(address from, address to, uint256 value) public {
        balanceOf[from] -= value;
        balanceOf[to] += value;
        for (uint256 i = 0; i < _modules.length; ++i) {
            IComplianceModule(_modules[i]).moduleTransferAction(from, to, value);
        }
    }

    function mint(address to, uint256 value) external {
        if (!canTransfer(address(0), to, value)) revert Refused();
        balanceOf[to] += value;
        totalSupply += value;
        for (uint256 i = 0; i < _modules.length; ++i) {
            IComplianceModule(_modules[i]).moduleMintAction(to, value);
        }
    }

    function burn(address from, uint256 value) external {
        balanceOf[from] -= value;
        totalSupply -= value;
        for (uint256 i = 0; i < _modules.length; ++i) {
            IComplianceModule(_modules[i]).moduleBurnAction(from, value);
        }
    }
}

/// @notice A token whose compliance modules are tested, with four wallets of four persons.
abstract contract PermissionedWorld is ForgeTest {
    uint16 internal constant US = 840;
    uint16 internal constant FRANCE = 250;

    PlainRegistry internal registry;
    PlainPermissionedToken internal token;
    address[4] internal wallets = [address(0xA1), address(0xB2), address(0xC3), address(0xD4)];

    function setUpWorld() internal {
        vm.warp(20_000 days);
        registry = new PlainRegistry();
        token = new PlainPermissionedToken(registry);
        for (uint256 i = 0; i < wallets.length; ++i) {
            registry.register(wallets[i], address(new PlainIdentity()), i == 3 ? FRANCE : US);
        }
    }

    function tries(address from, address to, uint256 value) internal returns (bool) {
        try token.transfer(from, to, value) {
            return true;
        } catch {
            return false;
        }
    }

    function triesToMint(address to, uint256 value) internal returns (bool) {
        try token.mint(to, value) {
            return true;
        } catch {
            return false;
        }
    }
}
