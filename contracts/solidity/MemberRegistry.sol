// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {Governed} from "./Governed.sol";

/// @title MemberRegistry
/// @notice Who belongs to the network: every member with its node keys (who may speak on the
/// gossip) and its settlement signers (who may attest trades). Nodes admit by this list and the
/// Settlement contract accepts signatures by it.
/// @dev Not upgradeable, on purpose: members decide by reading this code whose signature can move
/// their clients' assets, and a proxy would let one key change the answer. A new version is a new
/// address, which every operator has to choose in its own configuration.
contract MemberRegistry is Governed {
    uint8 public constant KIND_VENUE = 1;
    uint8 public constant KIND_BROKER = 2;
    uint8 public constant KIND_ISSUER = 3;
    uint8 public constant KIND_OBSERVER = 4;
    uint8 public constant KIND_EXAMINER = 5;

    uint8 public constant STATUS_ACTIVE = 1;
    uint8 public constant STATUS_SUSPENDED = 2;
    uint8 public constant STATUS_CEASING = 3;
    uint8 public constant STATUS_CEASED = 4;

    /// @notice Bounds that keep `members()` readable in one call on any node.
    uint256 public constant MAX_MEMBERS = 256;
    uint256 public constant MAX_NODE_KEYS = 8;
    uint256 public constant MAX_SIGNERS = 8;

    /// @notice An Ed25519 public key that signs frames and opens connections within its window.
    struct NodeKey {
        bytes32 key;
        uint64 validFrom;
        uint64 validTo;
    }

    /// @notice An account (EOA or ERC-1271) that attests settlement batches within its window.
    struct Signer {
        address signer;
        uint64 validFrom;
        uint64 validTo;
    }

    /// @notice A member as `members()` returns it.
    struct Member {
        bytes32 id;
        uint8 kind;
        uint8 status;
        NodeKey[] nodeKeys;
        Signer[] signers;
    }

    bytes32[] private _ids;
    mapping(bytes32 id => Member) private _members;
    /// @dev Never cleared: a key that once spoke for a member must never speak for another, or old
    /// signed frames would change their author.
    mapping(bytes32 key => bytes32 id) private _keyOwner;

    event MemberSet(bytes32 indexed id, uint8 kind, uint8 status);
    event NodeKeySet(bytes32 indexed id, bytes32 indexed key, uint64 validFrom, uint64 validTo);
    event SignerSet(bytes32 indexed id, address indexed signer, uint64 validFrom, uint64 validTo);

    error InvalidMemberId(bytes32 id);
    error InvalidKind(uint8 kind);
    error InvalidStatus(uint8 status);
    error UnknownMember(bytes32 id);
    /// @notice A firm that changes its role registers again: records refer to a member's kind.
    error KindIsFixed(bytes32 id, uint8 kind);
    /// @notice Cessation is final (Form ATS cessation of operations): a return is a new member.
    error MemberHasCeased(bytes32 id);
    error InvalidNodeKey();
    error NodeKeyTaken(bytes32 key, bytes32 owner);
    error InvalidSigner();
    error InvalidWindow(uint64 validFrom, uint64 validTo);
    error TooMany(uint256 limit);

    constructor(address governingAdmin) Governed(governingAdmin) {}

    /// @notice Admits a member, or changes its status.
    /// @param id the member's slug in ASCII, right-padded with zeros
    function setMember(bytes32 id, uint8 kind, uint8 status) external onlyOwner {
        if (!_isSlug(id)) revert InvalidMemberId(id);
        if (kind < KIND_VENUE || kind > KIND_EXAMINER) revert InvalidKind(kind);
        if (status < STATUS_ACTIVE || status > STATUS_CEASED) revert InvalidStatus(status);
        Member storage member = _members[id];
        if (member.status == 0) {
            if (_ids.length == MAX_MEMBERS) revert TooMany(MAX_MEMBERS);
            _ids.push(id);
            member.id = id;
            member.kind = kind;
        } else {
            if (member.kind != kind) revert KindIsFixed(id, member.kind);
            if (member.status == STATUS_CEASED) revert MemberHasCeased(id);
        }
        member.status = status;
        emit MemberSet(id, kind, status);
    }

    /// @notice Suspends a member at once; only the owner ends the suspension, by `setMember`.
    function suspend(bytes32 id) external onlyGuardian {
        Member storage member = _known(id);
        member.status = STATUS_SUSPENDED;
        emit MemberSet(id, member.kind, STATUS_SUSPENDED);
    }

    /// @notice Adds a node key, or changes its window. To revoke a key set `validTo` to the past.
    /// @param validFrom unix seconds; the first second at which the key is valid
    /// @param validTo unix seconds; the last second at which the key is valid; 0 = no end
    function setNodeKey(bytes32 id, bytes32 key, uint64 validFrom, uint64 validTo) external onlyOwner {
        if (key == bytes32(0)) revert InvalidNodeKey();
        Member storage member = _known(id);
        _checkWindow(validFrom, validTo);
        bytes32 owner = _keyOwner[key];
        if (owner != bytes32(0) && owner != id) revert NodeKeyTaken(key, owner);
        _keyOwner[key] = id;

        NodeKey[] storage keys = member.nodeKeys;
        uint256 slot = keys.length;
        for (uint256 i = 0; i < keys.length; ++i) {
            if (keys[i].key == key) {
                slot = i;
                break;
            }
            if (slot == keys.length && _isOver(keys[i].validTo) && keys.length == MAX_NODE_KEYS) slot = i;
        }
        if (slot == keys.length) {
            if (keys.length == MAX_NODE_KEYS) revert TooMany(MAX_NODE_KEYS);
            keys.push();
        }
        keys[slot] = NodeKey(key, validFrom, validTo);
        emit NodeKeySet(id, key, validFrom, validTo);
    }

    /// @notice Adds a settlement signer, or changes its window. To revoke it set `validTo` to the past.
    /// @param validFrom unix seconds, inclusive
    /// @param validTo unix seconds, inclusive; 0 = no end
    function setSigner(bytes32 id, address signer, uint64 validFrom, uint64 validTo) external onlyOwner {
        if (signer == address(0)) revert InvalidSigner();
        Member storage member = _known(id);
        _checkWindow(validFrom, validTo);

        Signer[] storage signers = member.signers;
        uint256 slot = signers.length;
        for (uint256 i = 0; i < signers.length; ++i) {
            if (signers[i].signer == signer) {
                slot = i;
                break;
            }
            if (slot == signers.length && _isOver(signers[i].validTo) && signers.length == MAX_SIGNERS) slot = i;
        }
        if (slot == signers.length) {
            if (signers.length == MAX_SIGNERS) revert TooMany(MAX_SIGNERS);
            signers.push();
        }
        signers[slot] = Signer(signer, validFrom, validTo);
        emit SignerSet(id, signer, validFrom, validTo);
    }

    /// @notice Every member with its keys and signers, those outside their window included.
    function members() external view returns (Member[] memory result) {
        result = new Member[](_ids.length);
        for (uint256 i = 0; i < result.length; ++i) {
            result[i] = _members[_ids[i]];
        }
    }

    /// @notice Kind and status; both 0 for a stranger.
    function memberStatus(bytes32 id) external view returns (uint8 kind, uint8 status) {
        Member storage member = _members[id];
        return (member.kind, member.status);
    }

    function isActive(bytes32 id) external view returns (bool) {
        return _members[id].status == STATUS_ACTIVE;
    }

    /// @notice Whether `signer` is a signer of `id` now. Says nothing about the member's status.
    function isSigner(bytes32 id, address signer) external view returns (bool) {
        Signer[] storage signers = _members[id].signers;
        for (uint256 i = 0; i < signers.length; ++i) {
            Signer storage entry = signers[i];
            if (entry.signer == signer) {
                return block.timestamp >= entry.validFrom && !_isOver(entry.validTo);
            }
        }
        return false;
    }

    function _known(bytes32 id) private view returns (Member storage member) {
        member = _members[id];
        if (member.status == 0) revert UnknownMember(id);
        if (member.status == STATUS_CEASED) revert MemberHasCeased(id);
    }

    function _isOver(uint64 validTo) private view returns (bool) {
        return validTo != 0 && block.timestamp > validTo;
    }

    function _checkWindow(uint64 validFrom, uint64 validTo) private pure {
        if (validTo != 0 && validTo < validFrom) revert InvalidWindow(validFrom, validTo);
    }

    /// @dev `[a-z][a-z0-9-]{0,30}`, then zeros only: two spellings of one slug must not be two members.
    function _isSlug(bytes32 id) private pure returns (bool) {
        if (id[0] < "a" || id[0] > "z" || id[31] != 0) return false;
        bool ended = false;
        for (uint256 i = 1; i < 31; ++i) {
            bytes1 c = id[i];
            if (c == 0) {
                ended = true;
            } else {
                bool allowed = (c >= "a" && c <= "z") || (c >= "0" && c <= "9") || c == "-";
                if (ended || !allowed) return false;
            }
        }
        return true;
    }
}
