// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {ComplianceModule} from "./ComplianceModule.sol";

/// @title JurisdictionModule
/// @notice In which countries (ISO 3166-1 numeric) investors may receive the token: only those
/// listed, or all but those listed. Serves Regulation S's offshore condition (17 CFR 230.903(a)) as
/// a list of what is refused, and a local offering as a list of what is allowed.
/// @dev The country is the one under which the identity registry holds the wallet.
/// Code: `COUNTRY_REFUSED` (detail: the country).
contract JurisdictionModule is ComplianceModule {
    bytes32 internal constant COUNTRY_REFUSED = "COUNTRY_REFUSED";
    uint256 public constant MAX_COUNTRIES_PER_CALL = 250;
    uint16 internal constant LAST_COUNTRY = 999;
    uint256 internal constant WORDS = 4;

    struct State {
        bool configured;
        bool allowsListed;
        /// One bit a country.
        uint256[WORDS] listed;
    }

    mapping(address compliance => mapping(uint256 epoch => State)) private _states;

    event ModeSet(address indexed compliance, bool allowsListed);
    event CountrySet(address indexed compliance, uint16 indexed country, bool listed);

    error InvalidCountry(uint16 country);
    error TooMany(uint256 limit);

    /// @param allowsListed true: only listed countries may receive; false: all but them
    function setMode(bool allowsListed) external {
        State storage state = _states[msg.sender][_boundEpoch()];
        (state.configured, state.allowsListed) = (true, allowsListed);
        emit ModeSet(msg.sender, allowsListed);
    }

    function setCountries(uint16[] calldata countries, bool listed) external {
        State storage state = _states[msg.sender][_boundEpoch()];
        if (countries.length > MAX_COUNTRIES_PER_CALL) revert TooMany(MAX_COUNTRIES_PER_CALL);
        for (uint256 i = 0; i < countries.length; ++i) {
            uint16 country = countries[i];
            if (country == 0 || country > LAST_COUNTRY) revert InvalidCountry(country);
            uint256 bit = 1 << (country & 0xff);
            if (listed) state.listed[country >> 8] |= bit;
            else state.listed[country >> 8] &= ~bit;
            emit CountrySet(msg.sender, country, listed);
        }
    }

    function name() external pure returns (string memory) {
        return "JurisdictionModule";
    }

    function isListed(address compliance, uint16 country) external view returns (bool) {
        return _isListed(_states[compliance][_epochOf(compliance)], country);
    }

    function _reason(Question memory asked) internal view override returns (bytes32, uint256) {
        State storage state = _states[asked.compliance][asked.epoch];
        if (!state.configured) return (NOT_CONFIGURED, 0);
        if (asked.to == address(0)) return (ALLOWED, 0);
        uint16 country = _registryOf(_tokenOf(asked.compliance)).investorCountry(asked.to);
        if (_isListed(state, country) == state.allowsListed) return (ALLOWED, 0);
        return (COUNTRY_REFUSED, country);
    }

    /// @dev 0, a wallet without a country, is in no list.
    function _isListed(State storage state, uint16 country) private view returns (bool) {
        if (country > LAST_COUNTRY) return false;
        return state.listed[country >> 8] & (1 << (country & 0xff)) != 0;
    }
}
