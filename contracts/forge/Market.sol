// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {ListingRegistry} from "../solidity/ListingRegistry.sol";
import {MemberRegistry} from "../solidity/MemberRegistry.sol";
import {Settlement} from "../solidity/Settlement.sol";
import {CashToken} from "../solidity/demo/CashToken.sol";
import {
    Consent,
    Leg,
    Mandate,
    Move,
    SignedMandate,
    VenueSignature
} from "../solidity/settlement/SettlementTypes.sol";
import {AwkwardToken} from "../solidity/test/AwkwardToken.sol";
import {ForgeTest, Vm} from "./ForgeTest.sol";

/// @notice A market of five venues, four wallets and two listed tokens, and what signing takes.
abstract contract Market is ForgeTest {
    uint256 internal constant VENUES = 5;
    uint256 internal constant WALLETS = 4;
    uint256 internal constant FUNDS = 1e12;

    MemberRegistry internal members;
    ListingRegistry internal listings;
    Settlement internal settlement;
    AwkwardToken internal token;
    AwkwardToken internal other;
    CashToken internal cash;
    bytes32[VENUES] internal venues;

    function setUpMarket() internal {
        vm.warp(1_800_000_000);
        members = new MemberRegistry(address(this));
        listings = new ListingRegistry(members, address(this));
        settlement = new Settlement(members, listings, address(this));
        token = new AwkwardToken();
        other = new AwkwardToken();
        cash = new CashToken("Dollar", "USD", address(this));
        members.setMember("acme", 3, 1);
        venues = [bytes32("alpha"), "beta", "gamma", "delta", "epsilon"];
        for (uint256 i = 0; i < VENUES; ++i) {
            members.setMember(venues[i], 1, 1);
            members.setSigner(venues[i], vm.addr(venueKey(i)), 0, 0);
        }
        list(address(token));
        list(address(other));
        for (uint256 i = 0; i < WALLETS; ++i) {
            fund(wallet(i));
        }
    }

    function list(address listed) internal {
        listings.setInstrument(listed, terms());
        for (uint256 i = 0; i < VENUES; ++i) {
            listings.setListing(listed, venues[i], 2, 2, keccak256("evidence"));
        }
    }

    function terms() internal view returns (ListingRegistry.Terms memory result) {
        result.standard = 1;
        result.cashToken = address(cash);
        result.tickSize = 1;
        result.lotSize = 1;
        result.issuer = "acme";
        result.symbol = "AWK";
    }

    function fund(address who) internal {
        token.mint(who, FUNDS);
        other.mint(who, FUNDS);
        cash.mint(who, FUNDS);
        address spender = address(settlement);
        vm.prank(who);
        token.approve(spender, type(uint256).max);
        vm.prank(who);
        other.approve(spender, type(uint256).max);
        vm.prank(who);
        cash.approve(spender, type(uint256).max);
    }

    function venueKey(uint256 index) internal pure returns (uint256) {
        return 0xA11CE + index;
    }

    function walletKey(uint256 index) internal pure returns (uint256) {
        return 0xB0B + index;
    }

    function wallet(uint256 index) internal pure returns (address) {
        return vm.addr(walletKey(index));
    }

    /// @notice A trade of alpha's own: wallet 0 sells ten to wallet 1 for a hundred.
    function legOf(uint64 number) internal view returns (Leg memory leg) {
        leg.executingVenue = venues[0];
        leg.homeVenue = venues[0];
        leg.tradeNumber = number;
        leg.token = address(token);
        leg.cashToken = address(cash);
        leg.seller = wallet(0);
        leg.buyer = wallet(1);
        leg.quantity = 10;
        leg.amount = 100;
        leg.deadline = uint64(block.timestamp + 1 hours);
    }

    function one(Leg memory leg) internal pure returns (Leg[][] memory groups) {
        groups = new Leg[][](1);
        groups[0] = only(leg);
    }

    function only(Leg memory leg) internal pure returns (Leg[] memory legs) {
        legs = new Leg[](1);
        legs[0] = leg;
    }

    function noMandates() internal pure returns (SignedMandate[][] memory mandates) {}

    function mandatesOf(SignedMandate memory mandate) internal pure returns (SignedMandate[][] memory mandates) {
        mandates = new SignedMandate[][](1);
        mandates[0] = new SignedMandate[](1);
        mandates[0][0] = mandate;
    }

    function noConsents(uint256 groups) internal pure returns (Consent[][] memory) {
        return new Consent[][](groups);
    }

    // Signing.

    function legHash(Leg memory leg) internal view returns (bytes32) {
        return keccak256(abi.encode(settlement.LEG_TYPEHASH(), leg));
    }

    function digestOf(bytes32 structHash) internal view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", settlement.domainSeparator(), structHash));
    }

    function signed(uint256 key, bytes32 structHash) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digestOf(structHash));
        return abi.encodePacked(r, s, v);
    }

    function groupsHashOf(Leg[][] memory groups, SignedMandate[][] memory mandates) internal view returns (bytes32) {
        bytes memory hashes;
        for (uint256 i = 0; i < groups.length; ++i) {
            bytes memory words;
            for (uint256 j = 0; j < groups[i].length; ++j) {
                words = abi.encodePacked(words, legHash(groups[i][j]));
            }
            for (uint256 j = 0; mandates.length != 0 && j < mandates[i].length; ++j) {
                words = abi.encodePacked(words, mandateHash(mandates[i][j].mandate));
            }
            hashes = abi.encodePacked(hashes, keccak256(words));
        }
        return keccak256(hashes);
    }

    function venueHash(bytes32 typeHash, bytes32 batchId, bytes32 venue, Leg[][] memory groups, bytes32 groupsHash)
        internal
        view
        returns (bytes32)
    {
        bytes memory words;
        for (uint256 i = 0; i < groups.length; ++i) {
            for (uint256 j = 0; j < groups[i].length; ++j) {
                Leg memory leg = groups[i][j];
                if (leg.executingVenue == venue || leg.homeVenue == venue) {
                    words = abi.encodePacked(words, legHash(leg));
                }
            }
        }
        return keccak256(abi.encode(typeHash, batchId, venue, keccak256(words), groupsHash));
    }

    /// @notice Signatures of every venue that the batch names.
    function sign(bytes32 typeHash, bytes32 batchId, Leg[][] memory groups, SignedMandate[][] memory mandates)
        internal
        view
        returns (VenueSignature[] memory signatures)
    {
        bytes32 groupsHash = groupsHashOf(groups, mandates);
        VenueSignature[] memory all = new VenueSignature[](VENUES);
        uint256 count = 0;
        for (uint256 i = 0; i < VENUES; ++i) {
            if (!names(groups, venues[i])) continue;
            bytes32 structHash = venueHash(typeHash, batchId, venues[i], groups, groupsHash);
            all[count++] = VenueSignature(
                venues[i], vm.addr(venueKey(i)), block.chainid, address(settlement), signed(venueKey(i), structHash)
            );
        }
        signatures = new VenueSignature[](count);
        for (uint256 i = 0; i < count; ++i) {
            signatures[i] = all[i];
        }
    }

    function names(Leg[][] memory groups, bytes32 venue) internal pure returns (bool) {
        for (uint256 i = 0; i < groups.length; ++i) {
            for (uint256 j = 0; j < groups[i].length; ++j) {
                if (groups[i][j].executingVenue == venue || groups[i][j].homeVenue == venue) return true;
            }
        }
        return false;
    }

    function mandateHash(Mandate memory mandate) internal view returns (bytes32) {
        bytes memory head = abi.encode(
            settlement.MANDATE_TYPEHASH(),
            mandate.investor,
            mandate.side,
            mandate.token,
            mandate.cashToken,
            mandate.limitAmount,
            mandate.limitQuantity
        );
        bytes memory tail =
            abi.encode(mandate.quantity, mandate.expiry, mandate.nonce, keccak256(abi.encodePacked(mandate.venues)));
        return keccak256(abi.encodePacked(head, tail));
    }

    /// @notice Wallet `index` buys up to a hundred tokens at no more than ten.
    function buyMandate(uint256 index) internal view returns (Mandate memory mandate) {
        mandate.investor = wallet(index);
        mandate.side = 1;
        mandate.token = address(token);
        mandate.cashToken = address(cash);
        mandate.limitAmount = 10;
        mandate.limitQuantity = 1;
        mandate.quantity = 100;
        mandate.expiry = uint64(block.timestamp + 1 days);
        mandate.nonce = 1;
    }

    function signMandate(uint256 index, Mandate memory mandate) internal view returns (SignedMandate memory) {
        return SignedMandate(mandate, signed(walletKey(index), mandateHash(mandate)));
    }

    function consentOf(uint256 index, Leg memory leg) internal view returns (Consent memory) {
        bytes32 structHash =
            keccak256(abi.encode(settlement.REVERSAL_CONSENT_TYPEHASH(), wallet(index), legHash(leg)));
        return Consent(wallet(index), signed(walletKey(index), structHash));
    }

    // Doing.

    function settle(Leg[][] memory groups) internal returns (uint256 done, uint256 failed) {
        VenueSignature[] memory signatures =
            sign(settlement.VENUE_BATCH_TYPEHASH(), "batch", groups, noMandates());
        return settlement.settle("batch", groups, signatures, 0);
    }

    function settleMandated(Leg[][] memory groups, SignedMandate[][] memory mandates)
        internal
        returns (uint256 done, uint256 failed)
    {
        VenueSignature[] memory signatures = sign(settlement.VENUE_BATCH_TYPEHASH(), "batch", groups, mandates);
        return settlement.settleMandated("batch", groups, mandates, signatures, 0);
    }

    function reverse(Leg[][] memory groups, Consent[][] memory consents)
        internal
        returns (uint256 done, uint256 failed)
    {
        VenueSignature[] memory signatures =
            sign(settlement.VENUE_REVERSAL_TYPEHASH(), "bust", groups, noMandates());
        return settlement.reverse("bust", groups, consents, signatures, 0);
    }

    /// @notice Runs the next call's batch and gives the reasons of its failed groups.
    function failures(Vm.Log[] memory logs) internal pure returns (bytes[] memory reasons) {
        bytes32 topic = Settlement.GroupFailed.selector;
        uint256 count = 0;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == topic) ++count;
        }
        reasons = new bytes[](count);
        count = 0;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != topic) continue;
            (, reasons[count++]) = abi.decode(logs[i].data, (uint256, bytes));
        }
    }

    /// @notice Settles one leg, which must fail with this reason.
    function refused(Leg memory leg, bytes memory reason) internal {
        vm.recordLogs();
        (uint256 done, uint256 failed) = settle(one(leg));
        expectFailure(done, failed, reason);
    }

    function refusedMandated(Leg memory leg, SignedMandate memory mandate, bytes memory reason) internal {
        vm.recordLogs();
        (uint256 done, uint256 failed) = settleMandated(one(leg), mandatesOf(mandate));
        expectFailure(done, failed, reason);
    }

    function expectFailure(uint256 done, uint256 failed, bytes memory reason) internal {
        same(done, 0, "done");
        same(failed, 1, "failed");
        bytes[] memory reasons = failures(vm.getRecordedLogs());
        if (keccak256(reasons[0]) != keccak256(reason)) revert WrongReason(reasons[0], reason);
    }

    error WrongReason(bytes given, bytes expected);

    /// @notice One number for all balances of the market.
    function balances() internal view returns (bytes32) {
        bytes memory all;
        for (uint256 i = 0; i < WALLETS; ++i) {
            all = abi.encodePacked(
                all, token.balanceOf(wallet(i)), other.balanceOf(wallet(i)), cash.balanceOf(wallet(i))
            );
        }
        return keccak256(all);
    }
}
