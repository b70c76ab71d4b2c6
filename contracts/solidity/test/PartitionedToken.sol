// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IErc1400} from "../erc1400/Erc1400Interfaces.sol";

/// @title PartitionedToken
/// @notice For tests: a minimal ERC-1400 token with partitions, operators, issue, redemption, and transfer
/// checks with their status bytes. A reference, with switches for the ways in which real
/// tokens differ; not meant to hold anything of value.
contract PartitionedToken is IErc1400, Ownable {
    bytes1 internal constant SUCCESS = 0x51;
    bytes1 internal constant INSUFFICIENT_BALANCE = 0x52;
    bytes1 internal constant INSUFFICIENT_ALLOWANCE = 0x53;
    bytes1 internal constant HALTED = 0x54;
    bytes1 internal constant FUNDS_LOCKED = 0x55;
    bytes1 internal constant INVALID_SENDER = 0x56;
    bytes1 internal constant INVALID_RECEIVER = 0x57;
    bytes1 internal constant INVALID_OPERATOR = 0x58;
    uint256 public constant MAX_PARTITIONS = 8;

    string public name;
    string public symbol;
    uint8 public constant decimals = 0;
    uint256 public totalSupply;
    /// @notice The partition that ERC-20's functions move.
    bytes32 public immutable defaultPartition;

    bytes32[] private _partitions;
    mapping(bytes32 partition => mapping(address holder => uint256)) private _balances;
    mapping(address owner => mapping(address spender => uint256)) private _allowances;
    mapping(address holder => mapping(address operator => bool)) private _operators;
    mapping(address holder => mapping(bytes32 partition => mapping(address operator => bool))) private
        _partitionOperators;

    bool public halted;
    mapping(address wallet => bool) public admitted;
    /// @notice Wallets that may send and no longer receive.
    mapping(address wallet => bool) public closed;
    mapping(address wallet => uint256) public locked;
    /// @notice Whether `canTransfer` answers in ERC-1594's shape (bool, bytes1, bytes32).
    bool public answersWithBool;
    /// @notice Whether the checks are about the caller as operator, as some tokens have it.
    bool public judgesCaller;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);
    event HaltedSet(bool halted);
    event AdmittedSet(address indexed wallet, bool admitted);
    event ClosedSet(address indexed wallet, bool closed);
    event LockedSet(address indexed wallet, uint256 amount);

    error TransferRefused(bytes1 status);
    error TooManyPartitions();

    constructor(string memory name_, string memory symbol_, bytes32 defaultPartition_, address owner_)
        Ownable(owner_)
    {
        (name, symbol, defaultPartition) = (name_, symbol_, defaultPartition_);
    }

    function setHalted(bool halted_) external onlyOwner {
        halted = halted_;
        emit HaltedSet(halted_);
    }

    function setAdmitted(address wallet, bool admitted_) external onlyOwner {
        admitted[wallet] = admitted_;
        emit AdmittedSet(wallet, admitted_);
    }

    function setClosed(address wallet, bool closed_) external onlyOwner {
        closed[wallet] = closed_;
        emit ClosedSet(wallet, closed_);
    }

    function setLocked(address wallet, uint256 amount) external onlyOwner {
        locked[wallet] = amount;
        emit LockedSet(wallet, amount);
    }

    function setHabits(bool answersWithBool_, bool judgesCaller_) external onlyOwner {
        (answersWithBool, judgesCaller) = (answersWithBool_, judgesCaller_);
    }

    function issueByPartition(bytes32 partition, address to, uint256 value, bytes calldata data) external onlyOwner {
        if (!admitted[to]) revert TransferRefused(INVALID_RECEIVER);
        _know(partition);
        totalSupply += value;
        _balances[partition][to] += value;
        emit IssuedByPartition(partition, to, value, data);
        emit Transfer(address(0), to, value);
    }

    function redeemByPartition(bytes32 partition, uint256 value, bytes calldata data) external {
        if (_balances[partition][msg.sender] < value) revert TransferRefused(INSUFFICIENT_BALANCE);
        _balances[partition][msg.sender] -= value;
        totalSupply -= value;
        emit RedeemedByPartition(partition, msg.sender, value, data);
        emit Transfer(msg.sender, address(0), value);
    }

    function approve(address spender, uint256 value) external returns (bool) {
        _allowances[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        _move(defaultPartition, msg.sender, msg.sender, to, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        if (_allowances[from][msg.sender] < value) revert TransferRefused(INSUFFICIENT_ALLOWANCE);
        _allowances[from][msg.sender] -= value;
        _move(defaultPartition, msg.sender, from, to, value);
        return true;
    }

    function transferByPartition(bytes32 partition, address to, uint256 value, bytes calldata)
        external
        returns (bytes32)
    {
        _move(partition, msg.sender, msg.sender, to, value);
        return partition;
    }

    function operatorTransferByPartition(
        bytes32 partition,
        address from,
        address to,
        uint256 value,
        bytes calldata,
        bytes calldata
    ) external returns (bytes32) {
        if (!isOperatorForPartition(partition, msg.sender, from)) revert TransferRefused(INVALID_OPERATOR);
        _move(partition, msg.sender, from, to, value);
        return partition;
    }

    function authorizeOperator(address operator) external {
        _operators[msg.sender][operator] = true;
        emit AuthorizedOperator(operator, msg.sender);
    }

    function revokeOperator(address operator) external {
        _operators[msg.sender][operator] = false;
        emit RevokedOperator(operator, msg.sender);
    }

    function authorizeOperatorByPartition(bytes32 partition, address operator) external {
        _partitionOperators[msg.sender][partition][operator] = true;
        emit AuthorizedOperatorByPartition(partition, operator, msg.sender);
    }

    function revokeOperatorByPartition(bytes32 partition, address operator) external {
        _partitionOperators[msg.sender][partition][operator] = false;
        emit RevokedOperatorByPartition(partition, operator, msg.sender);
    }

    function canTransferByPartition(address from, address to, bytes32 partition, uint256 value, bytes calldata)
        external
        view
        returns (bytes1, bytes32, bytes32)
    {
        if (judgesCaller && !isOperatorForPartition(partition, msg.sender, from)) {
            return (INVALID_OPERATOR, bytes32(0), bytes32(0));
        }
        return (_status(partition, from, to, value), bytes32(0), partition);
    }

    /// @dev Its shape is chosen by `setHabits`: ERC-1594's, or ERC-1400's without the bool.
    function canTransfer(address to, uint256 value, bytes calldata) external view returns (bool, bytes1, bytes32) {
        return _shaped(_status(defaultPartition, msg.sender, to, value));
    }

    function canTransferFrom(address from, address to, uint256 value, bytes calldata)
        external
        view
        returns (bool, bytes1, bytes32)
    {
        if (judgesCaller && _allowances[from][msg.sender] < value) return _shaped(INSUFFICIENT_ALLOWANCE);
        return _shaped(_status(defaultPartition, from, to, value));
    }

    function balanceOf(address holder) external view returns (uint256 sum) {
        for (uint256 i = 0; i < _partitions.length; ++i) {
            sum += _balances[_partitions[i]][holder];
        }
    }

    function balanceOfByPartition(bytes32 partition, address holder) external view returns (uint256) {
        return _balances[partition][holder];
    }

    function partitionsOf(address holder) external view returns (bytes32[] memory held) {
        held = new bytes32[](_partitions.length);
        uint256 count = 0;
        for (uint256 i = 0; i < held.length; ++i) {
            if (_balances[_partitions[i]][holder] != 0) held[count++] = _partitions[i];
        }
        assembly ("memory-safe") {
            mstore(held, count)
        }
    }

    function allowance(address owner, address spender) external view returns (uint256) {
        return _allowances[owner][spender];
    }

    function isOperator(address operator, address holder) public view returns (bool) {
        return operator == holder || _operators[holder][operator];
    }

    function isOperatorForPartition(bytes32 partition, address operator, address holder) public view returns (bool) {
        return isOperator(operator, holder) || _partitionOperators[holder][partition][operator];
    }

    function _move(bytes32 partition, address operator, address from, address to, uint256 value) private {
        bytes1 status = _status(partition, from, to, value);
        if (status != SUCCESS) revert TransferRefused(status);
        _balances[partition][from] -= value;
        _balances[partition][to] += value;
        emit TransferByPartition(partition, operator, from, to, value, "", "");
        emit Transfer(from, to, value);
    }

    function _status(bytes32 partition, address from, address to, uint256 value) private view returns (bytes1) {
        if (halted) return HALTED;
        if (!admitted[from]) return INVALID_SENDER;
        if (!admitted[to] || closed[to]) return INVALID_RECEIVER;
        uint256 balance = _balances[partition][from];
        if (balance < value) return INSUFFICIENT_BALANCE;
        if (balance - value < locked[from]) return value == 0 ? SUCCESS : FUNDS_LOCKED;
        return SUCCESS;
    }

    function _shaped(bytes1 status) private view returns (bool, bytes1, bytes32) {
        if (answersWithBool) return (status == SUCCESS, status, bytes32(0));
        assembly ("memory-safe") {
            mstore(0, status)
            mstore(0x20, 0)
            return(0, 0x40)
        }
    }

    function _know(bytes32 partition) private {
        for (uint256 i = 0; i < _partitions.length; ++i) {
            if (_partitions[i] == partition) return;
        }
        if (_partitions.length == MAX_PARTITIONS) revert TooManyPartitions();
        _partitions.push(partition);
    }
}
