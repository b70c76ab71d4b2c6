// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

/// @title Governed
/// @notice Who may do what, the same in each of our contracts. The owner (the network's governing
/// multisig) decides; it hands over in two steps and cannot leave. Guardians can only stop things at
/// once (pause, suspend, halt): what a guardian stopped, the owner alone resumes.
/// @dev No contract of ours is upgradeable. A replacement is a new address, announced here
/// `SUCCESSOR_NOTICE` ahead and adopted by each operator and each wallet by its own decision.
abstract contract Governed is Ownable2Step {
    /// @notice As long as the notice of a material change to Form ATS (Rule 301(b)(2)(ii)).
    uint64 public constant SUCCESSOR_NOTICE = 20 days;

    mapping(address account => bool) private _guardians;

    /// @notice The contract that is to replace this one; zero while there is none.
    address public successor;
    /// @notice Unix seconds from which the successor is to be used.
    uint64 public successorFrom;

    event GuardianSet(address indexed guardian, bool allowed);
    /// @notice Says that a successor is to be used; changes nothing that this contract does.
    event SuccessorAnnounced(address indexed successor, uint64 from);

    error NotAGuardian(address account);
    error InvalidGuardian();
    error InvalidSuccessor(address successor);
    error NoticeTooShort(uint64 from, uint64 earliest);
    /// @notice Without an owner nobody could suspend a member or resume settlement.
    error OwnerIsRequired();

    modifier onlyGuardian() {
        if (!isGuardian(msg.sender)) revert NotAGuardian(msg.sender);
        _;
    }

    constructor(address governingAdmin) Ownable(governingAdmin) {}

    /// @notice Appoints or dismisses a guardian.
    function setGuardian(address guardian, bool allowed) external onlyOwner {
        if (guardian == address(0)) revert InvalidGuardian();
        _guardians[guardian] = allowed;
        emit GuardianSet(guardian, allowed);
    }

    /// @notice Announces the contract that replaces this one, or takes an announcement back (zero).
    /// @param from unix seconds; at least `SUCCESSOR_NOTICE` from now
    function announceSuccessor(address next, uint64 from) external onlyOwner {
        if (next == address(0)) {
            from = 0;
        } else {
            if (next == address(this) || next.code.length == 0) revert InvalidSuccessor(next);
            uint64 earliest = uint64(block.timestamp) + SUCCESSOR_NOTICE;
            if (from < earliest) revert NoticeTooShort(from, earliest);
        }
        successor = next;
        successorFrom = from;
        emit SuccessorAnnounced(next, from);
    }

    /// @notice Whether the account may stop things; the owner may too.
    function isGuardian(address account) public view returns (bool) {
        return _guardians[account] || account == owner();
    }

    /// @notice Always refused.
    function renounceOwnership() public view override onlyOwner {
        revert OwnerIsRequired();
    }
}
