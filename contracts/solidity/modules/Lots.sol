// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

/// @notice Tokens acquired on one day (days since 1970, UTC).
struct Lot {
    uint32 day;
    uint224 amount;
}

/// @title Lots
/// @notice A wallet's lots by rising day, at most MAX of them, so that every loop has a bound.
/// @dev What makes room when a list is full never shortens a holding:
/// - lots of one day are one lot;
/// - a lot that comes with an older day than one already there joins the next younger one. Only the
///   incoming tokens wait longer, so nobody can lengthen another's holding by sending it dust;
/// - the youngest lot of all (an issue, a purchase from an affiliate) gets a place of its own, and
///   the two lots whose days lie closest become one, of the later day.
library Lots {
    uint256 internal constant MAX = 16;

    /// @dev A list in memory; worked on there and written back once.
    struct List {
        uint256 count;
        Lot[MAX] items;
    }

    function load(Lot[] storage stored) internal view returns (List memory list) {
        list.count = stored.length;
        for (uint256 i = 0; i < list.count; ++i) {
            list.items[i] = stored[i];
        }
    }

    function save(Lot[] storage stored, List memory list) internal {
        uint256 before = stored.length;
        for (uint256 i = 0; i < list.count; ++i) {
            Lot memory lot = list.items[i];
            if (i >= before) stored.push(lot);
            else if (stored[i].day != lot.day || stored[i].amount != lot.amount) stored[i] = lot;
        }
        for (uint256 i = list.count; i < before; ++i) {
            stored.pop();
        }
    }

    function add(List memory list, uint32 day, uint224 amount) internal pure {
        if (amount == 0) return;
        uint256 at = 0;
        while (at < list.count && list.items[at].day < day) ++at;
        bool isYoungest = at == list.count;
        if (!isYoungest && (list.items[at].day == day || list.count == MAX)) {
            list.items[at].amount += amount;
            return;
        }
        if (list.count == MAX) {
            _joinClosest(list);
            at = list.count;
        }
        for (uint256 i = list.count; i > at; --i) {
            list.items[i] = list.items[i - 1];
        }
        list.items[at] = Lot(day, amount);
        ++list.count;
    }

    /// @notice Takes `amount` from the oldest lots on; as much as there is.
    function takeOldest(List memory list, uint256 amount) internal pure returns (List memory taken) {
        uint256 emptied = 0;
        while (emptied < list.count && amount != 0) {
            Lot memory lot = list.items[emptied];
            uint224 part = amount < lot.amount ? uint224(amount) : lot.amount;
            taken.items[taken.count++] = Lot(lot.day, part);
            amount -= part;
            if (part < lot.amount) {
                list.items[emptied] = Lot(lot.day, lot.amount - part);
                break;
            }
            ++emptied;
        }
        dropOldest(list, emptied);
    }

    /// @notice Takes `amount` from the youngest lots on, of those acquired after `day`.
    function takeYoungest(List memory list, uint256 amount, uint32 day) internal pure returns (uint224 taken) {
        while (list.count != 0 && amount > taken) {
            Lot memory lot = list.items[list.count - 1];
            if (lot.day <= day) break;
            uint256 wanted = amount - taken;
            if (wanted < lot.amount) {
                lot.amount -= uint224(wanted);
                taken += uint224(wanted);
                break;
            }
            taken += lot.amount;
            --list.count;
        }
    }

    function dropOldest(List memory list, uint256 number) internal pure {
        if (number == 0) return;
        for (uint256 i = number; i < list.count; ++i) {
            list.items[i - number] = list.items[i];
        }
        list.count -= number;
    }

    function total(List memory list) internal pure returns (uint256 sum) {
        for (uint256 i = 0; i < list.count; ++i) {
            sum += list.items[i].amount;
        }
    }

    function _joinClosest(List memory list) private pure {
        uint256 closest = 1;
        for (uint256 i = 2; i < list.count; ++i) {
            if (list.items[i].day - list.items[i - 1].day < list.items[closest].day - list.items[closest - 1].day) {
                closest = i;
            }
        }
        list.items[closest].amount += list.items[closest - 1].amount;
        for (uint256 i = closest; i < list.count; ++i) {
            list.items[i - 1] = list.items[i];
        }
        --list.count;
    }
}
