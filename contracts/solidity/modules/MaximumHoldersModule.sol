// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {IIdentityRegistry, IPermissionedToken} from "./ComplianceInterfaces.sol";
import {ComplianceModule} from "./ComplianceModule.sol";

/// @title MaximumHoldersModule
/// @notice How many persons may hold the token, in all and in each country: the limits that keep an
/// issuer out of registration, such as Exchange Act section 12(g)(1)(A) (2,000 holders of record) and
/// Investment Company Act section 3(c)(1) (100 beneficial owners).
/// @dev Persons are counted, not wallets: by the identity contract under which the registry holds a
/// wallet. What a wallet was counted as is remembered, so that it is taken back as the same even when
/// its registration has changed since; `recount` brings the count up to date, and is how holders from
/// before the module was bound come in. It takes everything from the chain, so anybody may call it.
///
/// Codes: `HOLDER_CAP`, `COUNTRY_HOLDER_CAP` (detail: the cap).
contract MaximumHoldersModule is ComplianceModule {
    bytes32 internal constant HOLDER_CAP = "HOLDER_CAP";
    bytes32 internal constant COUNTRY_HOLDER_CAP = "COUNTRY_HOLDER_CAP";
    uint256 public constant MAX_WALLETS_PER_CALL = 100;

    /// @dev As what a wallet with a balance is counted.
    struct Wallet {
        address person;
        bool counted;
    }

    struct Person {
        uint32 wallets;
        uint16 country;
    }

    struct Country {
        bool capped;
        uint32 maximum;
        uint32 holders;
    }

    struct State {
        bool configured;
        uint32 maximum;
        uint32 holders;
        mapping(address wallet => Wallet) wallets;
        mapping(address identity => Person) persons;
        mapping(uint16 country => Country) countries;
    }

    mapping(address compliance => mapping(uint256 epoch => State)) private _states;

    event MaximumSet(address indexed compliance, uint32 maximum);
    event CountryMaximumSet(address indexed compliance, uint16 indexed country, bool capped, uint32 maximum);
    event HolderAdded(address indexed compliance, address indexed person, uint16 indexed country, uint32 holders);
    event HolderRemoved(address indexed compliance, address indexed person, uint16 indexed country, uint32 holders);

    error TooMany(uint256 limit);

    /// @notice Sets the cap over all countries; the largest uint32 means none. A cap below the present
    /// number lets nobody new in and puts nobody out.
    function setMaximum(uint32 maximum) external {
        State storage state = _states[msg.sender][_boundEpoch()];
        (state.configured, state.maximum) = (true, maximum);
        emit MaximumSet(msg.sender, maximum);
    }

    function setCountryMaximum(uint16 country, bool capped, uint32 maximum) external {
        Country storage entry = _states[msg.sender][_boundEpoch()].countries[country];
        (entry.capped, entry.maximum) = (capped, maximum);
        emit CountryMaximumSet(msg.sender, country, capped, maximum);
    }

    /// @notice Counts the wallets anew, from their balances and registrations of now.
    function recount(address compliance, address[] calldata wallets) external {
        if (wallets.length > MAX_WALLETS_PER_CALL) revert TooMany(MAX_WALLETS_PER_CALL);
        IPermissionedToken token = _tokenOf(compliance);
        State storage state = _states[compliance][_epochOf(compliance)];
        for (uint256 i = 0; i < wallets.length; ++i) {
            _uncount(compliance, state, wallets[i]);
            _update(compliance, state, token, wallets[i]);
        }
    }

    function name() external pure returns (string memory) {
        return "MaximumHoldersModule";
    }

    function holders(address compliance) external view returns (uint32 count, uint32 maximum) {
        State storage state = _states[compliance][_epochOf(compliance)];
        return (state.holders, state.maximum);
    }

    function holdersIn(address compliance, uint16 country) external view returns (Country memory) {
        return _states[compliance][_epochOf(compliance)].countries[country];
    }

    function _reason(Question memory asked) internal view override returns (bytes32, uint256) {
        State storage state = _states[asked.compliance][asked.epoch];
        if (!state.configured) return (NOT_CONFIGURED, 0);
        // Who holds already takes no new place.
        if (asked.to == address(0) || state.wallets[asked.to].counted) return (ALLOWED, 0);
        IPermissionedToken token = _tokenOf(asked.compliance);
        IIdentityRegistry registry = _registryOf(token);
        if (state.persons[_personOf(registry, asked.to)].wallets != 0) return (ALLOWED, 0);
        Country memory country = state.countries[registry.investorCountry(asked.to)];
        bool isFull = state.holders >= state.maximum;
        bool countryIsFull = country.capped && country.holders >= country.maximum;
        if (!isFull && !countryIsFull) return (ALLOWED, 0);
        // A sender who gives its last token gives its place with it.
        (bool leaves, uint16 leftCountry) = _leaves(state, token, asked);
        if (isFull && !(leaves && state.holders == state.maximum)) return (HOLDER_CAP, state.maximum);
        bool leavesCountry = leaves && leftCountry == registry.investorCountry(asked.to);
        if (countryIsFull && !(leavesCountry && country.holders == country.maximum)) {
            return (COUNTRY_HOLDER_CAP, country.maximum);
        }
        return (ALLOWED, 0);
    }

    function _leaves(State storage state, IPermissionedToken token, Question memory asked)
        private
        view
        returns (bool, uint16)
    {
        Wallet memory wallet = state.wallets[asked.from];
        if (!wallet.counted || token.balanceOf(asked.from) != asked.value) return (false, 0);
        Person memory person = state.persons[wallet.person];
        return (person.wallets == 1, person.country);
    }

    function _onTransfer(address compliance, uint256 epoch, address from, address to, uint256) internal override {
        State storage state = _states[compliance][epoch];
        IPermissionedToken token = _tokenOf(compliance);
        _update(compliance, state, token, from);
        _update(compliance, state, token, to);
    }

    function _onIssue(address compliance, uint256 epoch, address to, uint256) internal override {
        _update(compliance, _states[compliance][epoch], _tokenOf(compliance), to);
    }

    function _onRedeem(address compliance, uint256 epoch, address from, uint256) internal override {
        _update(compliance, _states[compliance][epoch], _tokenOf(compliance), from);
    }

    /// @dev Brings the count in line with whether the wallet holds.
    function _update(address compliance, State storage state, IPermissionedToken token, address wallet) private {
        bool holds = token.balanceOf(wallet) != 0;
        bool counted = state.wallets[wallet].counted;
        if (holds && !counted) _count(compliance, state, token, wallet);
        if (!holds && counted) _uncount(compliance, state, wallet);
    }

    function _count(address compliance, State storage state, IPermissionedToken token, address wallet) private {
        IIdentityRegistry registry = _registryOf(token);
        address identity = _personOf(registry, wallet);
        Person storage person = state.persons[identity];
        if (person.wallets == 0) {
            person.country = registry.investorCountry(wallet);
            ++state.holders;
            ++state.countries[person.country].holders;
            emit HolderAdded(compliance, identity, person.country, state.holders);
        }
        ++person.wallets;
        state.wallets[wallet] = Wallet(identity, true);
    }

    function _uncount(address compliance, State storage state, address wallet) private {
        Wallet memory entry = state.wallets[wallet];
        if (!entry.counted) return;
        delete state.wallets[wallet];
        Person storage person = state.persons[entry.person];
        --person.wallets;
        if (person.wallets != 0) return;
        --state.holders;
        --state.countries[person.country].holders;
        emit HolderRemoved(compliance, entry.person, person.country, state.holders);
    }

    /// @dev A wallet that the registry does not know counts as a person of its own.
    function _personOf(IIdentityRegistry registry, address wallet) private view returns (address) {
        address identity = registry.identity(wallet);
        return identity == address(0) ? wallet : identity;
    }
}
