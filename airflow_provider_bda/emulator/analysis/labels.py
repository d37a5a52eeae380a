"""How near a label on the page is to the name of a field: words compared, nothing learnt.

This is the whole of the stand-in's understanding. It takes "Invoice No.:" for `invoice_number` and
"Amount due" for a field whose instruction quotes that; it knows no other language and no synonyms
beyond the abbreviations below.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The nearness below which a label is not taken for a field's.
ENOUGH = 0.6

_SAME = {
    "no": "number", "nr": "number", "num": "number", "#": "number", "amt": "amount", "qty": "quantity",
    "desc": "description", "addr": "address", "acct": "account", "acc": "account", "tel": "phone",
    "telephone": "phone", "id": "identifier", "identification": "identifier", "dob": "birth", "ssn": "ssn",
    "po": "purchase order", "ytd": "year to date", "tot": "total", "pct": "percent", "%": "percent",
    "emp": "employee", "inv": "invoice", "ref": "reference", "withheld": "withheld",
}  # fmt: skip
#: Words that say nothing about which field it is.
_FILLERS = frozenset({"the", "of", "a", "an", "for", "s", "is", "in", "usd", "eur", "this", "your", "to"})
_WORDS = re.compile(r"#|%|[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_QUOTED = re.compile(r"\"([^\"]{2,60})\"|“([^”]{2,60})”|(?<!\w)'([^']{2,60})'(?!\w)")


@lru_cache(maxsize=8_192)
def words_of(label: str) -> tuple[str, ...]:
    """Answer a label's telling words, abbreviations written out, plurals cut."""
    found: list[str] = []
    for word in _WORDS.findall(_CAMEL.sub(" ", label).lower()):
        found += _SAME.get(word, word).split()
    kept = [word for word in found if word not in _FILLERS] or found
    return tuple(
        word[:-1] if len(word) > 3 and word.endswith("s") and word[-2] != "s" else word for word in kept
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a field may be called on the page.

    :param name: the words of its name.
    :param quoted: labels its instruction quotes.
    :param context: words of the blueprint's class: in an invoice, "Date" may be the `invoice_date`.
    """

    name: tuple[str, ...]
    quoted: tuple[tuple[str, ...], ...]
    context: frozenset[str]

    @classmethod
    def of(cls, name: str, schema: Mapping[str, Any], context: frozenset[str]) -> Wanted:
        """Read a field of a blueprint."""
        instruction = schema.get("instruction") or schema.get("description")
        quotes = _QUOTED.findall(instruction) if isinstance(instruction, str) else []
        quoted = tuple(words_of(next(filter(None, quote))) for quote in quotes)
        return cls(words_of(name), tuple(filter(None, quoted)), context)

    def nearness(self, label: tuple[str, ...]) -> float:
        """Answer from 0 to 1 how near a label's words are."""
        if not label:
            return 0.0
        if label in self.quoted:
            return 0.98
        by_quote = max((_nearness(label, quote, frozenset()) for quote in self.quoted), default=0.0)
        return max(_nearness(label, self.name, self.context), 0.9 * by_quote)


def _nearness(label: tuple[str, ...], name: tuple[str, ...], context: frozenset[str]) -> float:
    if label == name:
        return 1.0
    have, want = frozenset(label), frozenset(name)
    if have == want:
        return 0.95
    if want < have:  # "Total amount due (incl. tax)" for `total_amount`
        extra = len(have - want)
        return 0.9 if have - want <= context else max(0.0, 0.85 - 0.15 * extra)
    if have < want:  # "Date" for `invoice_date` in an invoice
        return 0.85 if want - have <= context else 0.75 * len(have) / len(want)
    return 0.0
