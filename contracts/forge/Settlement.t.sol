// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {Settlement} from "../solidity/Settlement.sol";
import {PartitionedToken} from "../solidity/test/PartitionedToken.sol";
import {ExactTransfers} from "../solidity/settlement/ExactTransfers.sol";
import {
    Consent, Leg, SignedMandate, VenueSignature
} from "../solidity/settlement/SettlementTypes.sol";
import {Signatures} from "../solidity/settlement/Signatures.sol";
import {VenueSignatures} from "../solidity/settlement/VenueSignatures.sol";
import {AwkwardToken} from "../solidity/test/AwkwardToken.sol";
import {ContractSigner} from "../solidity/test/ContractSigner.sol";
import {ListingRegistry} from "../solidity/ListingRegistry.sol";
import {Market} from "./Market.sol";

contract SettlementTest is Market {
    function setUp() external {
        setUpMarket();
    }

    function testFuzz_moves_what_the_leg_says(uint64 number, uint256 quantity, uint256 amount) external {
        Leg memory leg = legOf(number);
        leg.quantity = bounded(quantity, 1, FUNDS);
        leg.amount = bounded(amount, 1, FUNDS);
        leg.homeVenue = venues[1];
        (uint256 done, uint256 failed) = settle(one(leg));
        same(done, 1, "done");
        same(failed, 0, "failed");
        same(token.balanceOf(leg.seller), FUNDS - leg.quantity, "seller's tokens");
        same(token.balanceOf(leg.buyer), FUNDS + leg.quantity, "buyer's tokens");
        same(cash.balanceOf(leg.seller), FUNDS + leg.amount, "seller's cash");
        same(cash.balanceOf(leg.buyer), FUNDS - leg.amount, "buyer's cash");
        holds(settlement.isSettled(leg.executingVenue, number), "settled");
        holds(!settlement.isReversed(leg.executingVenue, number), "not reversed");
    }

    function testFuzz_settles_a_trade_once(uint64 number) external {
        Leg memory leg = legOf(number);
        settle(one(leg));
        refused(leg, abi.encodeWithSelector(Settlement.TradeAlreadySettled.selector, venues[0], number));
    }

    /// @notice For every number of venues from two to five, and every leg of the group in turn.
    function test_leaves_every_balance_when_leg_k_of_a_group_over_n_venues_fails() external {
        for (uint256 count = 2; count <= VENUES; ++count) {
            for (uint256 k = 0; k < count; ++k) {
                bytes32 before = balances();
                (uint256 done, uint256 failed) = settle(groupOver(count, k));
                same(done, 0, "done");
                same(failed, 1, "failed");
                holds(balances() == before, "balances");
                for (uint256 i = 0; i < count; ++i) {
                    holds(!settlement.isSettled(venues[i], uint64(count)), "number is free");
                }
            }
            (uint256 all,) = settle(groupOver(count, count));
            same(all, count, "all settled");
        }
    }

    function groupOver(uint256 count, uint256 failing) private view returns (Leg[][] memory groups) {
        groups = new Leg[][](1);
        groups[0] = new Leg[](count);
        for (uint256 i = 0; i < count; ++i) {
            Leg memory leg = legOf(uint64(count));
            leg.executingVenue = venues[i];
            leg.token = i % 2 == 0 ? address(token) : address(other);
            leg.seller = wallet(i % 3);
            leg.buyer = wallet(3);
            if (i == failing) leg.amount = 2 * VENUES * FUNDS;
            groups[0][i] = leg;
        }
    }

    function test_isolates_groups() external {
        Leg[][] memory groups = new Leg[][](3);
        for (uint64 i = 0; i < 3; ++i) {
            groups[i] = only(legOf(i));
        }
        groups[1][0].quantity = 2 * FUNDS;
        (uint256 done, uint256 failed) = settle(groups);
        same(done, 2, "done");
        same(failed, 1, "failed");
        same(token.balanceOf(wallet(1)), FUNDS + 20, "two of three");
        bytes32[] memory asked = new bytes32[](2);
        uint64[] memory numbers = new uint64[](2);
        (asked[0], asked[1], numbers[1]) = (venues[0], venues[0], 1);
        bool[] memory answers = settlement.areSettled(asked, numbers);
        holds(answers[0] && !answers[1], "areSettled");
    }

    function test_refuses_legs_that_are_none() external {
        bytes32 venue = venues[0];
        Leg memory leg = legOf(1);
        leg.deadline = uint64(block.timestamp - 1);
        refused(leg, abi.encodeWithSelector(Settlement.DeadlinePassed.selector, venue, 1, leg.deadline));
        leg = legOf(1);
        leg.quantity = 0;
        refused(leg, abi.encodeWithSelector(Settlement.ZeroAmount.selector, venue, 1));
        leg = legOf(1);
        leg.amount = 0;
        refused(leg, abi.encodeWithSelector(Settlement.ZeroAmount.selector, venue, 1));
        leg = legOf(1);
        leg.buyer = leg.seller;
        refused(leg, abi.encodeWithSelector(Settlement.SelfTrade.selector, venue, 1));
        leg = legOf(1);
        leg.cashToken = address(other);
        bytes memory mismatch = abi.encodeWithSelector(
            Settlement.CashTokenMismatch.selector, address(token), address(cash), address(other)
        );
        refused(leg, mismatch);
        leg = legOf(1);
        leg.token = address(cash);
        refused(leg, abi.encodeWithSelector(Settlement.NotListed.selector, address(cash), venue, 0));
        listings.halt(address(token), venue);
        refused(legOf(1), abi.encodeWithSelector(Settlement.NotListed.selector, address(token), venue, 3));
        same(token.balanceOf(wallet(0)), FUNDS, "nothing moved");
    }

    function test_refuses_tokens_that_do_not_move_what_they_say() external {
        token.behave(1, address(0), "");
        Leg memory leg = legOf(1);
        leg.quantity = 1_000;
        bytes4 notExact = ExactTransfers.TransferNotExact.selector;
        // The fee comes out of what the buyer gets.
        refused(leg, abi.encodeWithSelector(notExact, address(token), wallet(1), FUNDS + 1_000, FUNDS + 990));
        token.behave(2, address(0), "");
        refused(leg, abi.encodeWithSelector(notExact, address(token), wallet(0), FUNDS - 1_000, FUNDS));
        leg.quantity = 2 * FUNDS;
        refused(leg, abi.encodeWithSelector(notExact, address(token), wallet(0), FUNDS, 2 * FUNDS));
    }

    /// @notice Token or cash, payer or payee: each of the four balances is compared.
    function test_refuses_a_token_that_cheats_one_side_alone() external {
        for (uint256 i = 0; i < 4; ++i) {
            CheatingToken cheat = new CheatingToken(i % 2 == 0);
            bool isCash = i >= 2;
            AwkwardToken fresh = new AwkwardToken();
            Leg memory leg = legOf(1);
            leg.token = isCash ? address(fresh) : address(cheat);
            leg.cashToken = isCash ? address(cheat) : address(cash);
            ListingRegistry.Terms memory with = terms();
            with.cashToken = leg.cashToken;
            listings.setInstrument(leg.token, with);
            listings.setListing(leg.token, venues[0], 2, 2, 0);
            give(fresh);
            give(AwkwardToken(address(cheat)));
            (address from, address to) = isCash ? (wallet(1), wallet(0)) : (wallet(0), wallet(1));
            uint256 value = isCash ? leg.amount : leg.quantity;
            address cheated = i % 2 == 0 ? from : to;
            uint256 expected = i % 2 == 0 ? FUNDS - value : FUNDS + value;
            refused(
                leg,
                abi.encodeWithSelector(
                    ExactTransfers.TransferNotExact.selector, address(cheat), cheated, expected, expected - 1
                )
            );
        }
    }

    function give(AwkwardToken asset) private {
        for (uint256 i = 0; i < 2; ++i) {
            asset.mint(wallet(i), FUNDS);
            vm.prank(wallet(i));
            asset.approve(address(settlement), type(uint256).max);
        }
    }

    function test_refuses_balances_out_of_range_and_unreadable_ones() external {
        uint256 huge = 1 << 254;
        other.mint(wallet(2), huge);
        Leg memory leg = legOf(1);
        leg.token = address(other);
        leg.buyer = wallet(2);
        bytes4 tooLarge = ExactTransfers.BalanceTooLarge.selector;
        refused(leg, abi.encodeWithSelector(tooLarge, address(other), wallet(2)));
        FullToken wide = new FullToken();
        list(address(wide));
        leg.token = address(wide);
        leg.quantity = 3;
        refused(leg, abi.encodeWithSelector(tooLarge, address(wide), wallet(2)));
        Unreadable dumb = new Unreadable();
        list(address(dumb));
        leg.token = address(dumb);
        refused(leg, abi.encodeWithSelector(ExactTransfers.BalanceUnreadable.selector, address(dumb)));
    }

    function test_keeps_reasons_short_and_names_a_group_that_burnt_its_gas() external {
        token.behave(3, address(0), "");
        vm.recordLogs();
        settle(one(legOf(1)));
        same(failures(vm.getRecordedLogs())[0].length, 512, "bounded reason");
        token.behave(5, address(0), "");
        refused(legOf(1), abi.encodeWithSelector(Settlement.GroupOutOfGas.selector, 500_000));
    }

    function test_a_token_that_calls_back_finds_the_door_closed() external {
        Leg[][] memory inner = one(legOf(2));
        bytes32 typeHash = settlement.VENUE_BATCH_TYPEHASH();
        VenueSignature[] memory signatures = sign(typeHash, "inner", inner, noMandates());
        token.behave(4, address(settlement), abi.encodeCall(settlement.settle, ("inner", inner, signatures, 0)));
        refused(legOf(1), abi.encodeWithSignature("ReentrancyGuardReentrantCall()"));
        bytes[3] memory doors = [
            abi.encodeCall(settlement.settleGroup, ("x", only(legOf(3)))),
            abi.encodeCall(settlement.settleMandatedGroup, ("x", only(legOf(3)), new SignedMandate[](0))),
            abi.encodeCall(settlement.reverseGroup, ("x", only(legOf(3)), new Consent[](0)))
        ];
        for (uint256 i = 0; i < doors.length; ++i) {
            token.behave(4, address(settlement), doors[i]);
            refused(legOf(1), abi.encodeWithSelector(Settlement.OnlySelf.selector));
        }
        same(token.balanceOf(wallet(0)), FUNDS, "nothing moved");
    }

    /// @notice A module of the token may ask, during the move alone, whether this is the move.
    function test_says_which_move_is_being_made() external {
        bytes memory question =
            abi.encodeCall(settlement.isMoving, (address(token), wallet(0), wallet(1), uint256(10)));
        Asker asker = new Asker(address(settlement), question);
        token.behave(4, address(asker), abi.encodeCall(asker.ask, ()));
        settle(one(legOf(1)));
        holds(asker.answer(), "during");
        asker.ask();
        holds(!asker.answer(), "after");
    }

    function test_moves_a_partition_as_the_holders_operator() external {
        PartitionedToken shares = new PartitionedToken("Shares", "SHR", "common", address(this));
        ListingRegistry.Terms memory partitioned = terms();
        partitioned.standard = 2;
        partitioned.partition = "restricted";
        listings.setInstrument(address(shares), partitioned);
        listings.setListing(address(shares), venues[0], 2, 2, 0);
        shares.setAdmitted(wallet(0), true);
        shares.setAdmitted(wallet(1), true);
        shares.issueByPartition("restricted", wallet(0), 100, "");
        Leg memory leg = legOf(1);
        leg.token = address(shares);
        (uint256 refusedLegs,) = settle(one(leg));
        same(refusedLegs, 0, "not the operator yet");
        vm.prank(wallet(0));
        shares.authorizeOperatorByPartition("restricted", address(settlement));
        (uint256 done,) = settle(one(leg));
        same(done, 1, "done");
        same(shares.balanceOfByPartition("restricted", wallet(1)), 10, "partition");
        vm.prank(wallet(1));
        shares.authorizeOperatorByPartition("restricted", address(settlement));
        (uint256 back,) = reverse(one(leg), noConsents(1));
        same(back, 1, "reversed");
        same(shares.balanceOfByPartition("restricted", wallet(0)), 100, "back");
    }

    function test_refuses_batches_that_are_none() external {
        VenueSignature[] memory none;
        vm.expectRevert(VenueSignatures.EmptyBatch.selector);
        settlement.settle("b", new Leg[][](0), none, 0);
        vm.expectRevert(abi.encodeWithSelector(VenueSignatures.EmptyGroup.selector, 0));
        settlement.settle("b", new Leg[][](1), none, 0);
        Leg[][] memory many = new Leg[][](1);
        many[0] = new Leg[](101);
        vm.expectRevert(abi.encodeWithSelector(VenueSignatures.TooManyLegs.selector, 101, 100));
        settlement.settle("b", many, none, 0);
        Leg[][] memory groups = one(legOf(1));
        vm.expectRevert(abi.encodeWithSelector(Settlement.MandatesMismatch.selector, 1, 0));
        settlement.settleMandated("b", groups, new SignedMandate[][](0), none, 0);
        vm.expectRevert(abi.encodeWithSelector(Settlement.MandatesMismatch.selector, 1, 2));
        settlement.reverse("b", groups, noConsents(2), none, 0);
    }

    function test_reverts_when_it_is_given_too_little_gas() external {
        Leg[][] memory groups = one(legOf(1));
        VenueSignature[] memory signatures = signatureOf(groups);
        vm.expectPartialRevert(Settlement.GasTooLow.selector);
        settlement.settle{gas: 450_000}("batch", groups, signatures, 0);
        vm.expectPartialRevert(Settlement.GasTooLow.selector);
        settlement.settle{gas: 1_000_000}("batch", groups, signatures, 900_000);
        (uint256 done,) = settlement.settle{gas: 1_300_000}("batch", groups, signatures, 900_000);
        same(done, 1, "done");
    }

    function signatureOf(Leg[][] memory groups) private view returns (VenueSignature[] memory) {
        return sign(settlement.VENUE_BATCH_TYPEHASH(), "batch", groups, noMandates());
    }

    function expectRefusal(Leg[][] memory groups, VenueSignature[] memory signatures, bytes memory reason) private {
        vm.expectRevert(reason);
        settlement.settle("batch", groups, signatures, 0);
    }

    function test_asks_for_one_signature_of_each_venue() external {
        Leg memory leg = legOf(1);
        leg.homeVenue = venues[1];
        Leg[][] memory groups = one(leg);
        VenueSignature[] memory both = signatureOf(groups);
        VenueSignature[] memory some = new VenueSignature[](1);
        some[0] = both[0];
        expectRefusal(
            groups, some, abi.encodeWithSelector(VenueSignatures.MissingVenueSignature.selector, venues[1])
        );
        some[0] = both[1];
        expectRefusal(
            groups, some, abi.encodeWithSelector(VenueSignatures.MissingVenueSignature.selector, venues[0])
        );
        Leg[][] memory two = new Leg[][](2);
        (two[0], two[1]) = (only(leg), only(legOf(2)));
        VenueSignature[] memory beta = new VenueSignature[](1);
        beta[0] = signatureOf(two)[0];
        expectRefusal(
            two, beta, abi.encodeWithSelector(VenueSignatures.MissingVenueSignature.selector, venues[1])
        );
        VenueSignature[] memory three = new VenueSignature[](3);
        (three[0], three[1], three[2]) = (both[0], both[1], both[0]);
        expectRefusal(
            groups, three, abi.encodeWithSelector(VenueSignatures.DuplicateVenueSignature.selector, venues[0])
        );
        three[2].venue = venues[2];
        expectRefusal(
            groups, three, abi.encodeWithSelector(VenueSignatures.VenueNotInBatch.selector, venues[2])
        );
    }

    function test_asks_for_a_venue_that_may_settle() external {
        Leg[][] memory groups = one(legOf(1));
        VenueSignature[] memory signatures = signatureOf(groups);
        members.suspend(venues[0]);
        expectRefusal(
            groups, signatures, abi.encodeWithSelector(VenueSignatures.VenueSuspended.selector, venues[0])
        );
        members.setMember(venues[0], 1, 4);
        expectRefusal(
            groups, signatures, abi.encodeWithSelector(VenueSignatures.VenueHasCeased.selector, venues[0])
        );
        Leg memory leg = legOf(1);
        (leg.executingVenue, leg.homeVenue) = (bytes32("acme"), bytes32("acme"));
        VenueSignature[] memory byIssuer = new VenueSignature[](1);
        byIssuer[0].venue = "acme";
        expectRefusal(one(leg), byIssuer, abi.encodeWithSelector(VenueSignatures.NotAVenue.selector, bytes32("acme")));
    }

    function test_a_ceasing_venue_settles_what_it_traded() external {
        members.setMember(venues[0], 1, 3);
        (uint256 done,) = settle(one(legOf(1)));
        same(done, 1, "done");
    }

    function test_names_a_signature_for_another_chain_or_contract() external {
        Leg[][] memory groups = one(legOf(1));
        VenueSignature[] memory signatures = signatureOf(groups);
        signatures[0].chainId = 1;
        expectRefusal(
            groups,
            signatures,
            abi.encodeWithSelector(VenueSignatures.WrongChain.selector, venues[0], 1, block.chainid)
        );
        signatures[0].chainId = block.chainid;
        signatures[0].settlement = address(token);
        expectRefusal(
            groups,
            signatures,
            abi.encodeWithSelector(VenueSignatures.WrongDomain.selector, venues[0], address(token), address(settlement))
        );
    }

    function test_a_signature_does_not_outlive_a_change_of_the_chain_id() external {
        Leg[][] memory groups = one(legOf(1));
        VenueSignature[] memory signatures = signatureOf(groups);
        vm.chainId(77);
        signatures[0].chainId = 77;
        expectInvalid(groups, signatures);
    }

    function expectInvalid(Leg[][] memory groups, VenueSignature[] memory signatures) private {
        expectRefusal(
            groups,
            signatures,
            abi.encodeWithSelector(
                VenueSignatures.InvalidVenueSignature.selector, signatures[0].venue, signatures[0].signer
            )
        );
    }

    /// @notice Only members' signatures: no other key settles anything, whatever it signs.
    function testFuzz_refuses_every_key_but_the_signers(uint256 key, bool claimsToBeTheSigner) external {
        key = bounded(key, 1, 1 << 250);
        address foreign = vm.addr(key);
        vm.assume(foreign != vm.addr(venueKey(0)));
        Leg[][] memory groups = one(legOf(1));
        VenueSignature[] memory signatures = signatureOf(groups);
        bytes32 structHash = venueHash(
            settlement.VENUE_BATCH_TYPEHASH(), "batch", venues[0], groups, groupsHashOf(groups, noMandates())
        );
        signatures[0].signature = signed(key, structHash);
        if (claimsToBeTheSigner) {
            expectInvalid(groups, signatures);
        } else {
            signatures[0].signer = foreign;
            expectRefusal(
                groups, signatures, abi.encodeWithSelector(VenueSignatures.NotASigner.selector, venues[0], foreign)
            );
        }
    }

    /// @notice Whatever field of a signed leg is changed, the signature is none any more.
    function testFuzz_refuses_a_leg_changed_after_signing(uint8 field, uint64 change) external {
        Leg[][] memory groups = one(legOf(1));
        VenueSignature[] memory signatures = signatureOf(groups);
        Leg memory leg = groups[0][0];
        uint256 which = field % 6;
        change = change == 0 ? 1 : change;
        if (which == 0) leg.tradeNumber ^= change;
        if (which == 1) leg.quantity ^= change;
        if (which == 2) leg.amount ^= change;
        if (which == 3) leg.deadline ^= change;
        if (which == 4) leg.seller = wallet(2);
        if (which == 5) leg.buyer = wallet(3);
        expectInvalid(groups, signatures);
    }

    function test_refuses_malleable_and_malformed_signatures() external {
        Leg[][] memory groups = one(legOf(1));
        VenueSignature[] memory signatures = signatureOf(groups);
        bytes memory good = signatures[0].signature;
        (bytes32 r, bytes32 s, uint8 v) = split(good);
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        signatures[0].signature = abi.encodePacked(r, order - uint256(s), v == 27 ? uint8(28) : uint8(27));
        address signer = signatures[0].signer;
        expectRefusal(groups, signatures, abi.encodeWithSelector(Signatures.MalleableSignature.selector, signer));
        signatures[0].signature = abi.encodePacked(r, s);
        expectInvalid(groups, signatures);
        signatures[0].signature = abi.encodePacked(r, s, uint8(99));
        expectInvalid(groups, signatures);
    }

    function split(bytes memory signature) private pure returns (bytes32 r, bytes32 s, uint8 v) {
        assembly ("memory-safe") {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
            v := byte(0, mload(add(signature, 0x60)))
        }
    }

    function test_accepts_a_contract_as_signer() external {
        ContractSigner multisig = new ContractSigner(vm.addr(venueKey(0)));
        members.setSigner(venues[0], address(multisig), 0, 0);
        Leg[][] memory groups = one(legOf(1));
        VenueSignature[] memory signatures = signatureOf(groups);
        signatures[0].signer = address(multisig);
        (uint256 done,) = settlement.settle("batch", groups, signatures, 0);
        same(done, 1, "done");
        vm.expectRevert(
            abi.encodeWithSelector(
                VenueSignatures.InvalidVenueSignature.selector, venues[0], address(multisig)
            )
        );
        settlement.settle("another batch", groups, signatures, 0);
    }

    function test_an_all_or_none_group_cannot_be_split_with_its_own_signatures() external {
        Leg[][] memory together = new Leg[][](1);
        together[0] = new Leg[](2);
        (together[0][0], together[0][1]) = (legOf(1), legOf(2));
        VenueSignature[] memory signatures = signatureOf(together);
        Leg[][] memory apart = new Leg[][](2);
        (apart[0], apart[1]) = (only(legOf(1)), only(legOf(2)));
        expectInvalid(apart, signatures);
        settlement.settle("batch", together, signatures, 0);
    }

    function test_a_signature_to_settle_is_none_to_reverse() external {
        Leg[][] memory groups = one(legOf(1));
        VenueSignature[] memory signatures = signatureOf(groups);
        settlement.settle("batch", groups, signatures, 0);
        vm.expectPartialRevert(VenueSignatures.InvalidVenueSignature.selector);
        settlement.reverse("batch", groups, noConsents(1), signatures, 0);
    }

    function test_does_nothing_while_paused() external {
        Leg[][] memory groups = one(legOf(1));
        VenueSignature[] memory signatures = signatureOf(groups);
        settlement.pause();
        expectRefusal(groups, signatures, abi.encodeWithSelector(Pausable.EnforcedPause.selector));
        settlement.unpause();
        settlement.settle("batch", groups, signatures, 0);
    }

    function test_balances_may_change_between_two_calls_of_one_transaction() external {
        settle(one(legOf(1)));
        vm.prank(wallet(0));
        token.transfer(wallet(2), 7);
        (uint256 done,) = settle(one(legOf(2)));
        same(done, 1, "done");
    }
}

/// @notice A token whose receiver ends above what can be settled.
contract FullToken {
    function balanceOf(address) external pure returns (uint256) {
        return (1 << 254) - 2;
    }

    function transferFrom(address, address, uint256) external pure returns (bool) {
        return true;
    }
}

/// @notice A token without balances.
contract Unreadable {}

/// @notice Asks a question when it is told to, and keeps the answer.
contract Asker {
    address private immutable _whom;
    bytes private _question;
    bool public answer;

    constructor(address whom, bytes memory question) {
        _whom = whom;
        _question = question;
    }

    function ask() external {
        (, bytes memory data) = _whom.call(_question);
        answer = abi.decode(data, (bool));
    }
}

/// @notice A token that takes one unit too many from the payer, or one from the payee.
contract CheatingToken is ERC20 {
    bool private immutable _fromPayer;

    constructor(bool fromPayer) ERC20("Cheat", "CHT") {
        _fromPayer = fromPayer;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        super.transferFrom(from, to, value);
        _burn(_fromPayer ? from : to, 1);
        return true;
    }
}
