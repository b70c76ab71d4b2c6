// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

// The parts of ERC-1400 (its partitions are ERC-1410's, its checks ERC-1594's) that trading uses,
// declared here from the texts. ERC-1820 is not needed: nobody here asks for hooks.

interface IErc1400 {
    event TransferByPartition(
        bytes32 indexed fromPartition,
        address operator,
        address indexed from,
        address indexed to,
        uint256 value,
        bytes data,
        bytes operatorData
    );
    event AuthorizedOperator(address indexed operator, address indexed tokenHolder);
    event RevokedOperator(address indexed operator, address indexed tokenHolder);
    event AuthorizedOperatorByPartition(
        bytes32 indexed partition, address indexed operator, address indexed tokenHolder
    );
    event RevokedOperatorByPartition(bytes32 indexed partition, address indexed operator, address indexed tokenHolder);
    event IssuedByPartition(bytes32 indexed partition, address indexed to, uint256 value, bytes data);
    event RedeemedByPartition(bytes32 indexed partition, address indexed from, uint256 value, bytes operatorData);

    function balanceOf(address holder) external view returns (uint256);
    function allowance(address owner, address spender) external view returns (uint256);
    function balanceOfByPartition(bytes32 partition, address holder) external view returns (uint256);
    function partitionsOf(address holder) external view returns (bytes32[] memory);
    function isOperator(address operator, address holder) external view returns (bool);
    function isOperatorForPartition(bytes32 partition, address operator, address holder) external view returns (bool);
    function transferByPartition(bytes32 partition, address to, uint256 value, bytes calldata data)
        external
        returns (bytes32);
    function operatorTransferByPartition(
        bytes32 partition,
        address from,
        address to,
        uint256 value,
        bytes calldata data,
        bytes calldata operatorData
    ) external returns (bytes32);
    function canTransferByPartition(
        address from,
        address to,
        bytes32 partition,
        uint256 value,
        bytes calldata data
    ) external view returns (bytes1 status, bytes32 code, bytes32 toPartition);
}

/// @notice As ERC-1594's text has them; ERC-1400's leaves the leading bool out.
interface IErc1594 {
    function canTransfer(address to, uint256 value, bytes calldata data) external view returns (bool, bytes1, bytes32);
    function canTransferFrom(address from, address to, uint256 value, bytes calldata data)
        external
        view
        returns (bool, bytes1, bytes32);
}
