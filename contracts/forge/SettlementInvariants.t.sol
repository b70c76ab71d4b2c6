// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {Settlement} from "../solidity/Settlement.sol";
import {
    Consent,
    Leg,
    Mandate,
    Move,
    SignedMandate,
    VenueSignature
} from "../solidity/settlement/SettlementTypes.sol";
import {Market} from "./Market.sol";

/// @notice Settles, reverses and nets at random, well and badly, and keeps its own account of what
/// every wallet should have.
contract Trader is Market {
    mapping(address wallet => int256) public expectedTokens;
    mapping(address wallet => int256) public expectedCash;
    mapping(uint64 number => uint256) public timesSettled;
    mapping(uint64 number => uint256) public timesReversed;
    mapping(uint64 number => Leg) private _legs;
    uint64[] public numbers;
    uint256 public mandated;
    uint256 public mostMandated = 200;

    constructor() {
        setUpMarket();
        listings.setNetting(address(token), true);
        // Wallet 3 is moved within its mandate alone: 200 tokens at no more than ten.
        vm.prank(wallet(3));
        settlement.requireMandates(true);
    }

    function parts() external view returns (Settlement, address, address) {
        return (settlement, address(token), address(cash));
    }

    function walletAt(uint256 index) external pure returns (address) {
        return wallet(index);
    }

    function venue(uint256 index) external view returns (bytes32) {
        return venues[index];
    }

    function count() external view returns (uint256) {
        return numbers.length;
    }

    function randomLeg(uint256 seed) private view returns (Leg memory leg) {
        // Few numbers, so that many are used twice.
        leg = legOf(uint64(seed % 40));
        leg.seller = wallet((seed >> 8) % WALLETS);
        leg.buyer = wallet((seed >> 16) % WALLETS);
        leg.quantity = (seed >> 24) % 50;
        leg.amount = (seed >> 32) % 20 == 0 ? 100 * FUNDS : (seed >> 40) % 500;
        leg.homeVenue = venues[(seed >> 56) % VENUES];
        if ((seed >> 64) % 16 == 0) leg.deadline = 1;
    }

    function note(Leg memory leg, int256 sign_) private {
        expectedTokens[leg.seller] -= sign_ * int256(leg.quantity);
        expectedTokens[leg.buyer] += sign_ * int256(leg.quantity);
        expectedCash[leg.buyer] -= sign_ * int256(leg.amount);
        expectedCash[leg.seller] += sign_ * int256(leg.amount);
    }

    function noteSettled(Leg memory leg) private {
        note(leg, 1);
        ++timesSettled[leg.tradeNumber];
        _legs[leg.tradeNumber] = leg;
        numbers.push(leg.tradeNumber);
    }

    /// @notice One group of one to four legs: what is noted is all of it or nothing.
    function settleGroup(uint256 seed, uint8 size) external {
        Leg[][] memory groups = new Leg[][](1);
        groups[0] = new Leg[](1 + size % 4);
        for (uint256 i = 0; i < groups[0].length; ++i) {
            groups[0][i] = randomLeg(uint256(keccak256(abi.encode(seed, i))));
        }
        (uint256 done,) = settle(groups);
        holds(done == 0 || done == groups[0].length, "no half group");
        for (uint256 i = 0; i < done; ++i) {
            noteSettled(groups[0][i]);
        }
    }

    function settleApart(uint256 seed) external {
        for (uint256 i = 0; i < 3; ++i) {
            Leg memory leg = randomLeg(uint256(keccak256(abi.encode(seed, i))));
            (uint256 done,) = settle(one(leg));
            if (done == 1) noteSettled(leg);
        }
    }

    /// @notice For wallet 3, under its mandate, or one that somebody else signed.
    function settleWithinMandate(uint256 seed, bool forged) external {
        Leg memory leg = randomLeg(seed);
        leg.buyer = wallet(3);
        if (leg.amount > 500) leg.amount = 500;
        Mandate memory mandate = buyMandate(3);
        mandate.quantity = mostMandated;
        SignedMandate memory given = signMandate(3, mandate);
        if (forged) given = SignedMandate(mandate, signed(walletKey(0), mandateHash(mandate)));
        (uint256 done,) = settleMandated(one(leg), mandatesOf(given));
        if (done == 0) return;
        holds(!forged, "forged mandate");
        holds(leg.amount <= 10 * leg.quantity, "limit price");
        mandated += leg.quantity;
        noteSettled(leg);
    }

    function reverseOne(uint256 seed, bool withConsent) external {
        if (numbers.length == 0) return;
        Leg memory leg = _legs[numbers[seed % numbers.length]];
        leg.deadline = uint64(block.timestamp + 1 hours);
        Consent[][] memory consents = new Consent[][](1);
        if (withConsent) {
            consents[0] = new Consent[](1);
            consents[0][0] = consentOf(3, leg);
        }
        (uint256 done,) = reverse(one(leg), consents);
        if (done == 0) return;
        holds(withConsent || (leg.buyer != wallet(3) && leg.seller != wallet(3)), "consent");
        ++timesReversed[leg.tradeNumber];
        note(leg, -1);
    }

    /// @notice Two opposite trades of the same size: only cash moves.
    function settleNet(uint256 seed) external {
        Leg[] memory legs = new Leg[](2);
        legs[0] = randomLeg(seed);
        legs[1] = legOf(uint64((seed >> 72) % 40));
        (legs[1].seller, legs[1].buyer) = (legs[0].buyer, legs[0].seller);
        legs[1].quantity = legs[0].quantity;
        legs[1].amount = legs[0].amount + 7;
        Move[] memory moves = new Move[](1);
        moves[0] = Move(address(cash), legs[1].buyer, legs[1].seller, 7);
        Leg[][] memory group = new Leg[][](1);
        group[0] = legs;
        SignedMandate[] memory none = new SignedMandate[](0);
        SignedMandate[][] memory noneInGroup = new SignedMandate[][](1);
        noneInGroup[0] = none;
        VenueSignature[] memory signatures =
            sign(settlement.VENUE_NETTED_BATCH_TYPEHASH(), "net", group, noneInGroup);
        try settlement.settleNetted("net", legs, none, signatures, moves) {
            noteSettled(legs[0]);
            noteSettled(legs[1]);
        } catch {}
    }

    /// @notice With the signature of a key that is no member's, whatever the leg.
    function settleForged(uint256 seed, uint256 key) external {
        key = bounded(key, 1 << 32, 1 << 200);
        Leg[][] memory groups = one(randomLeg(seed));
        VenueSignature[] memory signatures =
            sign(settlement.VENUE_BATCH_TYPEHASH(), "batch", groups, noMandates());
        bytes32 groupsHash = groupsHashOf(groups, noMandates());
        VenueSignature memory forged = signatures[seed % signatures.length];
        bytes32 structHash =
            venueHash(settlement.VENUE_BATCH_TYPEHASH(), "batch", forged.venue, groups, groupsHash);
        forged.signature = signed(key, structHash);
        try settlement.settle("batch", groups, signatures, 0) {
            revert NotTrue("a stranger's signature settled");
        } catch {}
    }
}

contract SettlementInvariantsTest is Market {
    Trader private trader;
    Settlement private subject;
    address private shares;
    address private dollars;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() external {
        trader = new Trader();
        (subject, shares, dollars) = trader.parts();
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0].addr = address(trader);
        targets[0].selectors = new bytes4[](6);
        targets[0].selectors[0] = trader.settleGroup.selector;
        targets[0].selectors[1] = trader.settleApart.selector;
        targets[0].selectors[2] = trader.settleWithinMandate.selector;
        targets[0].selectors[3] = trader.reverseOne.selector;
        targets[0].selectors[4] = trader.settleNet.selector;
        targets[0].selectors[5] = trader.settleForged.selector;
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(trader);
    }

    /// @notice After every call: conservation, single use, no move outside a mandate. That no group
    /// settles by half and no stranger's signature at all, the trader itself asserts.
    function invariant_settlement_keeps_its_word() external view {
        assetsAreConserved();
        eachTradeSettlesAndIsReversedAtMostOnce();
        noMoveOutsideAMandate();
    }

    /// @notice Every wallet has exactly what the settled trades say, and the contract nothing.
    function assetsAreConserved() private view {
        uint256 allShares = 0;
        uint256 allDollars = 0;
        for (uint256 i = 0; i < WALLETS; ++i) {
            address who = trader.walletAt(i);
            uint256 held = balance(shares, who);
            uint256 paid = balance(dollars, who);
            same(held, uint256(int256(FUNDS) + trader.expectedTokens(who)), "tokens");
            same(paid, uint256(int256(FUNDS) + trader.expectedCash(who)), "cash");
            allShares += held;
            allDollars += paid;
        }
        same(allShares, WALLETS * FUNDS, "all tokens");
        same(allDollars, WALLETS * FUNDS, "all cash");
        same(balance(shares, address(subject)) + balance(dollars, address(subject)), 0, "settlement holds nothing");
    }

    /// @notice Each number settles at most once and is reversed at most once, as the contract says.
    function eachTradeSettlesAndIsReversedAtMostOnce() private view {
        for (uint64 number = 0; number < 40; ++number) {
            uint256 times = trader.timesSettled(number);
            holds(times <= 1 && trader.timesReversed(number) <= times, "once");
            holds(subject.isSettled(trader.venue(0), number) == (times == 1), "isSettled");
            holds(
                subject.isReversed(trader.venue(0), number) == (trader.timesReversed(number) == 1), "isReversed"
            );
        }
    }

    /// @notice Wallet 3 bought no more than its mandate says, and sold nothing.
    function noMoveOutsideAMandate() private view {
        address who = trader.walletAt(3);
        (uint256 filled,) = subject.mandateState(who, 1);
        same(filled, trader.mandated(), "filled");
        holds(filled <= trader.mostMandated(), "quantity");
        holds(balance(shares, who) >= FUNDS, "sold nothing");
        holds(balance(dollars, who) + 10 * filled >= FUNDS, "paid no more than the limit");
    }

    function balance(address asset, address who) private view returns (uint256) {
        (, bytes memory data) = asset.staticcall(abi.encodeWithSignature("balanceOf(address)", who));
        return abi.decode(data, (uint256));
    }
}
