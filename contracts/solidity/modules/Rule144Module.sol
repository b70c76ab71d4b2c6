// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {IPermissionedToken} from "./ComplianceInterfaces.sol";
import {ComplianceModule} from "./ComplianceModule.sol";
import {Lot, Lots} from "./Lots.sol";

/// @title Rule144Module
/// @notice Resale of restricted and control securities under 17 CFR 230.144: the holding period of
/// paragraph (d) with its tacking, and the affiliates' volume limit of paragraph (e).
/// @dev The conditions of (c), (f), (g) and (h), current information, manner of sale and notice, are
/// facts outside the chain and stay with the broker.
///
/// Every issue begins a lot. Tokens in no lot are unrestricted. Lots older than LONGEST_HOLDING_DAYS
/// are dropped when their wallet next changes, since no period in the rule reaches further. A wallet
/// gives its unrestricted tokens first and then its oldest lots.
///
/// Codes: `HOLDING_PERIOD` (detail: unix second from which the quantity is free, 0 = the wallet does
/// not hold it), `AFFILIATE_VOLUME` (detail: what the affiliate's group may still sell).
contract Rule144Module is ComplianceModule {
    using Lots for Lots.List;
    using Lots for Lot[];

    bytes32 internal constant HOLDING_PERIOD = "HOLDING_PERIOD";
    bytes32 internal constant AFFILIATE_VOLUME = "AFFILIATE_VOLUME";

    /// @notice (d)(1)(ii): one year, in days that hold in a leap year.
    uint16 public constant LONGEST_HOLDING_DAYS = 366;
    uint16 internal constant BASIS_POINTS = 10_000;
    /// @dev "Any three-month period" of (e)(1): 92 days at most. Sales are kept by week; 15 weeks
    /// always reach back 92 days, so the window is never shorter than the rule's.
    uint256 internal constant WINDOW_WEEKS = 15;
    uint256 internal constant WEEK_SLOTS = 16;

    /// @notice The rule as it applies to one token.
    struct Rules {
        bool configured;
        /// Whether tokens bought from an affiliate start a new holding, (d)(1): true where such
        /// sales are private; false where each is itself a sale under this rule, which leaves the
        /// buyer with unrestricted securities.
        bool affiliateSaleRestarts;
        /// (d)(1)(i): six months = 184 days; (d)(1)(ii): one year = 366 days.
        uint16 holdingDays;
        /// (e)(1)(i): one percent of the class outstanding = 100.
        uint16 volumeBasisPoints;
        /// (e)(1)(ii): average weekly reported trading volume of four calendar weeks; 0 = none reported.
        uint128 weeklyVolume;
    }

    /// @dev `lotted` is the sum of the wallet's lots; group 0 = not an affiliate.
    struct Account {
        uint32 group;
        uint224 lotted;
    }

    struct Sold {
        uint32 week;
        uint224 amount;
    }

    struct State {
        Rules rules;
        mapping(address wallet => Account) accounts;
        mapping(address wallet => Lot[]) lots;
        mapping(uint32 group => Sold[WEEK_SLOTS]) sold;
    }

    mapping(address compliance => mapping(uint256 epoch => State)) private _states;

    event RulesSet(
        address indexed compliance,
        uint16 holdingDays,
        uint16 volumeBasisPoints,
        uint128 weeklyVolume,
        bool affiliateSaleRestarts
    );
    event AffiliateSet(address indexed compliance, address indexed wallet, uint32 group);
    event LotAdded(address indexed compliance, address indexed wallet, uint32 day, uint256 amount);
    event LotsTaken(address indexed compliance, address indexed wallet, uint256 amount);
    event LotsExpired(address indexed compliance, address indexed wallet, uint256 amount);
    event Tacked(address indexed compliance, address indexed wallet, uint32 day, uint256 amount);
    event AffiliateSold(address indexed compliance, uint32 indexed group, address indexed wallet, uint256 amount);

    error InvalidRules();
    error DayInFuture(uint32 day, uint32 today);
    error AmountTooLarge(uint256 amount);
    error NotThatManyTokens(address wallet, uint256 wanted, uint256 available);

    /// @notice Sets the rule's parameters; only by way of the compliance, as every function below.
    function setRules(uint16 holdingDays, uint16 volumeBasisPoints, uint128 weeklyVolume, bool affiliateSaleRestarts)
        external
    {
        State storage state = _states[msg.sender][_boundEpoch()];
        if (holdingDays == 0 || holdingDays > LONGEST_HOLDING_DAYS) revert InvalidRules();
        if (volumeBasisPoints == 0 || volumeBasisPoints > BASIS_POINTS) revert InvalidRules();
        state.rules = Rules(true, affiliateSaleRestarts, holdingDays, volumeBasisPoints, weeklyVolume);
        emit RulesSet(msg.sender, holdingDays, volumeBasisPoints, weeklyVolume, affiliateSaleRestarts);
    }

    /// @notice Names a wallet's owner an affiliate of the issuer, (a)(1).
    /// @param group wallets whose sales (e)(3) adds together have one group; 0 = no affiliate
    function setAffiliate(address wallet, uint32 group) external {
        _states[msg.sender][_boundEpoch()].accounts[wallet].group = group;
        emit AffiliateSet(msg.sender, wallet, group);
    }

    /// @notice Records that unrestricted tokens of the wallet are restricted, as of a day: for holders
    /// from before the module was bound.
    function recordLot(address wallet, uint256 amount, uint32 day) external {
        State storage state = _states[msg.sender][_boundEpoch()];
        _checkDay(day);
        uint256 free = _tokenOf(msg.sender).balanceOf(wallet) - state.accounts[wallet].lotted;
        if (amount > free) revert NotThatManyTokens(wallet, amount, free);
        Lots.List memory list = _current(msg.sender, state, wallet);
        _addLot(msg.sender, list, wallet, day, amount);
        _save(state, wallet, list);
    }

    /// @notice Tacks a predecessor's holding to the wallet's youngest lots, (d)(3): dividends, splits
    /// and conversions (i, ii), pledges (iv), gifts (v), trusts (vi), estates (vii). A transfer between
    /// holders who are no affiliates tacks by itself, (d)(1).
    /// @param day the earlier day of acquisition; it can only free tokens sooner
    function tack(address wallet, uint256 amount, uint32 day) external {
        State storage state = _states[msg.sender][_boundEpoch()];
        _checkDay(day);
        Lots.List memory list = _current(msg.sender, state, wallet);
        uint224 taken = list.takeYoungest(amount, day);
        if (taken != amount) revert NotThatManyTokens(wallet, amount, taken);
        list.add(day, taken);
        _save(state, wallet, list);
        emit Tacked(msg.sender, wallet, day, amount);
    }

    function name() external pure returns (string memory) {
        return "Rule144Module";
    }

    function rulesOf(address compliance) external view returns (Rules memory) {
        return _states[compliance][_epochOf(compliance)].rules;
    }

    /// @notice The wallet's lots, oldest first, those that have expired since its last change included.
    function lotsOf(address compliance, address wallet) external view returns (Lot[] memory) {
        return _states[compliance][_epochOf(compliance)].lots[wallet];
    }

    function affiliateGroup(address compliance, address wallet) external view returns (uint32) {
        return _states[compliance][_epochOf(compliance)].accounts[wallet].group;
    }

    /// @notice What a group of affiliates may still sell in the present three months.
    function volumeLeft(address compliance, uint32 group) external view returns (uint256) {
        return _volumeLeft(_states[compliance][_epochOf(compliance)], _tokenOf(compliance), group);
    }

    function _reason(Question memory asked) internal view override returns (bytes32, uint256) {
        State storage state = _states[asked.compliance][asked.epoch];
        if (!state.rules.configured) return (NOT_CONFIGURED, 0);
        // An issue is no resale, and most holders have neither lots nor an affiliation: one read.
        Account memory account = state.accounts[asked.from];
        if (asked.from == address(0) || (account.lotted == 0 && account.group == 0)) return (ALLOWED, 0);
        IPermissionedToken token = _tokenOf(asked.compliance);
        (bytes32 code, uint256 detail) = _holding(state, token, account, asked);
        if (code == ALLOWED && account.group != 0) {
            bool isSale = account.group != state.accounts[asked.to].group;
            uint256 left = isSale ? _volumeLeft(state, token, account.group) : asked.value;
            if (asked.value > left) (code, detail) = (AFFILIATE_VOLUME, left);
        }
        // A holder who moves tokens between its own wallets sells nothing.
        if (code != ALLOWED && _sameHolder(token, asked.from, asked.to)) return (ALLOWED, 0);
        return (code, detail);
    }

    /// @dev (d)(1): whether enough of the sender's tokens have been held for the period.
    function _holding(State storage state, IPermissionedToken token, Account memory account, Question memory asked)
        private
        view
        returns (bytes32, uint256)
    {
        if (account.lotted == 0) return (ALLOWED, 0);
        uint256 balance = token.balanceOf(asked.from);
        uint256 free = balance > account.lotted ? balance - account.lotted : 0;
        Lot[] storage lots = state.lots[asked.from];
        uint256 holdingDays = state.rules.holdingDays;
        for (uint256 i = 0; free < asked.value && i < lots.length; ++i) {
            uint256 releaseDay = lots[i].day + holdingDays;
            free += lots[i].amount;
            if (free >= asked.value && releaseDay > _today()) return (HOLDING_PERIOD, releaseDay * 1 days);
        }
        return free < asked.value ? (HOLDING_PERIOD, uint256(0)) : (ALLOWED, 0);
    }

    function _onTransfer(address compliance, uint256 epoch, address from, address to, uint256 value)
        internal
        override
    {
        if (from == to) return;
        State storage state = _states[compliance][epoch];
        Account memory account = state.accounts[from];
        // Unrestricted tokens of somebody who is no affiliate: nothing to carry over.
        if (account.lotted == 0 && account.group == 0) return;
        IPermissionedToken token = _tokenOf(compliance);
        bool isAffiliateSale = account.group != 0 && account.group != state.accounts[to].group
            && !_sameHolder(token, from, to);
        if (isAffiliateSale) _recordSale(state, compliance, account.group, from, value);

        Lots.List memory carried;
        if (account.lotted != 0) {
            uint256 unrestricted = token.balanceOf(from) + value - account.lotted;
            carried = _take(compliance, state, from, value > unrestricted ? value - unrestricted : 0);
        }
        _give(compliance, state, to, carried, isAffiliateSale, value);
    }

    /// @dev The receiver's side of a transfer: `carried` are the lots that come with it.
    function _give(
        address compliance,
        State storage state,
        address to,
        Lots.List memory carried,
        bool isAffiliateSale,
        uint256 value
    ) private {
        bool restarts = isAffiliateSale && state.rules.affiliateSaleRestarts;
        if (!restarts && carried.count == 0) return;
        Lots.List memory list = _current(compliance, state, to);
        if (restarts) _addLot(compliance, list, to, _today(), value);
        for (uint256 i = 0; !restarts && i < carried.count; ++i) {
            Lot memory lot = carried.items[i];
            // What an affiliate has held long enough and sells under this rule is free in the
            // buyer's hands. A forced transfer can move the rest, which stays restricted.
            if (isAffiliateSale && lot.day + state.rules.holdingDays <= _today()) continue;
            _addLot(compliance, list, to, lot.day, lot.amount);
        }
        _save(state, to, list);
    }

    function _onIssue(address compliance, uint256 epoch, address to, uint256 value) internal override {
        State storage state = _states[compliance][epoch];
        Lots.List memory list = _current(compliance, state, to);
        _addLot(compliance, list, to, _today(), value);
        _save(state, to, list);
    }

    function _onRedeem(address compliance, uint256 epoch, address from, uint256 value) internal override {
        State storage state = _states[compliance][epoch];
        uint256 lotted = state.accounts[from].lotted;
        if (lotted == 0) return;
        uint256 unrestricted = _tokenOf(compliance).balanceOf(from) + value - lotted;
        if (value > unrestricted) _take(compliance, state, from, value - unrestricted);
    }

    function _take(address compliance, State storage state, address wallet, uint256 amount)
        private
        returns (Lots.List memory taken)
    {
        if (amount == 0) return taken;
        Lots.List memory list = state.lots[wallet].load();
        taken = list.takeOldest(amount);
        emit LotsTaken(compliance, wallet, amount);
        _save(state, wallet, list);
    }

    /// @dev The wallet's lots without those that no period reaches any more.
    function _current(address compliance, State storage state, address wallet)
        private
        returns (Lots.List memory list)
    {
        list = state.lots[wallet].load();
        uint256 expired = 0;
        uint256 amount = 0;
        while (expired < list.count && list.items[expired].day + LONGEST_HOLDING_DAYS <= _today()) {
            amount += list.items[expired].amount;
            ++expired;
        }
        list.dropOldest(expired);
        if (expired != 0) emit LotsExpired(compliance, wallet, amount);
    }

    function _addLot(address compliance, Lots.List memory list, address wallet, uint32 day, uint256 amount) private {
        if (amount > type(uint224).max) revert AmountTooLarge(amount);
        list.add(day, uint224(amount));
        emit LotAdded(compliance, wallet, day, amount);
    }

    function _save(State storage state, address wallet, Lots.List memory list) private {
        state.lots[wallet].save(list);
        uint256 sum = list.total();
        if (sum > type(uint224).max) revert AmountTooLarge(sum);
        state.accounts[wallet].lotted = uint224(sum);
    }

    function _recordSale(State storage state, address compliance, uint32 group, address wallet, uint256 value)
        private
    {
        if (value > type(uint224).max) revert AmountTooLarge(value);
        uint32 week = _thisWeek();
        Sold storage slot = state.sold[group][week % WEEK_SLOTS];
        uint224 amount = uint224(value);
        if (slot.week == week) amount += slot.amount;
        (slot.week, slot.amount) = (week, amount);
        emit AffiliateSold(compliance, group, wallet, value);
    }

    function _volumeLeft(State storage state, IPermissionedToken token, uint32 group) private view returns (uint256) {
        uint256 limit = token.totalSupply() * state.rules.volumeBasisPoints / BASIS_POINTS;
        if (state.rules.weeklyVolume > limit) limit = state.rules.weeklyVolume;
        uint256 sold = 0;
        uint32 week = _thisWeek();
        for (uint256 i = 0; i < WEEK_SLOTS; ++i) {
            Sold memory slot = state.sold[group][i];
            if (slot.week + WINDOW_WEEKS > week) sold += slot.amount;
        }
        return sold < limit ? limit - sold : 0;
    }

    function _checkDay(uint32 day) private view {
        if (day > _today()) revert DayInFuture(day, _today());
    }

    function _today() private view returns (uint32) {
        return uint32(block.timestamp / 1 days);
    }

    function _thisWeek() private view returns (uint32) {
        return uint32(block.timestamp / 1 weeks);
    }
}
