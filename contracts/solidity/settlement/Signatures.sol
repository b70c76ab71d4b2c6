// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @notice Signatures of keys and of contracts (ERC-1271), over this contract's EIP-712 domain.
abstract contract Signatures is EIP712 {
    /// @notice A second form of a valid signature, which anyone can compute from the first (EIP-2).
    error MalleableSignature(address signer);

    /// @return whether the signature is the signer's over the struct
    function _isSigned(address signer, bytes32 structHash, bytes calldata signature) internal view returns (bool) {
        bytes32 digest = _hashTypedDataV4(structHash);
        if (signer.code.length != 0) {
            return SignatureChecker.isValidERC1271SignatureNowCalldata(signer, digest, signature);
        }
        (address recovered, ECDSA.RecoverError problem,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (problem == ECDSA.RecoverError.InvalidSignatureS) revert MalleableSignature(signer);
        return problem == ECDSA.RecoverError.NoError && recovered == signer;
    }
}
