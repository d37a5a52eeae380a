"""From text on the page to a value of the blueprint's type; None when it cannot be one."""

from __future__ import annotations

import re
from typing import Any

_NUMBER = re.compile(
    r"^[(\-+]?\s*(?:[$€£¥]|USD|EUR|GBP)?\s*[-+]?(?P<digits>\d[\d,.' ]*|\.\d+)\s*(?:[$€£¥%]|USD|EUR|GBP|hrs?|CR|DR)?\)?$",
    re.IGNORECASE,
)
_TRUE = frozenset({"yes", "y", "true", "x", "☒", "☑", "✓", "checked"})
_FALSE = frozenset({"no", "n", "false", "☐", "unchecked"})
#: More than this is prose, not a value next to a label.
MAX_WORDS = 14


def value_of(text: str, wanted: str) -> Any:
    """Read a text as a string, number, integer or boolean.

    :param text: what stands beside the label.
    :param wanted: the blueprint's type.
    """
    text = text.strip(" :;|\t")
    if not text or len(text.split()) > MAX_WORDS:
        return None
    if wanted in {"number", "integer"}:
        return number_in(text)
    if wanted == "boolean":
        lower = text.lower()
        return True if lower in _TRUE else False if lower in _FALSE else None
    return text


def number_in(text: str) -> int | float | None:
    """Read an amount: `$1,234.50`, `1.234,50 €`, `(12.00)` for a negative, `8 %`."""
    match = _NUMBER.match(text.strip())
    if match is None:
        return None
    digits = match["digits"].replace(" ", "").replace("'", "").rstrip(".,")
    if "," in digits and "." in digits:
        # The later of the two marks is the decimal one.
        thousands, decimal = (",", ".") if digits.rfind(".") > digits.rfind(",") else (".", ",")
        digits = digits.replace(thousands, "").replace(decimal, ".")
    elif "," in digits:
        head, _, tail = digits.rpartition(",")
        digits = digits.replace(",", "") if len(tail) == 3 else f"{head.replace(',', '')}.{tail}"
    elif digits.count(".") > 1:
        digits = digits.replace(".", "")
    try:
        number = float(digits)
    except ValueError:
        return None
    negative = "-" in text[: match.start("digits")] or (text.strip()[0] == "(" and text.strip()[-1] == ")")
    number = -number if negative else number
    return int(number) if number.is_integer() and "." not in digits else number
