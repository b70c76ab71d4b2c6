// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {ComplianceModule} from "../solidity/modules/ComplianceModule.sol";
import {JurisdictionModule} from "../solidity/modules/JurisdictionModule.sol";
import {MaximumHoldersModule} from "../solidity/modules/MaximumHoldersModule.sol";
import {TransferLimitsModule} from "../solidity/modules/TransferLimitsModule.sol";
import {VenueOnlyModule} from "../solidity/modules/VenueOnlyModule.sol";
import {HostileContract} from "../solidity/test/HostileContract.sol";
import {MoverHarness} from "../solidity/test/MoverHarness.sol";
import {PermissionedWorld} from "./PermissionedWorld.sol";

contract ModulesTest is PermissionedWorld {
    function setUp() external {
        setUpWorld();
    }

    function name(string memory given, string memory expected) private pure {
        holds(keccak256(bytes(given)) == keccak256(bytes(expected)), expected);
    }

    // What all have in common.

    function test_only_the_compliance_binds_and_tells() external {
        ComplianceModule module = new JurisdictionModule();
        holds(module.isPlugAndPlay() && module.canComplianceBind(address(0)), "binds to any");
        vm.expectRevert(abi.encodeWithSelector(ComplianceModule.OnlyCompliance.selector, address(this)));
        module.bindCompliance(address(token));
        token.addModule(address(module));
        holds(module.isComplianceBound(address(token)), "bound");
        vm.expectRevert(abi.encodeWithSelector(ComplianceModule.AlreadyBound.selector, address(token)));
        token.addModule(address(module));
        vm.expectRevert(abi.encodeWithSelector(ComplianceModule.OnlyCompliance.selector, address(this)));
        module.unbindCompliance(address(token));
        bytes memory notBound = abi.encodeWithSelector(ComplianceModule.NotBound.selector, address(this));
        vm.expectRevert(notBound);
        module.moduleTransferAction(wallets[0], wallets[1], 1);
        vm.expectRevert(notBound);
        module.moduleMintAction(wallets[0], 1);
        vm.expectRevert(notBound);
        module.moduleBurnAction(wallets[0], 1);
        token.removeModule(address(module));
        (bytes32 code,) = module.moduleReason(address(0), wallets[0], wallets[1], 1, address(token));
        holds(code == "NOT_BOUND", "unbound");
        vm.expectRevert(abi.encodeWithSelector(ComplianceModule.NotBound.selector, address(token)));
        token.removeModule(address(module));
    }

    // Countries.

    function test_countries(uint16 country, bool allowsListed, bool listed) external {
        JurisdictionModule module = new JurisdictionModule();
        token.addModule(address(module));
        holds(!triesToMint(wallets[0], 1), "closed until configured");
        country = uint16(bounded(country, 1, 999));
        uint16[] memory countries = new uint16[](1);
        countries[0] = country;
        token.configure(address(module), abi.encodeCall(JurisdictionModule.setMode, (allowsListed)));
        token.configure(address(module), abi.encodeCall(JurisdictionModule.setCountries, (countries, true)));
        token.configure(address(module), abi.encodeCall(JurisdictionModule.setCountries, (countries, listed)));
        holds(module.isListed(address(token), country) == listed, "listed");
        holds(!module.isListed(address(token), country == 1 ? 2 : country - 1), "no other");
        holds(!module.isListed(address(token), 1000), "none above 999");
        registry.register(wallets[0], address(1), country);
        holds(triesToMint(wallets[0], 2) == (listed == allowsListed), "receives");
        registry.register(wallets[1], address(2), 0);
        holds(triesToMint(wallets[1], 1) == !allowsListed, "no country is in no list");
        (bytes32 code,) = module.moduleReason(address(0), wallets[0], address(0), 1, address(token));
        same(uint256(code), 0, "nobody is in no country");
        name(module.name(), "JurisdictionModule");
    }

    function test_no_country_out_of_range() external {
        JurisdictionModule module = new JurisdictionModule();
        token.addModule(address(module));
        uint16[] memory countries = new uint16[](1);
        vm.expectRevert(abi.encodeWithSelector(JurisdictionModule.InvalidCountry.selector, 0));
        token.configure(address(module), abi.encodeCall(JurisdictionModule.setCountries, (countries, true)));
        countries[0] = 1000;
        vm.expectRevert(abi.encodeWithSelector(JurisdictionModule.InvalidCountry.selector, 1000));
        token.configure(address(module), abi.encodeCall(JurisdictionModule.setCountries, (countries, true)));
        countries = new uint16[](251);
        vm.expectRevert(abi.encodeWithSelector(JurisdictionModule.TooMany.selector, 250));
        token.configure(address(module), abi.encodeCall(JurisdictionModule.setCountries, (countries, true)));
    }

    // Holders.

    /// A fuzzed history: the count is that of persons with a balance, and nobody new comes in above it.
    function test_holders_are_counted_exactly(uint256[32] calldata steps) external {
        MaximumHoldersModule module = new MaximumHoldersModule();
        token.addModule(address(module));
        holds(!triesToMint(wallets[0], 1), "closed until configured");
        token.configure(address(module), abi.encodeCall(MaximumHoldersModule.setMaximum, (2)));
        token.configure(address(module), abi.encodeCall(MaximumHoldersModule.setCountryMaximum, (US, true, 2)));
        // Two wallets of one person, and one that the registry does not know.
        registry.register(wallets[1], registry.identity(wallets[0]), US);
        registry.register(wallets[2], address(0), US);
        for (uint256 i = 0; i < steps.length; ++i) {
            uint256 step = steps[i];
            address from = wallets[(step >> 8) % 4];
            address to = wallets[(step >> 16) % 4];
            uint256 kind = step % 5;
            uint256 before = persons();
            uint256 balance = token.balanceOf(from);
            if (kind == 0) triesToMint(to, 10);
            else if (balance == 0) continue;
            else if (kind == 1) token.burn(from, bounded(step >> 32, 1, balance));
            else tries(from, to, step & 64 == 0 ? balance : bounded(step >> 32, 1, balance));
            (uint32 count, uint32 maximum) = module.holders(address(token));
            same(count, persons(), "counted");
            holds(count <= maximum || count <= before, "nobody new above the cap");
            uint256 inCountries =
                module.holdersIn(address(token), US).holders + module.holdersIn(address(token), FRANCE).holders;
            same(inCountries, count, "each in one country");
        }
    }

    function persons() private view returns (uint256 count) {
        if (token.balanceOf(wallets[0]) + token.balanceOf(wallets[1]) != 0) ++count;
        if (token.balanceOf(wallets[2]) != 0) ++count;
        if (token.balanceOf(wallets[3]) != 0) ++count;
    }

    function test_holder_caps_say_which() external {
        MaximumHoldersModule module = new MaximumHoldersModule();
        token.addModule(address(module));
        token.configure(address(module), abi.encodeCall(MaximumHoldersModule.setMaximum, (9)));
        token.configure(address(module), abi.encodeCall(MaximumHoldersModule.setCountryMaximum, (US, true, 1)));
        token.mint(wallets[0], 10);
        (bytes32 code, uint256 detail) =
            module.moduleReason(address(0), wallets[0], wallets[1], 1, address(token));
        holds(code == "COUNTRY_HOLDER_CAP" && detail == 1, "country");
        holds(tries(wallets[0], wallets[1], 10), "a place that becomes free");
        token.configure(address(module), abi.encodeCall(MaximumHoldersModule.setMaximum, (1)));
        (code, detail) = module.moduleReason(address(0), wallets[1], wallets[3], 1, address(token));
        holds(code == "HOLDER_CAP" && detail == 1, "all");
        (code,) = module.moduleReason(address(0), wallets[1], address(0), 1, address(token));
        same(uint256(code), 0, "nobody takes no place");
        token.force(wallets[1], wallets[3], 5);
        token.configure(address(module), abi.encodeCall(MaximumHoldersModule.setMaximum, (9)));
        token.configure(address(module), abi.encodeCall(MaximumHoldersModule.setCountryMaximum, (FRANCE, true, 1)));
        registry.register(wallets[0], address(0x99), FRANCE);
        holds(!tries(wallets[1], wallets[0], 5), "who leaves another country frees no place here");
        token.configure(address(module), abi.encodeCall(MaximumHoldersModule.setCountryMaximum, (FRANCE, true, 0)));
        holds(!tries(wallets[3], wallets[0], 5), "nor one above the cap");
        name(module.name(), "MaximumHoldersModule");
    }

    function test_recount() external {
        MaximumHoldersModule module = new MaximumHoldersModule();
        token.mint(wallets[0], 10);
        token.addModule(address(module));
        address[] memory list = new address[](2);
        (list[0], list[1]) = (wallets[0], wallets[1]);
        module.recount(address(token), list);
        (uint32 count,) = module.holders(address(token));
        same(count, 1, "counted");
        registry.register(wallets[0], registry.identity(wallets[0]), FRANCE);
        module.recount(address(token), list);
        same(module.holdersIn(address(token), FRANCE).holders, 1, "moved");
        vm.expectRevert(abi.encodeWithSelector(MaximumHoldersModule.TooMany.selector, 100));
        module.recount(address(token), new address[](101));
    }

    // Limits.

    function test_limits(uint256[24] calldata steps) external {
        TransferLimitsModule module = limited(50, 120);
        token.mint(wallets[0], 1_000_000);
        uint256 window = 0;
        uint256 used = 0;
        for (uint256 i = 0; i < steps.length; ++i) {
            if (steps[i] % 4 == 0) vm.warp(block.timestamp + bounded(steps[i] >> 8, 1, 30 hours));
            if (block.timestamp / 1 days != window) (window, used) = (block.timestamp / 1 days, 0);
            uint256 value = bounded(steps[i] >> 64, 1, 60);
            holds(tries(wallets[0], wallets[1], value) == (value <= 50 && used + value <= 120), "within both");
            if (value <= 50 && used + value <= 120) used += value;
        }
        same(module.limitsOf(address(token)).length, 2, "limits");
        name(module.name(), "TransferLimitsModule");
    }

    function limited(uint224 single, uint224 daily) private returns (TransferLimitsModule module) {
        module = new TransferLimitsModule();
        token.addModule(address(module));
        holds(!triesToMint(wallets[0], 1), "closed until configured");
        TransferLimitsModule.Limit[] memory limits = new TransferLimitsModule.Limit[](2);
        limits[0] = TransferLimitsModule.Limit(0, single);
        limits[1] = TransferLimitsModule.Limit(1 days, daily);
        token.configure(address(module), abi.encodeCall(TransferLimitsModule.setLimits, (limits)));
    }

    function test_limits_of_a_person_and_their_bounds() external {
        TransferLimitsModule module = limited(50, 60);
        registry.register(wallets[1], registry.identity(wallets[0]), US);
        registry.register(wallets[2], address(0), US);
        for (uint256 i = 0; i < 3; ++i) {
            token.mint(wallets[i], 100);
        }
        holds(tries(wallets[0], wallets[3], 50), "one wallet");
        holds(!tries(wallets[1], wallets[3], 11), "another of the same person");
        holds(tries(wallets[2], wallets[3], 50), "nobody's wallet");
        token.force(wallets[2], wallets[3], 50);
        (bytes32 code, uint256 left) = module.moduleReason(address(0), wallets[2], wallets[3], 1, address(token));
        holds(code == "TRANSFER_LIMIT" && left == 0, "forced transfers count");
        vm.expectPartialRevert(TransferLimitsModule.AmountTooLarge.selector);
        vm.prank(address(token));
        module.moduleTransferAction(wallets[2], wallets[3], 1 << 224);
        TransferLimitsModule.Limit[] memory limits = new TransferLimitsModule.Limit[](2);
        vm.expectRevert(abi.encodeWithSelector(TransferLimitsModule.DuplicateWindow.selector, 0));
        token.configure(address(module), abi.encodeCall(TransferLimitsModule.setLimits, (limits)));
        limits = new TransferLimitsModule.Limit[](5);
        vm.expectRevert(abi.encodeWithSelector(TransferLimitsModule.TooMany.selector, 4));
        token.configure(address(module), abi.encodeCall(TransferLimitsModule.setLimits, (limits)));
        limits = new TransferLimitsModule.Limit[](0);
        token.configure(address(module), abi.encodeCall(TransferLimitsModule.setLimits, (limits)));
        holds(tries(wallets[3], wallets[0], 100), "no limits");
    }

    // Venues.

    function test_venue_only() external {
        VenueOnlyModule module = new VenueOnlyModule();
        token.mint(wallets[0], 100);
        token.addModule(address(module));
        MoverHarness mover = new MoverHarness();
        holds(triesToMint(wallets[0], 1), "issues are free");
        holds(!tries(wallets[0], wallets[1], 1), "nothing else is");
        approve(module, address(mover), true);
        approve(module, address(mover), true);
        same(module.settlementsOf(address(token)).length, 1, "once");
        mover.move(address(token), 0, wallets[0], wallets[1], 1);
        same(token.balanceOf(wallets[1]), 1, "moved");
        holds(!mover.isMoving(address(token), wallets[0], wallets[1], 1), "over");
        holds(!tries(wallets[0], wallets[1], 1), "not beside it");
        (bytes32 code,) = module.moduleReason(address(mover), wallets[0], wallets[1], 1, address(token));
        same(uint256(code), 0, "the lens asks for it");
        (code,) = module.moduleReason(address(this), wallets[0], wallets[1], 1, address(token));
        holds(code == "VENUE_ONLY", "and for no other");
        token.configure(address(module), abi.encodeCall(VenueOnlyModule.setExempt, (wallets[1], true)));
        holds(module.isExempt(address(token), wallets[1]), "exempt");
        holds(tries(wallets[0], wallets[1], 1) && tries(wallets[1], wallets[0], 1), "both ways");
        name(module.name(), "VenueOnlyModule");
    }

    function test_venue_only_with_settlements_that_misbehave() external {
        VenueOnlyModule module = new VenueOnlyModule();
        token.mint(wallets[0], 100);
        token.addModule(address(module));
        for (uint8 i = 1; i < 4; ++i) {
            approve(module, address(new HostileContract(i)), true);
        }
        MoverHarness mover = new MoverHarness();
        approve(module, address(mover), true);
        mover.move(address(token), 0, wallets[0], wallets[1], 1);
        address one = module.settlementsOf(address(token))[0];
        vm.expectRevert(abi.encodeWithSelector(VenueOnlyModule.TooMany.selector, 4));
        approve(module, address(token), true);
        approve(module, one, false);
        approve(module, one, false);
        same(module.settlementsOf(address(token)).length, 3, "taken off");
        vm.expectRevert(abi.encodeWithSelector(VenueOnlyModule.NotAContract.selector, address(0x99)));
        approve(module, address(0x99), true);
    }

    function approve(VenueOnlyModule module, address settlement, bool approved) private {
        token.configure(address(module), abi.encodeCall(VenueOnlyModule.setSettlement, (settlement, approved)));
    }
}
