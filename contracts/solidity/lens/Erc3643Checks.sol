// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {
    IComplianceModule,
    IIdentityRegistry,
    IModularCompliance,
    IPermissionedToken,
    IReasonedModule
} from "../modules/ComplianceInterfaces.sol";
import {BoundedCall} from "./BoundedCall.sol";
import {ClaimChecks} from "./ClaimChecks.sol";
import {Erc3643Contracts} from "./Erc3643Contracts.sol";
import {ASK_GAS, ASK_LONG_GAS, Answer, Check, Finding, Question} from "./PreTradeTypes.sol";

/// @title Erc3643Checks
/// @notice The conditions of a transfer of an ERC-3643 token, each asked for itself.
library Erc3643Checks {
    /// @dev Modular compliance takes 25 modules at most.
    uint256 internal constant MAX_MODULES = 25;
    uint256 internal constant MAX_ANSWER_BYTES = 1024;

    function check(Question calldata asked, Answer memory answer) internal view {
        uint256 paused = _ask(answer, Check.PAUSED, asked.token, abi.encodeCall(IPermissionedToken.paused, ()));
        if (paused != 0) answer.failed |= Check.PAUSED;
        if (asked.from != address(0)) _checkSender(asked, answer);
        if (asked.to != address(0)) _checkReceiver(asked, answer);
        _checkCompliance(asked, answer);
        answer.contracts = Erc3643Contracts.find(asked.token, asked.from, asked.to);
    }

    function _checkSender(Question calldata asked, Answer memory answer) private view {
        address token = asked.token;
        address from = asked.from;
        bytes memory isFrozen = abi.encodeCall(IPermissionedToken.isFrozen, (from));
        if (_ask(answer, Check.SENDER_FROZEN, token, isFrozen) != 0) answer.failed |= Check.SENDER_FROZEN;
        answer.balance = _ask(answer, Check.BALANCE, token, abi.encodeCall(IPermissionedToken.balanceOf, (from)));
        answer.frozen =
            _ask(answer, Check.PART_FROZEN, token, abi.encodeCall(IPermissionedToken.getFrozenTokens, (from)));
        answer.allowance =
            _ask(answer, Check.ALLOWANCE, token, abi.encodeCall(IPermissionedToken.allowance, (from, asked.operator)));
        uint256 free = answer.balance > answer.frozen ? answer.balance - answer.frozen : 0;
        if (answer.balance < asked.quantity) answer.failed |= Check.BALANCE;
        else if (free < asked.quantity) answer.failed |= Check.PART_FROZEN;
        if (answer.allowance < asked.quantity) answer.failed |= Check.ALLOWANCE;
    }

    function _checkReceiver(Question calldata asked, Answer memory answer) private view {
        address to = asked.to;
        bytes memory isFrozen = abi.encodeCall(IPermissionedToken.isFrozen, (to));
        if (_ask(answer, Check.RECEIVER_FROZEN, asked.token, isFrozen) != 0) answer.failed |= Check.RECEIVER_FROZEN;
        bytes memory whichRegistry = abi.encodeCall(IPermissionedToken.identityRegistry, ());
        address registry = address(uint160(_ask(answer, Check.IDENTITY, asked.token, whichRegistry)));
        if (registry == address(0)) return;
        bytes memory whichIdentity = abi.encodeCall(IIdentityRegistry.identity, (to));
        address identity = address(uint160(_ask(answer, Check.IDENTITY, registry, whichIdentity)));
        if (identity == address(0)) {
            answer.failed |= Check.IDENTITY;
            return;
        }
        (, uint256 country) =
            BoundedCall.word(registry, abi.encodeCall(IIdentityRegistry.investorCountry, (to)), ASK_GAS);
        answer.country = uint16(country);
        (bool answered, uint256 verified) =
            BoundedCall.word(registry, abi.encodeCall(IIdentityRegistry.isVerified, (to)), ASK_LONG_GAS);
        if (!answered) answer.unanswered |= Check.VERIFIED;
        else if (verified != 1) answer.failed |= Check.VERIFIED;
        ClaimChecks.explain(answer, registry, identity);
    }

    /// @dev With both parties known the compliance contract itself decides, and modules are asked only
    /// to name the culprit. With one, those modules are asked that can judge one side.
    function _checkCompliance(Question calldata asked, Answer memory answer) private view {
        bytes memory which = abi.encodeCall(IPermissionedToken.compliance, ());
        address compliance = address(uint160(_ask(answer, Check.COMPLIANCE, asked.token, which)));
        if (compliance == address(0)) return;
        bool bothKnown = asked.from != address(0) && asked.to != address(0);
        if (bothKnown) {
            bytes memory question =
                abi.encodeCall(IModularCompliance.canTransfer, (asked.from, asked.to, asked.quantity));
            (bool answered, uint256 can) = BoundedCall.word(compliance, question, ASK_LONG_GAS);
            if (!answered) answer.unanswered |= Check.COMPLIANCE;
            if (answered && can == 1) return;
        }
        (uint256 refusing, bool explained) = _findCulprits(asked, answer, compliance, bothKnown);
        // A compliance may say no only because a module cannot see now who will move the tokens. Any
        // other no stands, with a name or (no modules are within the standard too) without one.
        if (refusing != 0 || (bothKnown && !explained)) answer.failed |= Check.COMPLIANCE;
    }

    function _findCulprits(Question calldata asked, Answer memory answer, address compliance, bool bothKnown)
        private
        view
        returns (uint256 refusing, bool explained)
    {
        (, bytes memory list) = BoundedCall.many(
            compliance, abi.encodeCall(IModularCompliance.getModules, ()), ASK_GAS, 64 + 32 * MAX_MODULES
        );
        uint256[] memory modules = BoundedCall.listOf(list, MAX_MODULES);
        Finding[] memory found = new Finding[](modules.length);
        for (uint256 i = 0; i < modules.length; ++i) {
            address module = address(uint160(modules[i]));
            (bool isReasoned, bytes32 code, uint256 detail) = _askReason(asked, module, compliance);
            // Modules without reasons know whole transfers only.
            bool agrees = !bothKnown || _agrees(asked, module, compliance);
            if (isReasoned && code == bytes32(0) && !agrees) explained = true;
            if (isReasoned ? code == bytes32(0) : agrees) continue;
            found[refusing++] = Finding(module, _nameOf(module), code, detail);
        }
        assembly ("memory-safe") {
            mstore(found, refusing)
        }
        answer.findings = found;
    }

    function _askReason(Question calldata asked, address module, address compliance)
        private
        view
        returns (bool isReasoned, bytes32 code, uint256 detail)
    {
        bytes memory question = abi.encodeCall(
            IReasonedModule.moduleReason, (asked.operator, asked.from, asked.to, asked.quantity, compliance)
        );
        (bool answered, bytes memory reason) = BoundedCall.many(module, question, ASK_LONG_GAS, MAX_ANSWER_BYTES);
        if (!answered || reason.length != 64) return (false, 0, 0);
        return (true, bytes32(BoundedCall.wordAt(reason, 0)), BoundedCall.wordAt(reason, 32));
    }

    function _agrees(Question calldata asked, address module, address compliance) private view returns (bool) {
        bytes memory question =
            abi.encodeCall(IComplianceModule.moduleCheck, (asked.from, asked.to, asked.quantity, compliance));
        (bool answered, uint256 can) = BoundedCall.word(module, question, ASK_LONG_GAS);
        return answered && can == 1;
    }

    function _nameOf(address module) private view returns (bytes32) {
        (, bytes memory result) =
            BoundedCall.many(module, abi.encodeCall(IComplianceModule.name, ()), ASK_GAS, MAX_ANSWER_BYTES);
        return bytes32(BoundedCall.bytesAt(result, 0));
    }

    /// @dev Notes the check as unanswered when there is no answer, which then reads as 0.
    function _ask(Answer memory answer, uint32 bit, address target, bytes memory question)
        private
        view
        returns (uint256)
    {
        (bool answered, uint256 value) = BoundedCall.word(target, question, ASK_GAS);
        if (!answered) {
            answer.unanswered |= bit;
            return 0;
        }
        return value;
    }
}
