"""Results held against ground truth, field by field: how many values are right, wrong, missing or made up. Pure.

Names, counts and shares only: no value is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.evaluation.rules import rule_for

if TYPE_CHECKING:
    from airflow_provider_bda.evaluation.rules import Rule

METRICS = ("precision", "recall", "f1", "accuracy")
#: Mistakes that are told one by one.
_MOST_MISTAKES = 500
#: Entries of a list that are matched with each other; longer ones go by their order.
_MATCHED = 200


@dataclass(slots=True)
class Count:
    """What became of one field's values.

    :param right: found, and alike.
    :param wrong: found, and not alike.
    :param missing: not found.
    :param spurious: found where there is none.
    :param empty: rightly not found.
    """

    right: int = 0
    wrong: int = 0
    missing: int = 0
    spurious: int = 0
    empty: int = 0

    def to_json(self) -> dict[str, Any]:
        """Answer counts and measures; a wrong value is both one too many and one too few.

        A measure is None where there is nothing to divide by.
        """
        precision = _share(self.right, self.right + self.wrong + self.spurious)
        recall = _share(self.right, self.right + self.wrong + self.missing)
        twice = 2 * self.right + 2 * self.wrong + self.spurious + self.missing
        every = self.right + self.wrong + self.missing + self.spurious + self.empty
        return {
            "values": self.right + self.wrong + self.missing,
            "right": self.right,
            "wrong": self.wrong,
            "missing": self.missing,
            "spurious": self.spurious,
            "precision": precision,
            "recall": recall,
            "f1": _share(2 * self.right, twice),
            "accuracy": _share(self.right + self.empty, every),
        }


@dataclass(slots=True)
class Scores:
    """Adds up documents as they pass by.

    :param rules: by field's path (``lines[].amount``) how it is compared; the others by what the truth is.
    """

    rules: Mapping[str, Rule] = field(default_factory=dict)
    documents: int = 0
    #: Documents of the truth of which there is no result.
    absent: int = 0
    counts: dict[str, Count] = field(default_factory=dict)
    mistakes: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self, document: str, segment: int, found: Mapping[str, Any] | None, true: Mapping[str, Any]
    ) -> None:
        """Hold a segment against the truth. Only fields that the truth names count: an empty one must be empty.

        :param found: what was extracted; None if there is no result.
        """
        self.documents += 1
        self.absent += found is None
        for name, value in true.items():
            self._hold((document, segment), name, (found or {}).get(name), value)

    def to_json(self) -> dict[str, Any]:
        """Answer overall and by field; overall every value counts alike."""
        overall = Count()
        for count in self.counts.values():
            for name in ("right", "wrong", "missing", "spurious", "empty"):
                setattr(overall, name, getattr(overall, name) + getattr(count, name))
        return {
            "documents": self.documents,
            "absent": self.absent,
            "overall": overall.to_json(),
            "fields": {name: count.to_json() for name, count in sorted(self.counts.items())},
        }

    def _hold(self, place: tuple[str, int], path: str, found: Any, true: Any) -> None:
        if isinstance(true, Mapping) and true:
            given = found if isinstance(found, Mapping) else {}
            for name, value in true.items():
                self._hold(place, f"{path}.{name}", given.get(name), value)
        elif true == {} and isinstance(found, Mapping):
            self._spurious(place, path, found)
        elif isinstance(true, list) and (true or isinstance(found, list)):
            entries = found if isinstance(found, list) else []
            for one, other in self._pairs(f"{path}[]", entries, true):
                if other is not None:
                    self._hold(place, f"{path}[]", one, other)
                else:
                    self._spurious(place, f"{path}[]", one)
        else:
            self._count(place, path, found, true)

    def _count(self, place: tuple[str, int], path: str, found: Any, true: Any) -> None:
        count = self.counts.setdefault(path, Count())
        lacks, asks = _is_empty(found), not _is_empty(true)
        if lacks and not asks:
            count.empty += 1
            return
        what = "missing" if lacks else "wrong" if asks else "spurious"
        if what == "wrong" and self._alike(path, found, true):
            count.right += 1
            return
        setattr(count, what, getattr(count, what) + 1)
        if len(self.mistakes) < _MOST_MISTAKES:
            self.mistakes.append({"document": place[0], "segment": place[1], "field": path, "what": what})

    def _spurious(self, place: tuple[str, int], path: str, found: Any) -> None:
        if isinstance(found, Mapping):
            for name, value in found.items():
                self._spurious(place, f"{path}.{name}", value)
        elif isinstance(found, list):
            for value in found:
                self._spurious(place, f"{path}[]", value)
        elif not _is_empty(found):
            self._count(place, path, found, None)

    def _alike(self, path: str, found: Any, true: Any) -> bool:
        return (self.rules.get(path) or rule_for(true)).alike(found, true)

    def _pairs(self, path: str, found: list[Any], true: list[Any]) -> list[tuple[Any, Any]]:
        """Pair the entries of two lists: those most alike first, so that a row left out shifts no other."""
        if max(len(found), len(true)) > _MATCHED:
            most = max(len(found), len(true))
            return [(_at(found, number), _at(true, number)) for number in range(most)]
        ranked = sorted(
            (
                (-self._likeness(path, one, other), abs(i - j), i, j)
                for i, one in enumerate(found)
                for j, other in enumerate(true)
            ),
        )
        left, right = set(range(len(found))), set(range(len(true)))
        pairs: dict[int, int] = {}
        for _, _, i, j in ranked:
            if i in left and j in right:
                pairs[j] = i
                left.discard(i)
                right.discard(j)
        told = [(found[pairs[j]] if j in pairs else None, entry) for j, entry in enumerate(true)]
        return told + [(found[i], None) for i in sorted(left)]

    def _likeness(self, path: str, found: Any, true: Any) -> int:
        if isinstance(true, Mapping):
            given = found if isinstance(found, Mapping) else {}
            return sum(
                not _is_empty(given.get(name))
                and not _is_empty(value)
                and self._alike(f"{path}.{name}", given.get(name), value)
                for name, value in true.items()
                if not isinstance(value, Mapping | list)
            )
        return int(
            not isinstance(true, list)
            and not _is_empty(found)
            and not _is_empty(true)
            and self._alike(path, found, true)
        )


def compared(candidate: Mapping[str, Any], baseline: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """Answer by how much the candidate is better than the baseline, overall and by field; negative is worse.

    A field that only one of them has is left out: it is None in the other.
    """
    names = candidate["fields"].keys() & baseline["fields"].keys()
    return {
        "overall": _difference(candidate["overall"], baseline["overall"], metric),
        "fields": {
            name: _difference(candidate["fields"][name], baseline["fields"][name], metric)
            for name in sorted(names)
        },
    }


def _difference(one: Mapping[str, Any], other: Mapping[str, Any], metric: str) -> float | None:
    if one[metric] is None or other[metric] is None:
        return None
    return round(float(one[metric]) - float(other[metric]), 6)


def _is_empty(value: Any) -> bool:
    """Tell whether there is nothing: the service writes "" in every member of an object that it did not find."""
    if isinstance(value, Mapping):
        return all(map(_is_empty, value.values()))
    return all(map(_is_empty, value)) if isinstance(value, list) else value in (None, "")


def _at(entries: list[Any], number: int) -> Any:
    return entries[number] if number < len(entries) else None


def _share(part: int, of: int) -> float | None:
    return round(part / of, 6) if of else None
