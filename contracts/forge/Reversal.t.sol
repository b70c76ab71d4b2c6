// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {Settlement} from "../solidity/Settlement.sol";
import {Consent, Leg} from "../solidity/settlement/SettlementTypes.sol";
import {Mandates} from "../solidity/settlement/Mandates.sol";
import {Market} from "./Market.sol";

contract ReversalTest is Market {
    function setUp() external {
        setUpMarket();
    }

    function refusedReversal(Leg memory leg, Consent[][] memory consents, bytes memory reason) private {
        vm.recordLogs();
        (uint256 done, uint256 failed) = reverse(one(leg), consents);
        expectFailure(done, failed, reason);
    }

    function testFuzz_gives_everything_back_once(uint64 number, uint256 quantity, uint256 amount) external {
        bytes32 before = balances();
        Leg memory leg = legOf(number);
        leg.quantity = bounded(quantity, 1, FUNDS);
        leg.amount = bounded(amount, 1, FUNDS);
        settle(one(leg));
        (uint256 done,) = reverse(one(leg), noConsents(1));
        same(done, 1, "done");
        holds(balances() == before, "as before");
        holds(settlement.isReversed(venues[0], number), "reversed");
        // Its number stays used, and it is not reversed again.
        refused(leg, abi.encodeWithSelector(Settlement.TradeAlreadySettled.selector, venues[0], number));
        refusedReversal(
            leg, noConsents(1), abi.encodeWithSelector(Settlement.TradeAlreadyReversed.selector, venues[0], number)
        );
    }

    function test_refuses_what_has_not_settled_and_what_is_late() external {
        refusedReversal(
            legOf(1), noConsents(1), abi.encodeWithSelector(Settlement.TradeNotSettled.selector, venues[0], 1)
        );
        Leg memory leg = legOf(1);
        settle(one(leg));
        vm.warp(block.timestamp + 2 hours);
        refusedReversal(
            leg,
            noConsents(1),
            abi.encodeWithSelector(Settlement.DeadlinePassed.selector, venues[0], 1, leg.deadline)
        );
    }

    function test_works_after_the_listing_was_halted() external {
        settle(one(legOf(1)));
        listings.halt(address(token), venues[0]);
        (uint256 done,) = reverse(one(legOf(1)), noConsents(1));
        same(done, 1, "done");
    }

    function test_fails_whole_when_a_holder_has_moved_on() external {
        Leg[][] memory both = new Leg[][](1);
        both[0] = new Leg[](2);
        (both[0][0], both[0][1]) = (legOf(1), legOf(2));
        both[0][1].buyer = wallet(2);
        settle(both);
        vm.prank(wallet(2));
        token.transfer(wallet(3), FUNDS + 10);
        bytes32 before = balances();
        (uint256 done, uint256 failed) = reverse(both, noConsents(1));
        same(done, 0, "done");
        same(failed, 1, "failed");
        holds(balances() == before, "nothing moved");
        holds(!settlement.isReversed(venues[0], 1), "still free to reverse");
    }

    function test_asks_the_account_that_requires_mandates() external {
        Leg memory leg = legOf(1);
        settle(one(leg));
        vm.prank(wallet(1));
        settlement.requireMandates(true);
        bytes memory asks = abi.encodeWithSelector(Mandates.ConsentRequired.selector, wallet(1));
        refusedReversal(leg, noConsents(1), asks);
        Consent[][] memory consents = new Consent[][](1);
        consents[0] = new Consent[](2);
        consents[0][0] = consentOf(0, leg);
        // For other terms than those reversed.
        Leg memory different = legOf(1);
        different.amount = 99;
        consents[0][1] = consentOf(1, different);
        refusedReversal(leg, consents, asks);
        consents[0][1] = consentOf(1, leg);
        (uint256 done,) = reverse(one(leg), consents);
        same(done, 1, "done");
    }

    function test_a_correction_is_a_reversal_and_a_new_trade() external {
        settle(one(legOf(1)));
        reverse(one(legOf(1)), noConsents(1));
        Leg memory corrected = legOf(2);
        corrected.amount = 90;
        settle(one(corrected));
        same(cash.balanceOf(wallet(0)), FUNDS + 90, "corrected amount");
        same(token.balanceOf(wallet(1)), FUNDS + 10, "quantity as before");
    }
}
