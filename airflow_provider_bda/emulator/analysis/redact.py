"""Finds sensitive data by its form and masks it: addresses of mail, numbers that check out.

Simple and honest: what has no form of its own (names, postal addresses, ages) is not found, so
nothing here proves that a document is clean. The service uses a model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_bda.emulator.analysis.model import Cell, Line, Page, ReadDocument, Word, box_around

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bda.emulator.analysis.project import Sensitive


class Entity(NamedTuple):
    """One find."""

    type: str
    start: int
    end: int
    text: str


def _luhn(text: str) -> bool:
    digits = [int(digit) for digit in text if digit.isdigit()][::-1]
    total = sum(digits[0::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return 13 <= len(digits) <= 19 and total % 10 == 0


def _iban(text: str) -> bool:
    bare = text.replace(" ", "")
    return int("".join(str(int(letter, 36)) for letter in bare[4:] + bare[:4])) % 97 == 1


def _ipv4(text: str) -> bool:
    return all(int(number) < 256 for number in text.split("."))


_DETECTORS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool] | None], ...] = (
    ("EMAIL", re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), None),
    ("URL", re.compile(r"(?:https?://|www\.)[^\s<>\"]+[^\s<>\".,;:)]"), None),
    ("US_SOCIAL_SECURITY_NUMBER", re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"), None),
    ("CREDIT_DEBIT_CARD_NUMBER", re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])"), _luhn),
    ("INTERNATIONAL_BANK_ACCOUNT_NUMBER", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), _iban),
    ("IP_ADDRESS", re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"), _ipv4),
    ("MAC_ADDRESS", re.compile(r"\b[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}\b"), None),
    ("AWS_ACCESS_KEY", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), None),
    (
        "PHONE",
        re.compile(
            r"(?<![\w-])(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-])"
            r"|(?<!\w)\+\d{1,3}(?:[ .-]?\d{2,4}){2,4}(?![\w-])"
        ),
        None,
    ),
)  # fmt: skip

#: The members of a standard output that hold text of the document; ids, paths and enums are none.
TEXT_MEMBERS = frozenset(
    {"text", "markdown", "html", "csv", "summary", "description", "title", "headers", "footers", "content"}
)


def entities_in(text: str, policy: Sensitive) -> list[Entity]:
    """Find sensitive data in a text, in its order, none overlapping."""
    found = [
        Entity(kind, match.start(), match.end(), match.group())
        for kind, pattern, check in _DETECTORS
        if policy.types is None or kind in policy.types
        for match in pattern.finditer(text)
        if check is None or check(match.group())
    ]
    kept: list[Entity] = []
    for entity in sorted(found, key=lambda entity: (entity.start, -entity.end)):
        if not kept or entity.start >= kept[-1].end:
            kept.append(entity)
    return kept


def mask(kind: str, policy: Sensitive) -> str:
    """Name what stands in a find's place."""
    return f"[{kind}]" if policy.by_type else "[PII]"


def masked(text: str, policy: Sensitive) -> str:
    """Mask a text."""
    for entity in reversed(entities_in(text, policy)):
        text = text[: entity.start] + mask(entity.type, policy) + text[entity.end :]
    return text


def masked_everywhere(value: Any, policy: Sensitive) -> Any:
    """Mask every string in a JSON value."""
    if isinstance(value, str):
        return masked(value, policy)
    if isinstance(value, Mapping):
        return {name: masked_everywhere(child, policy) for name, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked_everywhere(child, policy) for child in value]
    return value


def masked_members(value: Any, policy: Sensitive) -> Any:
    """Mask the members of a standard output that hold text, and no others."""
    if isinstance(value, Mapping):
        return {
            name: masked_everywhere(child, policy)
            if name in TEXT_MEMBERS and not isinstance(child, Mapping)
            else masked_members(child, policy)
            for name, child in value.items()
        }
    return [masked_members(child, policy) for child in value] if isinstance(value, (list, tuple)) else value


def masked_document(document: ReadDocument, policy: Sensitive) -> ReadDocument:
    """Mask what was read, cell by cell, so that no word of a masked number is left anywhere."""
    pages = tuple(
        Page(page.index, page.width, page.height, tuple(_line(line, policy) for line in page.lines))
        for page in document.pages
    )
    return ReadDocument(document.modality, document.format, pages, document.info)


def detections(text: str, policy: Sensitive, *, redacted: bool) -> list[dict[str, Any]]:
    """List the finds in a text as the service does; of the redacted twin with masks and its offsets."""
    listed: list[dict[str, Any]] = []
    shift = 0
    for index, entity in enumerate(entities_in(text, policy)):
        content = mask(entity.type, policy) if redacted else entity.text
        start = entity.start + shift
        shift += len(content) - len(entity.text)
        listed.append(
            {
                "index": index,
                "entity_type": entity.type,
                "content": content,
                "start_character_offset": start,
                "end_character_offset": start + len(content),
            }
        )
    return listed


def _line(line: Line, policy: Sensitive) -> Line:
    cells = tuple(_cell(cell, policy) for cell in line.cells)
    return Line(" ".join(cell.text for cell in cells), cells, line.box)


def _cell(cell: Cell, policy: Sensitive) -> Cell:
    text = " ".join(word.text for word in cell.words)
    finds = entities_in(text, policy)
    if not finds:
        return cell
    words: list[Word] = []
    at = 0
    hidden: tuple[Entity, int] | None = None
    for word in cell.words:
        start, end = at, at + len(word.text)
        at = end + 1
        find = next((find for find in finds if find.start < end and find.end > start), None)
        if find is None:
            words.append(word)
        elif hidden is not None and hidden[0] is find:
            # Another word of the same find: its mask stands already and grows.
            tail = word.text[max(0, find.end - start) :]
            words[-1] = Word(words[-1].text + tail, box_around([words[-1].box, word.box]))
        else:
            head = word.text[: max(0, find.start - start)]
            tail = word.text[find.end - start :] if find.end < end else ""
            words.append(Word(head + mask(find.type, policy) + masked(tail, policy), word.box))
            hidden = (find, start)
    return Cell(" ".join(word.text for word in words), tuple(words), cell.box)
