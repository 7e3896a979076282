"""Tokens as numbers, and the terms of a report: its tokens and the pairs of tokens that were seen in training."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from severity.facts import Facts
from severity.forest_kernel import kernel

PAIRED: Final = 24  # of a report's core tokens, so many are paired: more would make a padded report slow
UNKNOWN: Final = -1
PART: Final = 50_000  # of a training's reports, so many have their pairs held at a time: those of a million take 2 GB

# Kinds of tokens, and families of terms: what the encoders keep apart.
PLACE, TYPE, WEAPON, AREA, DISTRICT, CIRCUMSTANCE, CORE_PAIR, SIDE_PAIR, PLACE_CIRCUMSTANCE, WEAPON_CIRCUMSTANCE = (
    range(10)
)
FAMILIES: Final = 10
OTHER: Final = -1
KINDS: Final = {
    "place_type": PLACE,
    "agency_place_type": PLACE,
    "incident_type": TYPE,
    "agency_incident_type": TYPE,
    "offence_code": TYPE,
    "urgency": TYPE,
    "source": TYPE,
    "weapons": WEAPON,
    "agency_weapons": WEAPON,
    "injuries": WEAPON,
    "area": AREA,
    "district": DISTRICT,
    "circumstance": CIRCUMSTANCE,
}


class Tokens(NamedTuple):
    """Tokens of n reports. Row i's are `ids[starts[i]:starts[i + 1]]`: core, then side, then single ones."""

    ids: NDArray[np.int64]  # UNKNOWN where the vocabulary lacks it
    starts: NDArray[np.int64]  # (n + 1,)
    sides: NDArray[np.int64]  # (n,) where the side tokens start
    singles: NDArray[np.int64]  # (n,) where the single ones start

    def part(self, start: int, end: int) -> "Tokens":
        """Tokens of the reports from `start` up to `end`."""
        begin = self.starts[start]
        return Tokens(
            self.ids[begin : self.starts[end]],
            self.starts[start : end + 1] - begin,
            self.sides[start:end] - begin,
            self.singles[start:end] - begin,
        )

    def parts(self, until: int) -> "Iterator[tuple[slice, Tokens]]":
        """Tokens of the reports before `until`, of at most `PART` reports at a time, and which these are."""
        for start in range(0, until, PART):
            end = min(until, start + PART)
            yield slice(start, end), self.part(start, end)


class Terms(NamedTuple):
    """Terms of n reports: row i's are `ids[starts[i]:starts[i + 1]]`; owners are places in the row's tokens."""

    ids: NDArray[np.int64]
    starts: NDArray[np.int64]  # (n + 1,)
    first: NDArray[np.int64]  # the token, or a pair's first one
    second: NDArray[np.int64]  # a pair's second token; the first again where there is no pair


class TermIndex(NamedTuple):
    """Known terms: tokens 0..v-1, then pairs. `keys` and `places` are a hash table of pairs, open addressing."""

    keys: NDArray[np.int64]  # (2 ** m,) first * 2 ** 32 + second, first <= second; -1 is free
    places: NDArray[np.int64]  # (2 ** m,) the pair's term
    kinds: NDArray[np.int64]  # (v,) kinds of the tokens
    families: NDArray[np.int64]  # (terms, 2) families of each term, OTHER where it has none


@dataclass(slots=True)
class TokenWriter:
    """Collects facts as flat arrays; with `grow`, an unseen token is given the next number."""

    vocabulary: dict[str, int]
    grow: bool = False

    def write(self, facts: Iterable[Facts]) -> tuple[Tokens, NDArray[np.float64], NDArray[np.int64]]:
        """Tokens, numbers (n, numbers) and days (n,) of reports, which are gone through once."""
        ids, starts, sides, singles, days = (array("q") for _ in range(5))
        numbers = array("d")
        starts.append(0)
        vocabulary, unknown = self.vocabulary, repeat(UNKNOWN)
        number = vocabulary.get
        for core, side, single, values, day in facts:
            row = [*core, *side, *single]
            if self.grow:
                for token in row:
                    vocabulary.setdefault(token, len(vocabulary))
            sides.append(start := starts[-1] + len(core))
            singles.append(start + len(side))
            ids.extend(map(number, row, unknown))
            starts.append(len(ids))
            numbers.extend(values)
            days.append(day)
        tokens = Tokens(_ints(ids), _ints(starts), _ints(sides), _ints(singles))
        matrix = np.frombuffer(numbers, dtype=np.float64) if numbers else np.empty(0)
        return tokens, matrix.reshape(len(days), len(numbers) // max(1, len(days))), _ints(days)


def kinds_of(vocabulary: Iterable[str]) -> NDArray[np.int64]:
    """Kind of each token, OTHER for those that no family takes."""
    return np.array([KINDS.get(token.partition(":")[0], OTHER) for token in vocabulary], dtype=np.int64)


def learn_terms(tokens: Tokens, kinds: NDArray[np.int64], least: int) -> TermIndex:
    """Index of the tokens (already numbered without gaps) and of each pair that at least `least` reports have."""
    some = (part for _, part in tokens.parts(len(tokens.sides)))
    counted = [np.unique(_pair_keys(part, _pair_room(part)), return_counts=True) for part in some]
    keys, place = np.unique(np.concatenate([keys for keys, _ in counted]), return_inverse=True)
    counts = np.bincount(place, np.concatenate([counts for _, counts in counted]), minlength=len(keys))
    keys = keys[counts >= least]
    size = 1 << max(4, int(2 * len(keys)).bit_length())
    table, places = np.full(size, -1, dtype=np.int64), np.zeros(size, dtype=np.int64)
    _fill(table, places, keys, len(kinds))
    families = np.full((len(kinds) + len(keys), 2), OTHER, dtype=np.int64)
    families[: len(kinds), 0] = kinds
    first, second = kinds[keys >> 32], kinds[keys & 0xFFFFFFFF]
    # A pair's side is what is not core: area, time and delay. Only the first of the three has a kind.
    circumstance = (first == CIRCUMSTANCE) | (second == CIRCUMSTANCE)
    sided = _sided(tokens, len(kinds))
    families[len(kinds) :, 0] = np.where(sided[keys >> 32] | sided[keys & 0xFFFFFFFF], SIDE_PAIR, CORE_PAIR)
    families[len(kinds) :, 1] = np.select(
        [circumstance & ((first == kind) | (second == kind)) for kind in (PLACE, WEAPON)],
        [PLACE_CIRCUMSTANCE, WEAPON_CIRCUMSTANCE],
        OTHER,
    )
    return TermIndex(table, places, kinds, families)


def _ints(values: "array[int]") -> NDArray[np.int64]:
    return np.frombuffer(values, dtype=np.int64) if values else np.empty(0, dtype=np.int64)


def _pair_room(tokens: Tokens) -> int:
    core = np.minimum(tokens.sides - tokens.starts[:-1], PAIRED)
    return int((core * (core - 1) // 2 + core * (tokens.singles - tokens.sides)).sum())


def _sided(tokens: Tokens, v: int) -> NDArray[np.bool_]:
    sided = np.zeros(v, dtype=np.bool_)
    place = np.arange(len(tokens.ids))
    row = np.repeat(np.arange(len(tokens.sides)), np.diff(tokens.starts))
    side = tokens.ids[(place >= tokens.sides[row]) & (place < tokens.singles[row])]
    sided[side[side >= 0]] = True
    return sided


@kernel
def _key(a: int, b: int) -> int:
    return (a << 32) | b if a <= b else (b << 32) | a


@kernel
def _slot(keys: NDArray[np.int64], key: int) -> int:
    mask = keys.shape[0] - 1
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing (Knuth, TAOCP 6.4)
    at = np.int64(mixed >> np.uint64(32)) & mask
    while keys[at] != -1 and keys[at] != key:
        at = (at + 1) & mask
    return int(at)


@kernel
def _fill(table: NDArray[np.int64], places: NDArray[np.int64], keys: NDArray[np.int64], first_place: int) -> None:
    for i in range(keys.shape[0]):
        at = _slot(table, keys[i])
        table[at] = keys[i]
        places[at] = first_place + i


@kernel
def _pair_keys(tokens: Tokens, room: int) -> NDArray[np.int64]:
    keys = np.empty(room, dtype=np.int64)
    used = 0
    for row in range(tokens.sides.shape[0]):
        start, side, single = tokens.starts[row], tokens.sides[row], tokens.singles[row]
        core_end = min(side, start + PAIRED)
        for i in range(start, core_end):
            a = tokens.ids[i]
            if a < 0:
                continue
            for j in range(i + 1, core_end):
                if tokens.ids[j] >= 0:
                    keys[used] = _key(a, tokens.ids[j])
                    used += 1
            for j in range(side, single):
                if tokens.ids[j] >= 0:
                    keys[used] = _key(a, tokens.ids[j])
                    used += 1
    return keys[:used]


@kernel
def expand(tokens: Tokens, index: TermIndex) -> Terms:
    """The known terms of each report."""
    n = tokens.sides.shape[0]
    room = tokens.ids.shape[0]
    for row in range(n):
        core = min(tokens.sides[row] - tokens.starts[row], PAIRED)
        room += core * (core - 1) // 2 + core * (tokens.singles[row] - tokens.sides[row])
    ids, first, second = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    starts = np.zeros(n + 1, np.int64)
    used = 0
    for row in range(n):
        start, side, single, end = tokens.starts[row], tokens.sides[row], tokens.singles[row], tokens.starts[row + 1]
        core_end = min(side, start + PAIRED)
        for i in range(start, end):
            if tokens.ids[i] >= 0:
                ids[used], first[used], second[used] = tokens.ids[i], i - start, i - start
                used += 1
        for i in range(start, core_end):
            a = tokens.ids[i]
            if a < 0:
                continue
            for j in range(i + 1, single):
                if core_end <= j < side or tokens.ids[j] < 0:
                    continue
                at = _slot(index.keys, _key(a, tokens.ids[j]))
                if index.keys[at] != -1:
                    ids[used], first[used], second[used] = index.places[at], i - start, j - start
                    used += 1
        starts[row + 1] = used
    return Terms(ids[:used], starts, first[:used], second[:used])
