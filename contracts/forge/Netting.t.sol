// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {Settlement} from "../solidity/Settlement.sol";
import {ExactTransfers} from "../solidity/settlement/ExactTransfers.sol";
import {Netting} from "../solidity/settlement/Netting.sol";
import {Leg, Move, SignedMandate, VenueSignature} from "../solidity/settlement/SettlementTypes.sol";
import {Mandates} from "../solidity/settlement/Mandates.sol";
import {VenueSignatures} from "../solidity/settlement/VenueSignatures.sol";
import {Market} from "./Market.sol";

contract NettingTest is Market {
    function setUp() external {
        setUpMarket();
        listings.setNetting(address(token), true);
    }

    function inOne(Leg[] memory legs) private pure returns (Leg[][] memory groups) {
        groups = new Leg[][](1);
        groups[0] = legs;
    }

    function signedNet(Leg[] memory legs, SignedMandate[] memory mandates)
        private
        view
        returns (VenueSignature[] memory)
    {
        SignedMandate[][] memory inGroup = new SignedMandate[][](1);
        inGroup[0] = mandates;
        return sign(settlement.VENUE_NETTED_BATCH_TYPEHASH(), "net", inOne(legs), inGroup);
    }

    function settleNet(Leg[] memory legs, Move[] memory moves) private {
        SignedMandate[] memory none = new SignedMandate[](0);
        settlement.settleNetted("net", legs, none, signedNet(legs, none), moves);
    }

    function refusedNet(Leg[] memory legs, Move[] memory moves, bytes memory reason) private {
        SignedMandate[] memory none = new SignedMandate[](0);
        VenueSignature[] memory signatures = signedNet(legs, none);
        vm.expectRevert(reason);
        settlement.settleNetted("net", legs, none, signatures, moves);
    }

    /// @notice Three trades in a circle: each wallet sells ten to the next, at 100, 110 and 120.
    function circle() private view returns (Leg[] memory legs) {
        legs = new Leg[](3);
        for (uint64 i = 0; i < 3; ++i) {
            legs[i] = legOf(i);
            legs[i].seller = wallet(i);
            legs[i].buyer = wallet((i + 1) % 3);
            legs[i].amount = 100 + 10 * i;
            legs[i].homeVenue = venues[i];
        }
    }

    /// @notice What is left of the circle: no tokens, and two payments to wallet 2.
    function payments() private view returns (Move[] memory moves) {
        moves = new Move[](2);
        moves[0] = Move(address(cash), wallet(0), wallet(2), 10);
        // wallet 0: +100 -120 = -20; wallet 1: +110 -100 = +10; wallet 2: +120 -110 = +10
        moves[1] = Move(address(cash), wallet(0), wallet(1), 10);
    }

    function test_leaves_holders_with_what_the_legs_say_by_fewer_transfers() external {
        settleNet(circle(), payments());
        for (uint256 i = 0; i < 3; ++i) {
            same(token.balanceOf(wallet(i)), FUNDS, "tokens");
            holds(settlement.isSettled(venues[0], uint64(i)), "settled");
        }
        same(cash.balanceOf(wallet(0)), FUNDS - 20, "0");
        same(cash.balanceOf(wallet(1)), FUNDS + 10, "1");
        same(cash.balanceOf(wallet(2)), FUNDS + 10, "2");
    }

    function test_refuses_moves_that_nobody_owes_or_that_leave_something_open() external {
        Move[] memory moves = payments();
        bytes4 notOwed = Netting.MoveNotOwed.selector;
        moves[1].value = 11;
        refusedNet(circle(), moves, abi.encodeWithSelector(notOwed, address(cash), wallet(0), wallet(1), 11));
        moves[1].value = 0;
        refusedNet(circle(), moves, abi.encodeWithSelector(notOwed, address(cash), wallet(0), wallet(1), 0));
        // Through a wallet that trades nothing, and from one that is owed.
        moves[1] = Move(address(cash), wallet(0), wallet(3), 10);
        refusedNet(circle(), moves, abi.encodeWithSelector(notOwed, address(cash), wallet(0), wallet(3), 10));
        moves[1] = Move(address(cash), wallet(2), wallet(1), 10);
        refusedNet(circle(), moves, abi.encodeWithSelector(notOwed, address(cash), wallet(2), wallet(1), 10));
        moves[1] = Move(address(cash), wallet(0), wallet(1), 9);
        refusedNet(circle(), moves, abi.encodeWithSelector(Netting.NettingIncomplete.selector, 2));
        refusedNet(circle(), new Move[](0), abi.encodeWithSelector(Netting.NettingIncomplete.selector, 3));
        settleNet(circle(), payments());
    }

    function test_needs_the_tokens_leave() external {
        listings.setNetting(address(token), false);
        holds(!listings.isNettable(address(token)), "not nettable");
        refusedNet(
            circle(), payments(), abi.encodeWithSelector(Settlement.NettingNotAllowed.selector, address(token))
        );
    }

    function test_settles_no_trade_twice_and_none_of_a_bad_batch() external {
        settle(one(legOf(1)));
        refusedNet(
            circle(),
            payments(),
            abi.encodeWithSelector(Settlement.TradeAlreadySettled.selector, venues[0], 1)
        );
        Leg[] memory large = only(legOf(9));
        large[0].amount = 1 << 128;
        refusedNet(large, new Move[](0), abi.encodeWithSelector(Netting.AmountTooLarge.selector, 1 << 128));
        vm.expectRevert(VenueSignatures.EmptyBatch.selector);
        settlement.settleNetted("net", new Leg[](0), new SignedMandate[](0), new VenueSignature[](0), new Move[](0));
    }

    function test_a_signature_to_settle_gross_is_none_to_settle_net() external {
        Leg[] memory legs = circle();
        VenueSignature[] memory gross =
            sign(settlement.VENUE_BATCH_TYPEHASH(), "net", inOne(legs), noMandates());
        Move[] memory moves = payments();
        vm.expectPartialRevert(VenueSignatures.InvalidVenueSignature.selector);
        settlement.settleNetted("net", legs, new SignedMandate[](0), gross, moves);
    }

    function test_refuses_a_token_that_takes_a_fee() external {
        token.behave(1, address(0), "");
        Leg[] memory legs = only(legOf(1));
        legs[0].quantity = 1_000;
        Move[] memory moves = new Move[](2);
        moves[0] = Move(address(token), wallet(0), wallet(1), 1_000);
        moves[1] = Move(address(cash), wallet(1), wallet(0), 100);
        refusedNet(
            legs,
            moves,
            abi.encodeWithSelector(
                ExactTransfers.TransferNotExact.selector, address(token), wallet(1), FUNDS + 1_000, FUNDS + 990
            )
        );
    }

    function test_holds_mandates_at_each_trades_own_price() external {
        vm.prank(wallet(1));
        settlement.requireMandates(true);
        Leg[] memory legs = circle();
        Move[] memory moves = payments();
        refusedNet(legs, moves, abi.encodeWithSelector(Mandates.MandateRequired.selector, wallet(1)));
        SignedMandate[] memory mandates = new SignedMandate[](2);
        mandates[0] = signMandate(1, buyMandate(1));
        SignedMandate memory sale;
        sale.mandate = buyMandate(1);
        (sale.mandate.side, sale.mandate.nonce, sale.mandate.limitAmount) = (2, 2, 12);
        mandates[1] = signMandate(1, sale.mandate);
        VenueSignature[] memory signatures = signedNet(legs, mandates);
        // It sells at 11.
        vm.expectRevert(
            abi.encodeWithSelector(Mandates.MandatePriceExceeded.selector, wallet(1), 2, 110, 10)
        );
        settlement.settleNetted("net", legs, mandates, signatures, moves);
        sale.mandate.limitAmount = 11;
        mandates[1] = signMandate(1, sale.mandate);
        settlement.settleNetted("net", legs, mandates, signedNet(legs, mandates), moves);
        (uint256 bought,) = settlement.mandateState(wallet(1), 1);
        same(bought, 10, "bought");
    }

    /// @notice Any trades among the wallets: what netting gives each is what the trades would have.
    function testFuzz_gives_what_the_trades_one_by_one_would(uint256 seed) external {
        Leg[] memory legs = new Leg[](6);
        for (uint64 i = 0; i < 6; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            legs[i] = legOf(i);
            legs[i].seller = wallet(random % WALLETS);
            legs[i].buyer = wallet((random + 1 + (random >> 8) % (WALLETS - 1)) % WALLETS);
            legs[i].quantity = 1 + (random >> 16) % 1_000;
            legs[i].amount = 1 + (random >> 48) % 1_000;
        }
        int256[WALLETS] memory tokens;
        int256[WALLETS] memory dollars;
        for (uint256 i = 0; i < 6; ++i) {
            uint256 seller = indexOf(legs[i].seller);
            uint256 buyer = indexOf(legs[i].buyer);
            tokens[seller] -= int256(legs[i].quantity);
            tokens[buyer] += int256(legs[i].quantity);
            dollars[buyer] -= int256(legs[i].amount);
            dollars[seller] += int256(legs[i].amount);
        }
        settleNet(legs, movesFor(tokens, dollars));
        for (uint256 i = 0; i < WALLETS; ++i) {
            same(token.balanceOf(wallet(i)), uint256(int256(FUNDS) + tokens[i]), "tokens");
            same(cash.balanceOf(wallet(i)), uint256(int256(FUNDS) + dollars[i]), "cash");
        }
    }

    function indexOf(address who) private pure returns (uint256 index) {
        while (wallet(index) != who) ++index;
    }

    function movesFor(int256[WALLETS] memory tokens, int256[WALLETS] memory dollars)
        private
        view
        returns (Move[] memory moves)
    {
        Move[] memory all = new Move[](2 * WALLETS * WALLETS);
        uint256 count = pay(all, 0, address(token), copy(tokens));
        count = pay(all, count, address(cash), copy(dollars));
        moves = new Move[](count);
        for (uint256 i = 0; i < count; ++i) {
            moves[i] = all[i];
        }
    }

    function copy(int256[WALLETS] memory sums) private pure returns (int256[WALLETS] memory result) {
        for (uint256 i = 0; i < WALLETS; ++i) {
            result[i] = sums[i];
        }
    }

    function pay(Move[] memory moves, uint256 count, address asset, int256[WALLETS] memory sums)
        private
        pure
        returns (uint256)
    {
        for (uint256 i = 0; i < WALLETS; ++i) {
            for (uint256 j = 0; j < WALLETS; ++j) {
                if (sums[i] >= 0 || sums[j] <= 0) continue;
                int256 value = -sums[i] < sums[j] ? -sums[i] : sums[j];
                moves[count++] = Move(asset, wallet(i), wallet(j), uint256(value));
                sums[i] += value;
                sums[j] -= value;
            }
        }
        return count;
    }
}
