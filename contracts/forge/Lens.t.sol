// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {PreTradeLens} from "../solidity/PreTradeLens.sol";
import {TokenMover} from "../solidity/erc1400/TokenMover.sol";
import {BoundedCall} from "../solidity/lens/BoundedCall.sol";
import {Erc1400Checks} from "../solidity/lens/Erc1400Checks.sol";
import {Answer, Check, Question} from "../solidity/lens/PreTradeTypes.sol";
import {JurisdictionModule} from "../solidity/modules/JurisdictionModule.sol";
import {VenueOnlyModule} from "../solidity/modules/VenueOnlyModule.sol";
import {HostileContract} from "../solidity/test/HostileContract.sol";
import {MoverHarness} from "../solidity/test/MoverHarness.sol";
import {PartitionedToken} from "../solidity/test/PartitionedToken.sol";
import {
    PermissionedWorld,
    PlainIdentity,
    PlainIssuer,
    PlainPermissionedToken,
    PlainRegistry
} from "./PermissionedWorld.sol";

/// @notice For tests: a module of another author, which knows yes and no.
contract PlainModule {
    bool public refuses;

    function setRefuses(bool refuses_) external {
        refuses = refuses_;
    }

    function bindCompliance(address) external {}

    function moduleCheck(address, address, uint256, address) external view returns (bool) {
        return !refuses;
    }

    function name() external pure returns (string memory) {
        return "PlainModule";
    }
}

/// @notice For tests: a registry that knows wallets and nothing of claims, and verifies nobody.
contract BareRegistry {
    function identity(address wallet) external pure returns (address) {
        return wallet;
    }
}

/// @notice For tests: says that it is paused.
contract PausedToken is PartitionedToken {
    bool public constant paused = true;

    constructor() PartitionedToken("Paused", "PSD", "a", msg.sender) {}
}

contract LensTest is PermissionedWorld {
    PreTradeLens private lens;
    MoverHarness private mover;
    address private seller;
    address private buyer;

    function setUp() external {
        setUpWorld();
        lens = new PreTradeLens();
        mover = new MoverHarness();
        (seller, buyer) = (wallets[0], wallets[1]);
        token.mint(seller, 100);
        token.approve(seller, address(mover), 50);
    }

    function question() private view returns (Question memory asked) {
        (asked.standard, asked.token, asked.operator) = (1, address(token), address(mover));
        (asked.from, asked.to, asked.quantity) = (seller, buyer, 10);
    }

    function ask(Question memory asked) private view returns (Answer memory) {
        Question[] memory questions = new Question[](1);
        questions[0] = asked;
        return lens.ask(questions)[0];
    }

    function ask() private view returns (Answer memory) {
        return ask(question());
    }

    function fails(Answer memory answer, uint32 checks) private pure {
        same(answer.failed, checks, "failed");
        same(answer.unanswered, 0, "unanswered");
    }

    function test_each_check_of_a_transfer() external {
        Answer memory answer = ask();
        fails(answer, 0);
        same(answer.balance, 100, "balance");
        same(answer.allowance, 50, "allowance");
        same(answer.country, US, "country");
        same(answer.blockNumber, block.number, "block");
        same(answer.contracts.length, 8, "token, compliance, registry and its parts, two identities");
        Question memory asked = question();
        asked.quantity = 51;
        fails(ask(asked), Check.ALLOWANCE);
        asked.quantity = 101;
        fails(ask(asked), Check.ALLOWANCE | Check.BALANCE);
        token.freeze(seller, true, 95);
        answer = ask();
        fails(answer, Check.SENDER_FROZEN | Check.PART_FROZEN);
        same(answer.frozen, 95, "frozen");
        token.freeze(seller, false, 101);
        fails(ask(), Check.PART_FROZEN);
        token.freeze(seller, false, 0);
        token.freeze(buyer, true, 0);
        fails(ask(), Check.RECEIVER_FROZEN);
        token.freeze(buyer, false, 0);
        token.set(true, false, address(token));
        fails(ask(), Check.PAUSED);
        token.set(false, true, address(token));
        fails(ask(), Check.COMPLIANCE);
        token.set(false, false, address(0));
        fails(ask(), 0);
        token.set(false, false, address(0x99));
        answer = ask();
        same(answer.unanswered, Check.COMPLIANCE, "no such compliance");
        token.set(false, false, address(token));
        registry.register(buyer, address(0), 0);
        fails(ask(), Check.IDENTITY);
    }

    function test_one_side_alone() external {
        Question memory asked = question();
        (asked.from, asked.quantity) = (address(0), 1e30);
        fails(ask(asked), 0);
        asked = question();
        asked.to = address(0);
        fails(ask(asked), 0);
        // Of modules, those that can judge one side.
        JurisdictionModule ours = new JurisdictionModule();
        PlainModule others = new PlainModule();
        token.addModule(address(others));
        others.setRefuses(true);
        fails(ask(asked), 0);
        token.addModule(address(ours));
        Answer memory answer = ask(asked);
        fails(answer, Check.COMPLIANCE);
        same(answer.findings.length, 1, "ours");
        holds(answer.findings[0].code == "NOT_CONFIGURED", "why");
    }

    function test_names_the_modules_that_refuse() external {
        PlainModule others = new PlainModule();
        token.addModule(address(others));
        fails(ask(), 0);
        others.setRefuses(true);
        Answer memory answer = ask();
        fails(answer, Check.COMPLIANCE);
        holds(answer.findings[0].name == "PlainModule" && answer.findings[0].code == 0, "by name");
        others.setRefuses(false);
        VenueOnlyModule venues = new VenueOnlyModule();
        token.addModule(address(venues));
        fails(ask(), Check.COMPLIANCE);
        // A no only because nobody moves yet is none; any other stands beside it.
        token.configure(address(venues), abi.encodeCall(VenueOnlyModule.setSettlement, (address(mover), true)));
        answer = ask();
        fails(answer, 0);
        same(answer.findings.length, 0, "nobody");
        others.setRefuses(true);
        fails(ask(), Check.COMPLIANCE);
    }

    function test_claims() external {
        PlainIssuer first = new PlainIssuer();
        PlainIssuer second = new PlainIssuer();
        address[] memory issuers = new address[](2);
        (issuers[0], issuers[1]) = (address(first), address(second));
        uint256[] memory topics = new uint256[](2);
        (topics[0], topics[1]) = (7, 8);
        registry.setClaims(topics, issuers);
        PlainIdentity identity = PlainIdentity(registry.identity(buyer));
        registry.setVerified(buyer, false);
        Answer memory answer = ask();
        fails(answer, Check.VERIFIED | Check.CLAIM_MISSING);
        same(answer.topic, 7, "the first topic");
        identity.setClaim(7, address(first), "");
        identity.setClaim(8, address(second), "checked");
        fails(ask(), Check.VERIFIED);
        registry.setVerified(buyer, true);
        fails(ask(), 0);
        same(ask().claimsUntil, 0, "no end");
        first.setValid(false);
        fails(ask(), Check.CLAIM_INVALID);
        identity.setClaim(7, address(second), abi.encode(block.timestamp + 10));
        identity.setClaim(8, address(second), abi.encode(block.timestamp, block.timestamp + 5));
        answer = ask();
        fails(answer, 0);
        same(answer.claimsUntil, block.timestamp + 5, "the earliest");
        identity.setClaim(8, address(second), abi.encode(1e12));
        same(ask().claimsUntil, block.timestamp + 10, "no time");
        vm.warp(block.timestamp + 10);
        answer = ask();
        fails(answer, Check.CLAIM_EXPIRED);
        same(answer.topic, 7, "which");
        registry.setRegistries(address(0x99), address(0x99));
        fails(ask(), 0);
        registry.setRegistries(address(registry), address(new HostileContract(0)));
        fails(ask(), Check.CLAIM_MISSING);
    }

    function test_a_registry_that_knows_no_claims() external {
        PlainPermissionedToken bare = new PlainPermissionedToken(PlainRegistry(address(new BareRegistry())));
        Question memory asked = question();
        (asked.token, asked.from) = (address(bare), address(0));
        same(ask(asked).unanswered, Check.VERIFIED, "nor who is verified");
    }

    function test_cash() external view {
        Question memory asked = question();
        (asked.cashToken, asked.payer, asked.cash) = (address(token), seller, 50);
        fails(ask(asked), 0);
        asked.cash = 51;
        Answer memory answer = ask(asked);
        fails(answer, Check.CASH_ALLOWANCE);
        same(answer.cashAllowance, 50, "approved");
        asked.cash = 101;
        fails(ask(asked), Check.CASH_ALLOWANCE | Check.CASH_BALANCE);
        asked.token = address(0);
        fails(ask(asked), Check.CASH_ALLOWANCE | Check.CASH_BALANCE);
        asked.cashToken = address(0x99);
        same(ask(asked).unanswered, Check.CASH_ALLOWANCE | Check.CASH_BALANCE, "no cash token");
    }

    function test_bounds() external {
        Question memory asked = question();
        asked.standard = 9;
        same(ask(asked).unanswered, Check.ALL, "unknown standard");
        vm.expectRevert(abi.encodeWithSelector(PreTradeLens.TooMany.selector, 100));
        lens.ask(new Question[](101));
    }

    function test_hostile_contracts_spoil_their_own_answers_only() external {
        for (uint8 behaviour = 0; behaviour <= 6; ++behaviour) {
            address hostile = address(new HostileContract(behaviour));
            Question[] memory questions = new Question[](4);
            (questions[0], questions[1], questions[2], questions[3]) = (question(), question(), question(), question());
            questions[0].token = hostile;
            (questions[1].token, questions[1].standard) = (hostile, 2);
            (questions[2].token, questions[2].standard, questions[2].partition) = (hostile, 2, "a");
            Answer[] memory answers = lens.ask{gas: 60_000_000}(questions);
            for (uint256 i = 0; i < 3; ++i) {
                holds(answers[i].failed | answers[i].unanswered != 0, "no good word for it");
            }
            fails(answers[3], 0);
            // An identity, a claim issuer and a module belong to others than the token.
            registry.register(buyer, hostile, US);
            uint256[] memory topics = new uint256[](1);
            address[] memory issuers = new address[](1);
            issuers[0] = hostile;
            registry.setClaims(topics, issuers);
            Answer memory answer = ask();
            same(answer.balance, 100, "the rest is answered");
            registry.setClaims(new uint256[](0), issuers);
        }
    }

    function test_who_burns_gas_burns_its_own_share() external {
        Question[] memory questions = new Question[](2);
        (questions[0], questions[1]) = (question(), question());
        questions[0].token = address(new HostileContract(2));
        Answer[] memory answers = lens.ask{gas: 2_000_000}(questions);
        same(answers[0].unanswered, Check.ALL, "burnt");
        fails(answers[1], 0);
    }

    function test_too_little_gas_is_no_answer() external view {
        Question[] memory questions = new Question[](1);
        questions[0] = question();
        same(lens.ask{gas: 90_000}(questions)[0].unanswered, Check.ALL, "nothing");
    }

    // ERC-1400.

    bytes32 private constant PARTITION = "class-a";

    function partitioned() private returns (PartitionedToken other) {
        other = new PartitionedToken("Class A", "CLA", PARTITION, address(this));
        other.setAdmitted(seller, true);
        other.setAdmitted(buyer, true);
        other.issueByPartition(PARTITION, seller, 100, "");
    }

    function about(PartitionedToken other, bytes32 partition) private view returns (Question memory asked) {
        asked = question();
        (asked.standard, asked.token, asked.partition) = (2, address(other), partition);
    }

    function test_a_partition() external {
        PartitionedToken other = partitioned();
        Question memory asked = about(other, PARTITION);
        fails(ask(asked), Check.ALLOWANCE);
        vm.prank(seller);
        other.authorizeOperatorByPartition(PARTITION, address(mover));
        fails(ask(asked), 0);
        vm.prank(seller);
        other.revokeOperatorByPartition(PARTITION, address(mover));
        vm.prank(seller);
        other.authorizeOperator(address(mover));
        fails(ask(asked), 0);
        other.setHabits(false, true);
        same(ask(asked).unanswered, Check.STATUS, "about the lens");
        other.setHabits(false, false);
        mover.move(address(other), PARTITION, seller, buyer, 1);
        same(other.balanceOfByPartition(PARTITION, buyer), 1, "moved");
        asked.quantity = 100;
        fails(ask(asked), Check.BALANCE | Check.STATUS);
        other.setClosed(seller, true);
        asked.quantity = 1;
        asked.to = address(0);
        fails(ask(asked), 0);
        (asked.to, asked.from) = (seller, address(0));
        fails(ask(asked), Check.STATUS);
        asked.to = buyer;
        fails(ask(asked), 0);
        other.setLocked(buyer, 5);
        other.setHalted(true);
        Answer memory answer = ask(asked);
        fails(answer, Check.STATUS);
        holds(answer.status == 0x54, "halted");
        asked.to = address(0);
        fails(ask(asked), 0);
        vm.prank(seller);
        other.revokeOperator(address(mover));
        vm.expectRevert(abi.encodeWithSelector(PartitionedToken.TransferRefused.selector, bytes1(0x58)));
        mover.move(address(other), PARTITION, seller, buyer, 1);
    }

    function test_the_default_partition_in_both_shapes() external {
        PartitionedToken other = partitioned();
        Question memory asked = about(other, 0);
        fails(ask(asked), Check.ALLOWANCE);
        vm.prank(seller);
        other.approve(address(mover), 10);
        for (uint256 i = 0; i < 2; ++i) {
            other.setHabits(i == 1, false);
            fails(ask(asked), 0);
            other.setHabits(i == 1, true);
            same(ask(asked).unanswered, Check.STATUS, "about the lens");
            other.setHabits(i == 1, false);
            other.setHalted(true);
            Answer memory answer = ask(asked);
            fails(answer, Check.STATUS);
            holds(answer.status == 0x54, "halted");
            other.setHalted(false);
        }
        mover.move(address(other), 0, seller, buyer, 10);
        same(other.balanceOf(buyer), 10, "moved");
        same(TokenMover.balanceOf(address(other), 0, buyer), 10, "in all");
    }

    function test_a_token_that_is_paused_by_its_own_word() external {
        Question memory asked = question();
        (asked.standard, asked.token, asked.from) = (2, address(new PausedToken()), address(0));
        fails(ask(asked), Check.PAUSED | Check.STATUS);
    }

    // Answers that are not what they should be.

    function status(bytes memory result, bool byLength) private pure returns (bytes1 byte_) {
        bool understood;
        (understood, byte_,) = Erc1400Checks.decode(result, byLength);
        if (!understood) return 0xff;
    }

    function test_statuses_are_read_in_both_shapes_and_no_other() external pure {
        bytes1 no = 0x54;
        bytes1 yes = 0x51;
        holds(status(abi.encode(no, bytes32(0), bytes32(0)), false) == no, "by partition");
        holds(status(abi.encode(no, bytes32(0)), true) == no, "ERC-1400");
        holds(status(abi.encode(false, no, bytes32(0)), true) == no, "ERC-1594");
        holds(status(abi.encode(true, no, bytes32(0)), true) == yes, "the truth value decides");
        holds(status(abi.encode(false, yes, bytes32(0)), true) == 0x50, "the truth value decides");
        holds(status(abi.encode(2, no, bytes32(0)), true) == 0xff, "no truth value");
        holds(status(abi.encode(true, uint256(7), bytes32(0)), true) == 0xff, "no byte");
        holds(status(abi.encode(uint256(7), bytes32(0)), true) == 0xff, "no byte");
        holds(status(abi.encode(no, bytes32(0)), false) == 0xff, "too short");
        holds(status("", true) == 0xff, "nothing");
    }

    function test_malformed_answers_read_as_nothing(bytes calldata data, uint256 index) external pure {
        index = bounded(index, 0, 8);
        bytes memory part = BoundedCall.bytesAt(data, index);
        holds(part.length <= data.length, "within");
        uint256[] memory list = BoundedCall.listOf(data, 10);
        holds(list.length <= 10 && list.length * 32 <= data.length, "within");
        same(BoundedCall.wordAt(data, data.length), 0, "beyond");
    }

    function test_well_formed_answers_are_read() external pure {
        uint256[] memory list = new uint256[](3);
        (list[0], list[1], list[2]) = (1, 2, 3);
        uint256[] memory found = BoundedCall.listOf(abi.encode(list), 2);
        holds(found.length == 2 && found[1] == 2, "the first two");
        holds(keccak256(BoundedCall.bytesAt(abi.encode(uint256(1), "text"), 1)) == keccak256("text"), "bytes");
        same(BoundedCall.listOf(abi.encode(uint256(0x20), uint256(9)), 9).length, 0, "cut short");
        same(BoundedCall.bytesAt(abi.encode(uint256(0x20), uint256(9)), 0).length, 0, "cut short");
        same(BoundedCall.listOf(abi.encode(type(uint256).max), 9).length, 0, "out of range");
        same(BoundedCall.wordAt(abi.encode(7), type(uint256).max), 0, "out of range");
    }
}
