// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

import {Governed} from "./Governed.sol";
import {MemberRegistry} from "./MemberRegistry.sol";

/// @title ListingRegistry
/// @notice What is traded where: the terms of each instrument and its listing at each venue.
/// @dev Not upgradeable, on purpose: see MemberRegistry.
contract ListingRegistry is Governed {
    uint8 public constant STANDARD_ERC3643 = 1;
    uint8 public constant STANDARD_ERC1400 = 2;

    uint8 public constant STATUS_PROPOSED = 1;
    uint8 public constant STATUS_LISTED = 2;
    uint8 public constant STATUS_HALTED = 3;
    uint8 public constant STATUS_SUSPENDED = 4;
    uint8 public constant STATUS_DELISTED = 5;

    uint8 public constant EXEMPTION_REG_D_506B = 1;
    uint8 public constant EXEMPTION_REG_D_506C = 2;
    uint8 public constant EXEMPTION_REG_A_PLUS = 3;
    uint8 public constant EXEMPTION_REG_S = 4;
    uint8 public constant EXEMPTION_REG_CF = 5;
    uint8 public constant EXEMPTION_REGISTERED = 6;

    /// @notice Bounds that keep the views readable in one call on any node.
    uint256 public constant MAX_INSTRUMENTS = 256;
    uint256 public constant MAX_LISTINGS = 2048;
    uint256 public constant MAX_TEXT_BYTES = 128;
    uint8 public constant MAX_DECIMALS = 18;

    /// @notice An instrument's terms. Prices are in units of 10^-priceDecimals of the cash token's
    /// currency, quantities in units of 10^-quantityDecimals of the token; tick and lot in those units.
    struct Terms {
        uint8 standard;
        bytes32 partition;
        address cashToken;
        uint8 priceDecimals;
        uint8 quantityDecimals;
        uint64 tickSize;
        uint64 lotSize;
        bytes32 issuer;
        string isin;
        string symbol;
        string name;
    }

    struct Instrument {
        address token;
        Terms terms;
    }

    struct Listing {
        address token;
        bytes32 venue;
        uint8 status;
        uint8 exemption;
        bytes32 evidenceHash;
    }

    MemberRegistry public immutable memberRegistry;

    address[] private _tokens;
    mapping(address token => Terms) private _terms;
    Listing[] private _listings;
    /// @dev Position in `_listings` plus one; 0 = none.
    mapping(address token => mapping(bytes32 venue => uint256)) private _listingAt;
    mapping(address token => uint256) private _listingCount;
    mapping(address token => bool) private _nettable;

    event InstrumentSet(address indexed token, Terms terms);
    event ListingSet(
        address indexed token, bytes32 indexed venue, uint8 status, uint8 exemption, bytes32 evidenceHash
    );

    /// @notice Whether trades of the token may settle net (`Settlement.settleNetted`).
    event NettingSet(address indexed token, bool allowed);

    error InvalidStandard(uint8 standard);
    error InvalidToken(address token);
    error InvalidCashToken(address cashToken);
    error InvalidTerms(string what);
    error NotAnIssuer(bytes32 id);
    /// @notice Units, standard and partition stay as they are once the instrument is listed anywhere:
    /// open orders and signed quotes are written in them.
    error TermsAreFixed(address token);
    error UnknownInstrument(address token);
    error NotAVenue(bytes32 id);
    error VenueNotActive(bytes32 id);
    error InvalidStatus(uint8 status);
    error InvalidExemption(uint8 exemption);
    error TooMany(uint256 limit);

    constructor(MemberRegistry members, address governingAdmin) Governed(governingAdmin) {
        memberRegistry = members;
    }

    /// @notice Registers an instrument, or changes its terms.
    function setInstrument(address token, Terms calldata terms) external onlyOwner {
        _checkTerms(token, terms);
        Terms storage current = _terms[token];
        if (current.standard == 0) {
            if (_tokens.length == MAX_INSTRUMENTS) revert TooMany(MAX_INSTRUMENTS);
            _tokens.push(token);
        } else if (_listingCount[token] != 0) {
            bool same = current.standard == terms.standard && current.partition == terms.partition
                && current.cashToken == terms.cashToken && current.priceDecimals == terms.priceDecimals
                && current.quantityDecimals == terms.quantityDecimals;
            if (!same) revert TermsAreFixed(token);
        }
        _terms[token] = terms;
        emit InstrumentSet(token, terms);
    }

    /// @notice Sets the listing of `token` at `venue`.
    /// @dev Only an active venue can propose or list. Any venue, whatever its status, can be halted,
    /// suspended or delisted: that is when it matters most.
    /// @param evidenceHash hash of the documents that support the exemption, kept by the venue
    function setListing(address token, bytes32 venue, uint8 status, uint8 exemption, bytes32 evidenceHash)
        external
        onlyOwner
    {
        if (_terms[token].standard == 0) revert UnknownInstrument(token);
        if (status < STATUS_PROPOSED || status > STATUS_DELISTED) revert InvalidStatus(status);
        if (exemption < EXEMPTION_REG_D_506B || exemption > EXEMPTION_REGISTERED) {
            revert InvalidExemption(exemption);
        }
        (uint8 kind, uint8 memberStatus) = memberRegistry.memberStatus(venue);
        if (kind != memberRegistry.KIND_VENUE()) revert NotAVenue(venue);
        if (status <= STATUS_LISTED && memberStatus != memberRegistry.STATUS_ACTIVE()) revert VenueNotActive(venue);

        uint256 at = _listingAt[token][venue];
        if (at == 0) {
            if (_listings.length == MAX_LISTINGS) revert TooMany(MAX_LISTINGS);
            _listings.push();
            at = _listings.length;
            _listingAt[token][venue] = at;
            ++_listingCount[token];
        }
        _listings[at - 1] = Listing(token, venue, status, exemption, evidenceHash);
        emit ListingSet(token, venue, status, exemption, evidenceHash);
    }

    /// @notice Halts trading of `token` at `venue` at once; only the owner lists it again.
    function halt(address token, bytes32 venue) external onlyGuardian {
        uint256 at = _listingAt[token][venue];
        uint8 status = at == 0 ? 0 : _listings[at - 1].status;
        if (status != STATUS_LISTED) revert InvalidStatus(status);
        Listing storage entry = _listings[at - 1];
        entry.status = STATUS_HALTED;
        emit ListingSet(token, venue, STATUS_HALTED, entry.exemption, entry.evidenceHash);
    }

    /// @notice Lets trades of `token` settle net, or no longer. Its compliance modules then see only
    /// what is left after netting, so that limits per trade and holding-period accounts no longer
    /// mean what they say: the issuer has to want it.
    function setNetting(address token, bool allowed) external onlyOwner {
        if (_terms[token].standard == 0) revert UnknownInstrument(token);
        _nettable[token] = allowed;
        emit NettingSet(token, allowed);
    }

    /// @notice Every instrument with its terms.
    function instruments() external view returns (Instrument[] memory result) {
        result = new Instrument[](_tokens.length);
        for (uint256 i = 0; i < result.length; ++i) {
            result[i] = Instrument(_tokens[i], _terms[_tokens[i]]);
        }
    }

    /// @notice Every listing, whatever its status.
    function listings() external view returns (Listing[] memory) {
        return _listings;
    }

    /// @notice One listing; status 0 when the token was never proposed at the venue.
    function listing(address token, bytes32 venue) external view returns (Listing memory result) {
        uint256 at = _listingAt[token][venue];
        if (at != 0) return _listings[at - 1];
        result.token = token;
        result.venue = venue;
    }

    /// @notice What Settlement needs to know about a leg, in one call. Status and standard 0: unknown.
    function settlementTerms(address token, bytes32 venue)
        external
        view
        returns (uint8 status, uint8 standard, bool nettable, address cashToken)
    {
        uint256 at = _listingAt[token][venue];
        if (at != 0) status = _listings[at - 1].status;
        Terms storage terms = _terms[token];
        return (status, terms.standard, _nettable[token], terms.cashToken);
    }

    /// @notice Whether trades of the token may settle net.
    function isNettable(address token) external view returns (bool) {
        return _nettable[token];
    }

    /// @notice The partition in which the token is traded; zero where it has none.
    function partitionOf(address token) external view returns (bytes32) {
        return _terms[token].partition;
    }

    function _checkTerms(address token, Terms calldata terms) private view {
        if (token.code.length == 0) revert InvalidToken(token);
        if (terms.standard != STANDARD_ERC3643 && terms.standard != STANDARD_ERC1400) {
            revert InvalidStandard(terms.standard);
        }
        if (terms.standard == STANDARD_ERC3643 && terms.partition != bytes32(0)) revert InvalidTerms("partition");
        if (terms.cashToken == token || terms.cashToken.code.length == 0) revert InvalidCashToken(terms.cashToken);
        if (terms.priceDecimals > MAX_DECIMALS) revert InvalidTerms("priceDecimals");
        if (terms.quantityDecimals > MAX_DECIMALS) revert InvalidTerms("quantityDecimals");
        if (terms.tickSize == 0) revert InvalidTerms("tickSize");
        if (terms.lotSize == 0) revert InvalidTerms("lotSize");
        // Its check digit is verified off chain; a security without an ISIN leaves it empty.
        uint256 isinLength = bytes(terms.isin).length;
        if (isinLength != 0 && isinLength != 12) revert InvalidTerms("isin");
        uint256 symbolLength = bytes(terms.symbol).length;
        if (symbolLength == 0 || symbolLength > MAX_TEXT_BYTES) revert InvalidTerms("symbol");
        if (bytes(terms.name).length > MAX_TEXT_BYTES) revert InvalidTerms("name");
        (uint8 kind,) = memberRegistry.memberStatus(terms.issuer);
        if (kind != memberRegistry.KIND_ISSUER()) revert NotAnIssuer(terms.issuer);
    }
}
