// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Governed} from "../solidity/Governed.sol";
import {ListingRegistry} from "../solidity/ListingRegistry.sol";
import {MemberRegistry} from "../solidity/MemberRegistry.sol";
import {CashToken} from "../solidity/demo/CashToken.sol";
import {Market} from "./Market.sol";

contract RegistriesTest is Market {
    address private constant STRANGER = address(0x5A);

    function setUp() external {
        setUpMarket();
    }

    function notTheOwner() private pure returns (bytes memory) {
        return abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, STRANGER);
    }

    function notAGuardian() private pure returns (bytes memory) {
        return abi.encodeWithSelector(Governed.NotAGuardian.selector, STRANGER);
    }

    function expectRefusal(bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(STRANGER);
    }

    // Governance.

    function test_hands_over_in_two_steps_and_never_to_nobody() external {
        members.transferOwnership(STRANGER);
        holds(members.owner() == address(this), "not yet");
        vm.prank(STRANGER);
        members.acceptOwnership();
        holds(members.owner() == STRANGER, "now");
        expectRefusal(abi.encodeWithSelector(Governed.OwnerIsRequired.selector));
        members.renounceOwnership();
        vm.expectPartialRevert(Ownable.OwnableUnauthorizedAccount.selector);
        members.renounceOwnership();
    }

    function test_a_guardian_stops_and_does_nothing_else() external {
        expectRefusal(notAGuardian());
        members.suspend(venues[0]);
        expectRefusal(notAGuardian());
        listings.halt(address(token), venues[0]);
        expectRefusal(notAGuardian());
        settlement.pause();
        expectRefusal(notTheOwner());
        members.setGuardian(STRANGER, true);
        members.setGuardian(STRANGER, true);
        listings.setGuardian(STRANGER, true);
        settlement.setGuardian(STRANGER, true);
        vm.prank(STRANGER);
        members.suspend(venues[0]);
        vm.prank(STRANGER);
        listings.halt(address(token), venues[0]);
        vm.prank(STRANGER);
        settlement.pause();
        (, uint8 status) = members.memberStatus(venues[0]);
        same(status, 2, "suspended");
        same(listings.listing(address(token), venues[0]).status, 3, "halted");
        expectRefusal(notTheOwner());
        members.setMember(venues[0], 1, 1);
        expectRefusal(notTheOwner());
        listings.setListing(address(token), venues[0], 2, 2, 0);
        expectRefusal(notTheOwner());
        settlement.unpause();
        members.setGuardian(STRANGER, false);
        holds(!members.isGuardian(STRANGER), "dismissed");
        vm.expectRevert(Governed.InvalidGuardian.selector);
        members.setGuardian(address(0), true);
    }

    function test_announces_a_successor_with_notice() external {
        uint64 earliest = uint64(block.timestamp) + 20 days;
        expectRefusal(notTheOwner());
        members.announceSuccessor(address(listings), earliest);
        vm.expectRevert(abi.encodeWithSelector(Governed.NoticeTooShort.selector, earliest - 1, earliest));
        members.announceSuccessor(address(listings), earliest - 1);
        vm.expectRevert(abi.encodeWithSelector(Governed.InvalidSuccessor.selector, STRANGER));
        members.announceSuccessor(STRANGER, earliest);
        vm.expectRevert(abi.encodeWithSelector(Governed.InvalidSuccessor.selector, address(members)));
        members.announceSuccessor(address(members), earliest);
        members.announceSuccessor(address(listings), earliest);
        holds(members.successor() == address(listings), "announced");
        same(members.successorFrom(), earliest, "from");
        members.announceSuccessor(address(0), earliest);
        holds(members.successor() == address(0) && members.successorFrom() == 0, "taken back");
    }

    // Members.

    function test_refuses_what_is_no_member() external {
        bytes32[5] memory ids = [bytes32("Alpha"), "1alpha", "al pha", "", bytes32(uint256(0x61) << 248 | 0x61)];
        for (uint256 i = 0; i < ids.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(MemberRegistry.InvalidMemberId.selector, ids[i]));
            members.setMember(ids[i], 1, 1);
        }
        bytes32 gap = bytes32(bytes4(0x61620061));
        vm.expectRevert(abi.encodeWithSelector(MemberRegistry.InvalidMemberId.selector, gap));
        members.setMember(gap, 1, 1);
        members.setMember("a-1z", 5, 1);
        for (uint8 kind = 0; kind < 7; kind += 6) {
            vm.expectRevert(abi.encodeWithSelector(MemberRegistry.InvalidKind.selector, kind));
            members.setMember("new", kind, 1);
        }
        for (uint8 status = 0; status < 6; status += 5) {
            vm.expectRevert(abi.encodeWithSelector(MemberRegistry.InvalidStatus.selector, status));
            members.setMember("new", 1, status);
        }
        vm.expectRevert(abi.encodeWithSelector(MemberRegistry.KindIsFixed.selector, venues[0], 1));
        members.setMember(venues[0], 2, 1);
        members.setMember(venues[0], 1, 4);
        vm.expectRevert(abi.encodeWithSelector(MemberRegistry.MemberHasCeased.selector, venues[0]));
        members.setMember(venues[0], 1, 1);
        vm.expectRevert(abi.encodeWithSelector(MemberRegistry.MemberHasCeased.selector, venues[0]));
        members.suspend(venues[0]);
        holds(!members.isActive(venues[0]) && members.isActive(venues[1]), "active");
    }

    function test_takes_as_many_members_as_can_be_read_at_once() external {
        uint256 known = members.members().length;
        for (uint256 i = known; i < 256; ++i) {
            bytes32 id = bytes32(abi.encodePacked("m", bytes1(uint8(97 + i / 16)), bytes1(uint8(97 + i % 16))));
            members.setMember(id, 2, 1);
        }
        same(members.members().length, 256, "members");
        vm.expectRevert(abi.encodeWithSelector(MemberRegistry.TooMany.selector, 256));
        members.setMember("one-more", 2, 1);
    }

    function test_keeps_eight_keys_and_replaces_only_those_that_are_over() external {
        bytes32 venue = venues[0];
        for (uint256 i = 1; i <= 8; ++i) {
            members.setNodeKey(venue, bytes32(i), 0, 0);
        }
        vm.expectRevert(abi.encodeWithSelector(MemberRegistry.TooMany.selector, 8));
        members.setNodeKey(venue, bytes32(uint256(9)), 0, 0);
        members.setNodeKey(venue, bytes32(uint256(3)), 0, 1);
        members.setNodeKey(venue, bytes32(uint256(9)), 5, 0);
        MemberRegistry.Member memory member = members.members()[1];
        same(member.nodeKeys.length, 8, "keys");
        same(uint256(member.nodeKeys[2].key), 9, "replaced");
        vm.expectRevert(MemberRegistry.InvalidNodeKey.selector);
        members.setNodeKey(venue, 0, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(MemberRegistry.NodeKeyTaken.selector, bytes32(uint256(3)), venue));
        members.setNodeKey(venues[1], bytes32(uint256(3)), 0, 0);
        vm.expectRevert(abi.encodeWithSelector(MemberRegistry.UnknownMember.selector, bytes32("nobody")));
        members.setNodeKey("nobody", bytes32(uint256(3)), 0, 0);
        vm.expectRevert(abi.encodeWithSelector(MemberRegistry.InvalidWindow.selector, 5, 4));
        members.setNodeKey(venue, bytes32(uint256(10)), 5, 4);
    }

    function test_keeps_eight_signers_and_replaces_only_those_that_are_over() external {
        bytes32 venue = venues[0];
        for (uint160 i = 1; i <= 7; ++i) {
            members.setSigner(venue, address(i), 0, 0);
        }
        vm.expectRevert(abi.encodeWithSelector(MemberRegistry.TooMany.selector, 8));
        members.setSigner(venue, address(8), 0, 0);
        members.setSigner(venue, address(3), 0, 1);
        holds(!members.isSigner(venue, address(3)), "over");
        members.setSigner(venue, address(8), uint64(block.timestamp + 1), 0);
        holds(!members.isSigner(venue, address(8)), "not yet");
        vm.warp(block.timestamp + 1);
        holds(members.isSigner(venue, address(8)), "now");
        holds(!members.isSigner(venue, address(3)), "replaced");
        vm.expectRevert(MemberRegistry.InvalidSigner.selector);
        members.setSigner(venue, address(0), 0, 0);
    }

    // Listings.

    function set(ListingRegistry.Terms memory changed, bytes memory reason) private {
        vm.expectRevert(reason);
        listings.setInstrument(address(token), changed);
    }

    function wrong(string memory what) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ListingRegistry.InvalidTerms.selector, what);
    }

    function test_refuses_terms_that_make_no_market() external {
        ListingRegistry.Terms memory changed = terms();
        changed.standard = 3;
        set(changed, abi.encodeWithSelector(ListingRegistry.InvalidStandard.selector, 3));
        changed = terms();
        changed.partition = "p";
        set(changed, wrong("partition"));
        changed = terms();
        changed.cashToken = address(token);
        set(changed, abi.encodeWithSelector(ListingRegistry.InvalidCashToken.selector, address(token)));
        changed.cashToken = STRANGER;
        set(changed, abi.encodeWithSelector(ListingRegistry.InvalidCashToken.selector, STRANGER));
        changed = terms();
        changed.priceDecimals = 19;
        set(changed, wrong("priceDecimals"));
        changed = terms();
        changed.quantityDecimals = 19;
        set(changed, wrong("quantityDecimals"));
        changed = terms();
        changed.tickSize = 0;
        set(changed, wrong("tickSize"));
        changed = terms();
        changed.lotSize = 0;
        set(changed, wrong("lotSize"));
        changed = terms();
        changed.isin = "short";
        set(changed, wrong("isin"));
        changed = terms();
        changed.symbol = "";
        set(changed, wrong("symbol"));
        changed.symbol = string(new bytes(129));
        set(changed, wrong("symbol"));
        changed = terms();
        changed.name = string(new bytes(129));
        set(changed, wrong("name"));
        changed = terms();
        changed.issuer = venues[0];
        set(changed, abi.encodeWithSelector(ListingRegistry.NotAnIssuer.selector, venues[0]));
        changed = terms();
        vm.expectRevert(abi.encodeWithSelector(ListingRegistry.InvalidToken.selector, STRANGER));
        listings.setInstrument(STRANGER, changed);
    }

    function test_keeps_a_listed_instruments_units() external {
        bytes memory fixedTerms = abi.encodeWithSelector(ListingRegistry.TermsAreFixed.selector, address(token));
        ListingRegistry.Terms memory changed = terms();
        changed.standard = 2;
        set(changed, fixedTerms);
        changed.partition = "p";
        set(changed, fixedTerms);
        changed = terms();
        changed.cashToken = address(other);
        set(changed, fixedTerms);
        changed = terms();
        changed.priceDecimals = 1;
        set(changed, fixedTerms);
        changed = terms();
        changed.quantityDecimals = 1;
        set(changed, fixedTerms);
        changed = terms();
        changed.tickSize = 5;
        changed.isin = "US0378331005";
        listings.setInstrument(address(token), changed);
        same(listings.instruments()[0].terms.tickSize, 5, "tick");
        // Listed nowhere, it may still change.
        CashToken fresh = new CashToken("Fresh", "FRS", address(this));
        listings.setInstrument(address(fresh), terms());
        changed = terms();
        changed.priceDecimals = 2;
        listings.setInstrument(address(fresh), changed);
        same(listings.instruments().length, 3, "instruments");
    }

    function test_refuses_listings_that_are_none() external {
        vm.expectRevert(abi.encodeWithSelector(ListingRegistry.UnknownInstrument.selector, address(cash)));
        listings.setListing(address(cash), venues[0], 2, 2, 0);
        vm.expectRevert(abi.encodeWithSelector(ListingRegistry.UnknownInstrument.selector, address(cash)));
        listings.setNetting(address(cash), true);
        for (uint8 status = 0; status < 7; status += 6) {
            vm.expectRevert(abi.encodeWithSelector(ListingRegistry.InvalidStatus.selector, status));
            listings.setListing(address(token), venues[0], status, 2, 0);
        }
        for (uint8 exemption = 0; exemption < 8; exemption += 7) {
            vm.expectRevert(abi.encodeWithSelector(ListingRegistry.InvalidExemption.selector, exemption));
            listings.setListing(address(token), venues[0], 2, exemption, 0);
        }
        vm.expectRevert(abi.encodeWithSelector(ListingRegistry.NotAVenue.selector, bytes32("acme")));
        listings.setListing(address(token), "acme", 2, 2, 0);
        members.suspend(venues[0]);
        vm.expectRevert(abi.encodeWithSelector(ListingRegistry.VenueNotActive.selector, venues[0]));
        listings.setListing(address(token), venues[0], 1, 2, 0);
        listings.setListing(address(token), venues[0], 4, 2, 0);
        vm.expectRevert(abi.encodeWithSelector(ListingRegistry.InvalidStatus.selector, 4));
        listings.halt(address(token), venues[0]);
        vm.expectRevert(abi.encodeWithSelector(ListingRegistry.InvalidStatus.selector, 0));
        listings.halt(address(cash), venues[0]);
        same(listings.listing(address(cash), venues[0]).status, 0, "none");
        same(listings.listings().length, 2 * VENUES, "listings");
    }

    function test_takes_as_many_instruments_as_can_be_read_at_once() external {
        for (uint256 i = 2; i < 256; ++i) {
            CashToken fresh = new CashToken("Fresh", "FRS", address(this));
            listings.setInstrument(address(fresh), terms());
        }
        CashToken last = new CashToken("Last", "LST", address(this));
        vm.expectRevert(abi.encodeWithSelector(ListingRegistry.TooMany.selector, 256));
        listings.setInstrument(address(last), terms());
    }

    function test_takes_as_many_listings_as_can_be_read_at_once() external {
        uint256 count = 2 * VENUES;
        for (uint256 i = 0; count < 2048; ++i) {
            CashToken fresh = new CashToken("Fresh", "FRS", address(this));
            listings.setInstrument(address(fresh), terms());
            for (uint256 j = 0; j < 20 && count < 2048; ++j) {
                bytes32 id = bytes32(abi.encodePacked("v", bytes1(uint8(97 + j))));
                if (i == 0) members.setMember(id, 1, 1);
                listings.setListing(address(fresh), id, 1, 1, 0);
                ++count;
            }
        }
        members.setMember("vz", 1, 1);
        vm.expectRevert(abi.encodeWithSelector(ListingRegistry.TooMany.selector, 2048));
        listings.setListing(address(token), "vz", 1, 1, 0);
    }

    function test_mints_cash_for_its_owner_alone() external {
        same(cash.decimals(), 6, "decimals");
        expectRefusal(notTheOwner());
        cash.mint(STRANGER, 1);
    }
}
