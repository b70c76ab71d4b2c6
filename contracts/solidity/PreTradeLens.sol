// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {BoundedCall} from "./lens/BoundedCall.sol";
import {Erc1400Checks} from "./lens/Erc1400Checks.sol";
import {Erc3643Checks} from "./lens/Erc3643Checks.sol";
import {ASK_GAS, Answer, Check, Question} from "./lens/PreTradeTypes.sol";
import {IPermissionedToken} from "./modules/ComplianceInterfaces.sol";

/// @title PreTradeLens
/// @notice Whether trades could settle now, and if not, why: every check in one call, for ERC-3643
/// and ERC-1400 tokens, with the refusing module or claim by name.
/// @dev Reads only, holds nothing and trusts no token: each question to a foreign contract has a limit
/// of gas and of returned bytes, and each question of the caller has its share of the gas, so that a
/// hostile token spoils its own answer and no other. It need not be deployed: a node may run it by
/// `eth_call` from its bytecode.
contract PreTradeLens {
    uint8 internal constant STANDARD_ERC3643 = 1;
    uint8 internal constant STANDARD_ERC1400 = 2;
    uint256 public constant MAX_QUESTIONS = 100;
    /// @dev Kept back to write down that a question was not answered.
    uint256 internal constant RESERVE_GAS = 100_000;

    error TooMany(uint256 limit);
    error UnknownStandard(uint8 standard);

    /// @notice Answers all questions, in their order.
    /// @dev Give it enough gas: about 600,000 a question with honest tokens.
    function ask(Question[] calldata questions) external view returns (Answer[] memory answers) {
        if (questions.length > MAX_QUESTIONS) revert TooMany(MAX_QUESTIONS);
        answers = new Answer[](questions.length);
        for (uint256 i = 0; i < questions.length; ++i) {
            uint256 available = gasleft();
            uint256 kept = RESERVE_GAS * (questions.length - i);
            uint256 share = available > kept ? (available - kept) / (questions.length - i) : 0;
            try this.askOne{gas: share}(questions[i]) returns (Answer memory answer) {
                answers[i] = answer;
            } catch {
                answers[i].unanswered = Check.ALL;
                answers[i].blockNumber = uint64(block.number);
            }
        }
    }

    /// @notice Answers one question. Reverts for an unknown standard, and when it runs out of gas.
    function askOne(Question calldata asked) external view returns (Answer memory answer) {
        answer.blockNumber = uint64(block.number);
        if (asked.token != address(0)) {
            if (asked.standard == STANDARD_ERC3643) Erc3643Checks.check(asked, answer);
            else if (asked.standard == STANDARD_ERC1400) Erc1400Checks.check(asked, answer);
            else revert UnknownStandard(asked.standard);
        }
        if (asked.cashToken != address(0)) _checkCash(asked, answer);
    }

    function _checkCash(Question calldata asked, Answer memory answer) private view {
        bytes memory balanceOf = abi.encodeCall(IPermissionedToken.balanceOf, (asked.payer));
        (bool hasBalance, uint256 balance) = BoundedCall.word(asked.cashToken, balanceOf, ASK_GAS);
        bytes memory allowanceOf = abi.encodeCall(IPermissionedToken.allowance, (asked.payer, asked.operator));
        (bool hasAllowance, uint256 allowance) = BoundedCall.word(asked.cashToken, allowanceOf, ASK_GAS);
        (answer.cashBalance, answer.cashAllowance) = (balance, allowance);
        if (!hasBalance) answer.unanswered |= Check.CASH_BALANCE;
        else if (balance < asked.cash) answer.failed |= Check.CASH_BALANCE;
        if (!hasAllowance) answer.unanswered |= Check.CASH_ALLOWANCE;
        else if (allowance < asked.cash) answer.failed |= Check.CASH_ALLOWANCE;
    }
}
