// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {Leg, Mandate, SignedMandate, VenueSignature} from "../solidity/settlement/SettlementTypes.sol";
import {Mandates} from "../solidity/settlement/Mandates.sol";
import {Signatures} from "../solidity/settlement/Signatures.sol";
import {VenueSignatures} from "../solidity/settlement/VenueSignatures.sol";
import {ContractSigner} from "../solidity/test/ContractSigner.sol";
import {Market} from "./Market.sol";

contract MandatesTest is Market {
    function setUp() external {
        setUpMarket();
        vm.prank(wallet(1));
        settlement.requireMandates(true);
    }

    function withSelector(bytes4 selector) private pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, wallet(1), uint256(1));
    }

    function required() private pure returns (bytes memory) {
        return abi.encodeWithSelector(Mandates.MandateRequired.selector, wallet(1));
    }

    function test_nothing_settles_for_an_account_that_requires_a_mandate_without_one() external {
        holds(settlement.requiresMandates(wallet(1)), "declared");
        refused(legOf(1), required());
        Leg memory sale = legOf(1);
        (sale.seller, sale.buyer) = (sale.buyer, sale.seller);
        refused(sale, required());
        // Nor with the mandate of the wrong side, token, cash or investor.
        Mandate memory mandate = buyMandate(1);
        refusedMandated(sale, signMandate(1, mandate), required());
        mandate.token = address(other);
        refusedMandated(legOf(1), signMandate(1, mandate), required());
        mandate = buyMandate(1);
        mandate.cashToken = address(other);
        refusedMandated(legOf(1), signMandate(1, mandate), required());
        refusedMandated(legOf(1), signMandate(0, buyMandate(0)), required());
        vm.prank(wallet(1));
        settlement.requireMandates(false);
        (uint256 done,) = settle(one(legOf(1)));
        same(done, 1, "no longer required");
    }

    function test_counts_what_a_mandate_has_filled_and_stops_at_its_quantity() external {
        SignedMandate memory mandate = signMandate(1, buyMandate(1));
        for (uint64 i = 1; i <= 9; ++i) {
            (uint256 done,) = settleMandated(one(legOf(i)), mandatesOf(mandate));
            same(done, 1, "done");
        }
        (uint256 filled, bool withdrawn) = settlement.mandateState(wallet(1), 1);
        same(filled, 90, "filled");
        holds(!withdrawn, "open");
        Leg memory leg = legOf(10);
        leg.quantity = 11;
        bytes4 exceeded = Mandates.MandateQuantityExceeded.selector;
        refusedMandated(leg, mandate, abi.encodeWithSelector(exceeded, wallet(1), 1, 101, 100));
        // Signed again with the same nonce, it goes on from where it was.
        Mandate memory amended = buyMandate(1);
        amended.quantity = 101;
        (uint256 more,) = settleMandated(one(leg), mandatesOf(signMandate(1, amended)));
        same(more, 1, "amended");
        refusedMandated(legOf(11), mandate, abi.encodeWithSelector(exceeded, wallet(1), 1, 111, 100));
    }

    function test_binds_the_account_that_does_not_require_it() external {
        Mandate memory mandate = buyMandate(0);
        mandate.side = 2;
        mandate.limitAmount = 11;
        Leg memory leg = legOf(1);
        leg.buyer = wallet(2);
        refusedMandated(
            leg,
            signMandate(0, mandate),
            abi.encodeWithSelector(Mandates.MandatePriceExceeded.selector, wallet(0), 1, 100, 10)
        );
    }

    /// @notice Whatever the numbers: settled if and only if the price is within the limit.
    function testFuzz_holds_the_limit_price(uint256 limitAmount, uint256 limitQuantity, uint40 amount, bool buys)
        external
    {
        Mandate memory mandate = buyMandate(buys ? 1 : 2);
        mandate.side = buys ? 1 : 2;
        mandate.limitQuantity = limitQuantity == 0 ? 1 : limitQuantity;
        mandate.limitAmount = limitAmount;
        Leg memory leg = legOf(1);
        leg.amount = bounded(amount, 1, FUNDS);
        leg.seller = wallet(2);
        if (!buys) leg.buyer = wallet(0);
        uint256 index = buys ? 1 : 2;
        (uint256 done,) = settleMandated(one(leg), mandatesOf(signMandate(index, mandate)));
        // Compared by division, as the contract does not: amount / 10 against limitAmount / limitQuantity.
        bool within = buys
            ? atMost(leg.amount, 10, limitAmount, mandate.limitQuantity)
            : atMost(limitAmount, mandate.limitQuantity, leg.amount, 10);
        same(done, within ? 1 : 0, "within the limit");
    }

    /// @dev a/b <= c/d by continued fractions: no product, so no overflow.
    function atMost(uint256 a, uint256 b, uint256 c, uint256 d) private pure returns (bool) {
        while (true) {
            (uint256 left, uint256 right) = (a / b, c / d);
            if (left != right) return left < right;
            (a, c) = (a % b, c % d);
            if (a == 0) return true;
            if (c == 0) return false;
            // a/b <= c/d exactly when d/c <= b/a
            (a, b, c, d) = (d, c, b, a);
        }
        return false;
    }

    function test_refuses_mandates_that_are_none() external {
        Mandate memory mandate = buyMandate(1);
        mandate.side = 3;
        bytes memory invalid = withSelector(Mandates.InvalidMandate.selector);
        refusedMandated(legOf(1), signMandate(1, mandate), invalid);
        mandate = buyMandate(1);
        mandate.limitQuantity = 0;
        refusedMandated(legOf(1), signMandate(1, mandate), invalid);
        mandate = buyMandate(1);
        mandate.quantity = type(uint256).max;
        refusedMandated(legOf(1), signMandate(1, mandate), invalid);
        mandate = buyMandate(1);
        mandate.expiry = uint64(block.timestamp - 1);
        refusedMandated(
            legOf(1),
            signMandate(1, mandate),
            abi.encodeWithSelector(Mandates.MandateExpired.selector, wallet(1), 1, mandate.expiry)
        );
        // Signed by somebody else, or about something else.
        bytes memory unsigned = withSelector(Mandates.InvalidMandateSignature.selector);
        refusedMandated(legOf(1), signMandate(2, buyMandate(1)), unsigned);
        SignedMandate memory changed = signMandate(1, buyMandate(1));
        changed.mandate.quantity = 101;
        refusedMandated(legOf(1), changed, unsigned);
    }

    function test_holds_the_venues_it_names() external {
        Mandate memory mandate = buyMandate(1);
        mandate.venues = new bytes32[](2);
        (mandate.venues[0], mandate.venues[1]) = (venues[1], venues[2]);
        SignedMandate memory given = signMandate(1, mandate);
        refusedMandated(
            legOf(1),
            given,
            abi.encodeWithSelector(Mandates.MandateVenueNotAllowed.selector, wallet(1), 1, venues[0])
        );
        Leg memory leg = legOf(1);
        leg.executingVenue = venues[2];
        (uint256 done,) = settleMandated(one(leg), mandatesOf(given));
        same(done, 1, "done");
    }

    function test_is_withdrawn_alone_or_with_all_before_it() external {
        SignedMandate memory mandate = signMandate(1, buyMandate(1));
        bytes memory gone = withSelector(Mandates.MandateIsWithdrawn.selector);
        vm.prank(wallet(1));
        settlement.withdrawMandate(1);
        refusedMandated(legOf(1), mandate, gone);
        (uint256 filled, bool withdrawn) = settlement.mandateState(wallet(1), 1);
        holds(filled == 0 && withdrawn, "withdrawn");
        Mandate memory second = buyMandate(1);
        second.nonce = 2;
        vm.prank(wallet(1));
        settlement.withdrawMandatesBelow(3);
        refusedMandated(
            legOf(1),
            signMandate(1, second),
            abi.encodeWithSelector(Mandates.MandateIsWithdrawn.selector, wallet(1), 2)
        );
        (, withdrawn) = settlement.mandateState(wallet(1), 2);
        holds(withdrawn, "below");
        vm.prank(wallet(1));
        vm.expectRevert(abi.encodeWithSelector(Mandates.InvalidMandate.selector, wallet(1), 3));
        settlement.withdrawMandatesBelow(3);
    }

    function test_a_failed_group_gives_its_fill_back() external {
        Leg[][] memory groups = new Leg[][](1);
        groups[0] = new Leg[](2);
        (groups[0][0], groups[0][1]) = (legOf(1), legOf(2));
        groups[0][1].seller = wallet(2);
        vm.prank(wallet(2));
        token.approve(address(settlement), 0);
        (, uint256 failed) = settleMandated(groups, mandatesOf(signMandate(1, buyMandate(1))));
        same(failed, 1, "failed");
        (uint256 filled,) = settlement.mandateState(wallet(1), 1);
        same(filled, 0, "filled");
    }

    function test_two_accounts_that_require_mandates_trade_with_one_each() external {
        vm.prank(wallet(0));
        settlement.requireMandates(true);
        Mandate memory sale = buyMandate(0);
        sale.side = 2;
        SignedMandate[][] memory both = new SignedMandate[][](1);
        both[0] = new SignedMandate[](2);
        (both[0][0], both[0][1]) = (signMandate(0, sale), signMandate(1, buyMandate(1)));
        (uint256 done,) = settleMandated(one(legOf(1)), both);
        same(done, 1, "done");
        refusedMandated(
            legOf(2),
            signMandate(1, buyMandate(1)),
            abi.encodeWithSelector(Mandates.MandateRequired.selector, wallet(0))
        );
    }

    function test_takes_a_contracts_word_for_its_mandate() external {
        ContractSigner safe = new ContractSigner(vm.addr(walletKey(1)));
        fund(address(safe));
        vm.prank(address(safe));
        settlement.requireMandates(true);
        Mandate memory mandate = buyMandate(1);
        mandate.investor = address(safe);
        Leg memory leg = legOf(1);
        leg.buyer = address(safe);
        (uint256 done,) = settleMandated(one(leg), mandatesOf(signMandate(1, mandate)));
        same(done, 1, "done");
    }

    function test_the_venues_sign_which_mandates_are_used() external {
        SignedMandate memory mandate = signMandate(1, buyMandate(1));
        Mandate memory second = buyMandate(1);
        second.nonce = 2;
        bytes32 typeHash = settlement.VENUE_BATCH_TYPEHASH();
        Leg[][] memory groups = one(legOf(1));
        SignedMandate[][] memory others = mandatesOf(signMandate(1, second));
        VenueSignature[] memory signatures = sign(typeHash, "batch", groups, mandatesOf(mandate));
        // Another of the investor's own mandates does not fit under the venues' signatures.
        vm.expectPartialRevert(VenueSignatures.InvalidVenueSignature.selector);
        settlement.settleMandated("batch", groups, others, signatures, 0);
    }

    function test_refuses_the_malleable_twin_of_a_mandates_signature() external {
        SignedMandate memory mandate = signMandate(1, buyMandate(1));
        bytes memory good = mandate.signature;
        bytes32 r;
        uint256 s;
        assembly ("memory-safe") {
            r := mload(add(good, 0x20))
            s := mload(add(good, 0x40))
        }
        uint8 v = uint8(good[64]) == 27 ? 28 : 27;
        s = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141 - s;
        mandate.signature = abi.encodePacked(r, s, v);
        refusedMandated(
            legOf(1), mandate, abi.encodeWithSelector(Signatures.MalleableSignature.selector, wallet(1))
        );
    }
}
