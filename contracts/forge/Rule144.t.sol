// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {Lot} from "../solidity/modules/Lots.sol";
import {Rule144Module} from "../solidity/modules/Rule144Module.sol";
import {PermissionedWorld} from "./PermissionedWorld.sol";

contract Rule144Test is PermissionedWorld {
    uint16 private constant DAYS = 184;
    Rule144Module private module;

    function setUp() external {
        setUpWorld();
        module = new Rule144Module();
        token.addModule(address(module));
        rules(DAYS, 0, true);
    }

    function rules(uint16 holdingDays, uint128 weeklyVolume, bool restarts) private {
        configure(abi.encodeCall(Rule144Module.setRules, (holdingDays, 100, weeklyVolume, restarts)));
    }

    function configure(bytes memory data) private {
        token.configure(address(module), data);
    }

    function affiliate(address wallet, uint32 group) private {
        configure(abi.encodeCall(Rule144Module.setAffiliate, (wallet, group)));
    }

    function today() private view returns (uint32) {
        return uint32(block.timestamp / 1 days);
    }

    function lotsOf(address wallet) private view returns (Lot[] memory) {
        return module.lotsOf(address(token), wallet);
    }

    function lotted(address wallet) private view returns (uint256 sum) {
        Lot[] memory lots = lotsOf(wallet);
        holds(lots.length <= 16, "at most sixteen lots");
        for (uint256 i = 0; i < lots.length; ++i) {
            holds(lots[i].amount != 0, "no empty lot");
            holds(i == 0 || lots[i - 1].day < lots[i].day, "by rising day");
            sum += lots[i].amount;
        }
    }

    /// @dev What the wallet may move: its balance without the lots that are too young.
    function free(address wallet) private view returns (uint256 amount) {
        amount = token.balanceOf(wallet);
        Lot[] memory lots = lotsOf(wallet);
        for (uint256 i = 0; i < lots.length; ++i) {
            if (lots[i].day + DAYS > today()) amount -= lots[i].amount;
        }
    }

    /// A fuzzed history: a transfer goes through exactly when it is of free tokens; lots never exceed
    /// the balance; and in all, no more is free than was issued a period ago or before.
    function test_no_history_frees_a_token_early(uint256[32] calldata steps) external {
        uint256[32] memory issuedOn;
        uint256[32] memory issued;
        for (uint256 i = 0; i < steps.length; ++i) {
            uint256 step = steps[i];
            address from = wallets[(step >> 8) % 4];
            address to = wallets[(step >> 16) % 4];
            uint256 value = bounded(step >> 32, 1, 1_000);
            uint256 kind = step % 6;
            uint256 balance = token.balanceOf(from);
            if (kind <= 1) {
                token.mint(to, value);
                (issuedOn[i], issued[i]) = (today(), value);
            } else if (kind == 2) {
                vm.warp(block.timestamp + bounded(step >> 64, 1, 60) * 1 days);
            } else if (balance != 0) {
                value = bounded(value, 1, balance);
                uint256 allowed = free(from);
                if (kind == 3) token.force(from, to, value);
                else if (kind == 4) token.burn(from, value);
                else holds(tries(from, to, value) == (value <= allowed || from == to), "moves what is free");
            }
            holdsWithin(issuedOn, issued);
        }
    }

    function holdsWithin(uint256[32] memory issuedOn, uint256[32] memory issued) private view {
        uint256 freed = 0;
        for (uint256 i = 0; i < wallets.length; ++i) {
            holds(lotted(wallets[i]) <= token.balanceOf(wallets[i]), "lots within the balance");
            freed += free(wallets[i]);
        }
        uint256 ripe = 0;
        for (uint256 i = 0; i < issued.length; ++i) {
            if (issuedOn[i] + DAYS <= today()) ripe += issued[i];
        }
        holds(freed <= ripe, "not more than the rule frees");
    }

    /// Issues alone, on many days: the free amount never exceeds what was issued a period ago.
    function test_joined_lots_never_free_early(uint8[30] calldata gaps) external {
        uint256[30] memory issuedOn;
        for (uint256 i = 0; i < gaps.length; ++i) {
            vm.warp(block.timestamp + (uint256(gaps[i]) % 20) * 1 days);
            token.mint(wallets[0], 10);
            issuedOn[i] = today();
            uint256 ripe = 0;
            for (uint256 j = 0; j <= i; ++j) {
                if (issuedOn[j] + DAYS <= today()) ripe += 10;
            }
            holds(free(wallets[0]) <= ripe, "not more than the rule frees");
        }
        holds(lotted(wallets[0]) <= 300, "no token is counted twice");
    }

    function test_affiliates_never_sell_more_than_the_limit(uint256[24] calldata steps) external {
        token.mint(wallets[0], 1_000_000);
        vm.warp(block.timestamp + 366 days);
        affiliate(wallets[0], 7);
        uint256[24] memory times;
        uint256[24] memory amounts;
        for (uint256 i = 0; i < steps.length; ++i) {
            vm.warp(block.timestamp + (steps[i] % 20) * 1 days);
            uint256 value = bounded(steps[i] >> 16, 1, 9_000);
            uint256 sold = value;
            for (uint256 j = 0; j < i; ++j) {
                if (times[j] + 92 days >= block.timestamp) sold += amounts[j];
            }
            if (!tries(wallets[0], wallets[1], value)) continue;
            holds(sold <= 10_000, "one percent in any three months");
            (times[i], amounts[i]) = (block.timestamp, value);
        }
    }

    function test_says_what_is_the_matter() external {
        (bytes32 code, uint256 detail) = ask(wallets[0], wallets[1], 1);
        same(uint256(code), 0, "nothing lotted");
        token.mint(wallets[0], 1_000);
        (code, detail) = ask(wallets[0], wallets[1], 1);
        holds(code == "HOLDING_PERIOD", "held");
        same(detail, (uint256(today()) + DAYS) * 1 days, "until");
        (code, detail) = ask(wallets[0], wallets[1], 1_001);
        holds(code == "HOLDING_PERIOD" && detail == 0, "not that many");
        (code,) = ask(wallets[0], address(0), 1);
        holds(code == "HOLDING_PERIOD", "to whomever");
        vm.warp(block.timestamp + 200 days);
        affiliate(wallets[0], 1);
        (code, detail) = ask(wallets[0], wallets[1], 11);
        holds(code == "AFFILIATE_VOLUME" && detail == 10, "one percent");
        rules(DAYS, 500, true);
        same(module.volumeLeft(address(token), 1), 500, "weekly volume");
        affiliate(wallets[1], 1);
        (code,) = ask(wallets[0], wallets[1], 600);
        same(uint256(code), 0, "within the group");
        same(module.affiliateGroup(address(token), wallets[1]), 1, "group");
        same(module.rulesOf(address(token)).weeklyVolume, 500, "rules");
    }

    function ask(address from, address to, uint256 value) private view returns (bytes32, uint256) {
        return module.moduleReason(address(0), from, to, value, address(token));
    }

    function test_own_wallets_are_no_sale() external {
        token.mint(wallets[0], 100);
        registry.register(wallets[1], registry.identity(wallets[0]), US);
        holds(tries(wallets[0], wallets[1], 100), "moves");
        same(lotted(wallets[1]), 100, "with its lots");
        affiliate(wallets[1], 1);
        token.force(wallets[1], wallets[0], 50);
        same(module.volumeLeft(address(token), 1), 1, "no sale counted");
        token.force(wallets[0], wallets[0], 1);
        same(lotted(wallets[0]), 50, "to itself nothing changes");
    }

    function test_a_buyer_from_an_affiliate() external {
        token.mint(wallets[0], 10_000);
        vm.warp(block.timestamp + 200 days);
        token.mint(wallets[0], 100);
        affiliate(wallets[0], 1);
        holds(tries(wallets[0], wallets[1], 50), "sells");
        same(lotsOf(wallets[1])[0].day, today(), "a new holding");
        rules(DAYS, 0, false);
        holds(tries(wallets[0], wallets[2], 50), "sells again");
        same(lotsOf(wallets[2]).length, 0, "unrestricted");
        token.force(wallets[0], wallets[2], 10_000);
        same(lotted(wallets[2]), 100, "what was not ripe stays restricted");
        token.burn(wallets[2], 100);
        same(lotted(wallets[2]), 100, "unrestricted tokens go first");
        token.burn(wallets[1], 50);
        same(lotted(wallets[1]), 0, "burned");
        token.mint(wallets[3], 1);
        token.burn(wallets[3], 1);
        token.force(wallets[2], wallets[3], 1);
        token.burn(wallets[3], 1);
        same(lotted(wallets[3]), 0, "nothing restricted");
    }

    function test_the_issuer_records_and_tacks() external {
        token.removeModule(address(module));
        token.mint(wallets[0], 100);
        token.addModule(address(module));
        (bytes32 code,) = ask(wallets[0], wallets[1], 1);
        holds(code == "NOT_CONFIGURED", "closed until configured");
        holds(!triesToMint(wallets[0], 1), "closed");
        rules(DAYS, 0, true);
        configure(abi.encodeCall(Rule144Module.recordLot, (wallets[0], 60, today() - 10)));
        same(lotted(wallets[0]), 60, "recorded");
        vm.expectRevert(abi.encodeWithSelector(Rule144Module.NotThatManyTokens.selector, wallets[0], 41, 40));
        configure(abi.encodeCall(Rule144Module.recordLot, (wallets[0], 41, today())));
        vm.expectRevert(abi.encodeWithSelector(Rule144Module.DayInFuture.selector, today() + 1, today()));
        configure(abi.encodeCall(Rule144Module.recordLot, (wallets[0], 1, today() + 1)));
        configure(abi.encodeCall(Rule144Module.tack, (wallets[0], 20, today() - 300)));
        holds(tries(wallets[0], wallets[1], 60), "forty never lotted, twenty tacked");
        holds(!tries(wallets[0], wallets[1], 1), "the rest is held");
        vm.expectRevert(abi.encodeWithSelector(Rule144Module.NotThatManyTokens.selector, wallets[0], 41, 40));
        configure(abi.encodeCall(Rule144Module.tack, (wallets[0], 41, today() - 300)));
        configure(abi.encodeCall(Rule144Module.tack, (wallets[0], 40, today() - 300)));
        configure(abi.encodeCall(Rule144Module.recordLot, (wallets[1], 0, today())));
        vm.warp(block.timestamp + 100 days);
        token.mint(wallets[0], 1);
        same(lotted(wallets[0]), 1, "a year ends every holding");
    }

    function test_refuses_rules_and_amounts_out_of_bounds() external {
        bytes memory invalid = abi.encodeWithSelector(Rule144Module.InvalidRules.selector);
        uint16[2][4] memory bad = [[uint16(0), 100], [uint16(367), 100], [DAYS, 0], [DAYS, 10_001]];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.expectRevert(invalid);
            configure(abi.encodeCall(Rule144Module.setRules, (bad[i][0], bad[i][1], 0, true)));
        }
        vm.expectPartialRevert(Rule144Module.AmountTooLarge.selector);
        token.mint(wallets[0], 1 << 224);
        token.mint(wallets[0], (1 << 224) - 1);
        vm.warp(block.timestamp + 1 days);
        vm.expectPartialRevert(Rule144Module.AmountTooLarge.selector);
        token.mint(wallets[0], (1 << 224) - 1);
        vm.prank(address(token));
        module.setAffiliate(wallets[1], 1);
        vm.expectPartialRevert(Rule144Module.AmountTooLarge.selector);
        vm.prank(address(token));
        module.moduleTransferAction(wallets[1], wallets[2], 1 << 224);
        holds(keccak256(bytes(module.name())) == keccak256("Rule144Module"), "name");
    }
}
