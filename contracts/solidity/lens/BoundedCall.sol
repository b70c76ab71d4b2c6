// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

/// @title BoundedCall
/// @notice Questions to contracts that nobody here has vouched for: each has a limit of gas and of
/// bytes that are copied back, and none reverts.
library BoundedCall {
    /// @notice Asks for one word.
    /// @return answered false when the call failed or gave back less than a word (no contract there)
    function word(address target, bytes memory data, uint256 gasLimit)
        internal
        view
        returns (bool answered, uint256 value)
    {
        assembly ("memory-safe") {
            answered := staticcall(gasLimit, target, add(data, 0x20), mload(data), 0, 0x20)
            answered := and(answered, gt(returndatasize(), 0x1f))
            if answered { value := mload(0) }
        }
    }

    /// @notice Asks for an answer of any length, of which at most `maxBytes` are copied.
    /// @return answered false when the call failed or gave back more than `maxBytes`
    function many(address target, bytes memory data, uint256 gasLimit, uint256 maxBytes)
        internal
        view
        returns (bool answered, bytes memory result)
    {
        assembly ("memory-safe") {
            answered := staticcall(gasLimit, target, add(data, 0x20), mload(data), 0, 0)
            let size := returndatasize()
            if gt(size, maxBytes) {
                answered := 0
                size := 0
            }
            if iszero(answered) { size := 0 }
            result := mload(0x40)
            mstore(result, size)
            returndatacopy(add(result, 0x20), 0, size)
            mstore(0x40, and(add(add(result, 0x20), add(size, 0x1f)), not(0x1f)))
        }
    }

    /// @notice The word at byte `offset` of an answer; 0 beyond its end.
    function wordAt(bytes memory data, uint256 offset) internal pure returns (uint256 value) {
        if (offset > data.length || data.length - offset < 32) return 0;
        assembly ("memory-safe") {
            value := mload(add(add(data, 0x20), offset))
        }
    }

    /// @notice The dynamic bytes whose offset stands in head word `index`; empty when malformed.
    function bytesAt(bytes memory data, uint256 index) internal pure returns (bytes memory part) {
        uint256 offset = wordAt(data, index * 32);
        if (offset > data.length || data.length - offset < 32) return part;
        uint256 length = wordAt(data, offset);
        uint256 start = offset + 32;
        if (length > data.length - start) return part;
        part = new bytes(length);
        assembly ("memory-safe") {
            mcopy(add(part, 0x20), add(add(data, 0x20), start), length)
        }
    }

    /// @notice An answer that is one `uint256[]` or `address[]`; its first `most` entries.
    function listOf(bytes memory data, uint256 most) internal pure returns (uint256[] memory list) {
        uint256 offset = wordAt(data, 0);
        if (offset > data.length || data.length - offset < 32) return list;
        uint256 length = wordAt(data, offset);
        uint256 room = (data.length - offset - 32) / 32;
        if (length > room) length = room;
        if (length > most) length = most;
        list = new uint256[](length);
        for (uint256 i = 0; i < length; ++i) {
            list[i] = wordAt(data, offset + 32 + 32 * i);
        }
    }
}
