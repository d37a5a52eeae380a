"""The stand-in for extraction: labels matched to field names, values taken from beside or below.

It finds "Label: value", a value right of its label or under it, and rows of a table whose heads are
named like the fields. Nothing else: no prose, no letterheads, no `inferred` fields. What it does not
find stays empty with confidence 0. It exercises Dags; it says nothing about BDA's quality.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_bda.emulator.analysis.candidates import Label, Value, labels_in, lines_under
from airflow_provider_bda.emulator.analysis.evidence import Found, Tree, missing, place
from airflow_provider_bda.emulator.analysis.labels import ENOUGH, Wanted, words_of
from airflow_provider_bda.emulator.analysis.schema import FieldShape, fields_of
from airflow_provider_bda.emulator.analysis.tables import Table, table_below
from airflow_provider_bda.emulator.analysis.values import value_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from airflow_provider_bda.emulator.analysis.model import Page, ReadDocument

#: The lines of a page in which its kind is looked for.
_TITLE_LINES = 8
_ADDRESS_LINES = 3


@dataclass(frozen=True, slots=True)
class Extraction:
    """What the stand-in made of a document for one blueprint.

    :param tree: every field of the blueprint, found or empty.
    :param found: how many of the fields looked for were found.
    :param sought: how many were looked for.
    :param titled: whether the document calls itself what the blueprint's class says.
    :param tabled: whether a table of several rows has the columns the blueprint's rows have.
    """

    tree: dict[str, Tree]
    found: int
    sought: int
    titled: bool
    tabled: bool

    @property
    def match(self) -> float:
        """Answer from 0 to 1 how well the blueprint fits; 0 when it does not."""
        share = self.found / self.sought if self.sought else 0.0
        fits = (self.found >= 2 and share >= 0.3) or (self.titled and self.found >= 1) or self.tabled
        return min(1.0, share + 0.25 * (self.titled + self.tabled)) if fits else 0.0


class _Bid(NamedTuple):
    score: float
    order: int
    shape: FieldShape
    label: Label
    value: Value
    read: Any


def extract(document: ReadDocument, schema: Mapping[str, Any] | None) -> Extraction:
    """Look for every field of a blueprint.

    :param document: what was read.
    :param schema: the blueprint's schema; without one nothing is looked for.
    """
    shapes = fields_of(schema)
    klass = words_of(str((schema or {}).get("class") or ""))
    tree: dict[str, Tree] = {shape.name: missing(shape) for shape in shapes}
    leaves = [leaf for shape in shapes for leaf in shape.leaves() if not leaf.inferred]

    found, tabled = 0, False
    taken: set[tuple[int, int]] = set()
    for shape in leaves:
        if shape.type == "array" and shape.children:
            rows, lines = _rows(document, shape)
            taken |= lines
            if rows:
                _put(tree, shape, rows)
                found += 1
                tabled = tabled or _is_telling(rows)
    scalars = [leaf for leaf in leaves if leaf.type != "array" or not leaf.children]
    for bid in _bids(document, scalars, frozenset(klass), taken):
        _put(tree, bid.shape, _leaf(document, bid))
        found += 1
    return Extraction(tree, found, len(leaves), _titled(document, klass), tabled)


def _bids(
    document: ReadDocument,
    shapes: Sequence[FieldShape],
    context: frozenset[str],
    taken: set[tuple[int, int]],
) -> list[_Bid]:
    """Give each field the label nearest to its name, each label and each value to one field only."""
    by_word: dict[str, list[tuple[FieldShape, Wanted]]] = defaultdict(list)
    for shape in shapes:
        parents = frozenset(word for name in shape.path[:-1] for word in words_of(name))
        wanted = Wanted.of(shape.name, shape.raw, context | parents)
        for word in {*wanted.name, *(word for quote in wanted.quoted for word in quote)}:
            by_word[word].append((shape, wanted))

    bids: list[_Bid] = []
    for order, label in enumerate(labels_in(document)):
        if (label.page, label.line) in taken:
            continue
        rivals = {
            shape.path: (shape, wanted) for word in label.words for shape, wanted in by_word.get(word, ())
        }
        for shape, wanted in rivals.values():
            if (near := wanted.nearness(label.words)) >= label.needs:
                bids += _bid(near, order, shape, label)
    won: dict[tuple[str, ...], _Bid] = {}
    used: set[object] = set()
    for bid in sorted(bids, key=lambda bid: (-bid.score, bid.order, len(bid.shape.path))):
        keys = {(bid.label.page, bid.label.line, bid.label.words), (bid.label.page, bid.value.words[0].box)}
        if bid.shape.path not in won and not keys & used:
            won[bid.shape.path] = bid
            used |= keys
    return list(won.values())


def _bid(near: float, order: int, shape: FieldShape, label: Label) -> list[_Bid]:
    for value in label.values:
        read = value_of(value.text, "string" if shape.type == "array" else shape.type)
        if read is not None:
            return [_Bid(near * value.trust, order, shape, label, value, read)]
    return []


def _leaf(document: ReadDocument, bid: _Bid) -> Tree:
    words = list(bid.value.words)
    read = bid.read
    if bid.shape.type == "array":
        return [
            Found(part.strip(), "string", bid.score, place(bid.label.page, words)) for part in read.split(",")
        ]
    if bid.shape.type == "string" and "address" in words_of(bid.shape.name):
        page = _page(document, bid.label.page)
        line = next(line for line in page.lines if words[0] in line.words)
        for cell in lines_under(page, line, words[0], _ADDRESS_LINES):
            words += cell.words
        read = " ".join(word.text for word in words)
    return Found(read, bid.shape.type, bid.score, place(bid.label.page, words))


def _rows(document: ReadDocument, shape: FieldShape) -> tuple[list[Tree], set[tuple[int, int]]]:
    """Read the rows of every table whose heads are named like the row's fields."""
    rows: list[Tree] = []
    lines: set[tuple[int, int]] = set()
    context = frozenset(words_of(shape.name))
    wanted = [(child, Wanted.of(child.name, child.raw, context)) for child in shape.children]
    need = max(1 if len(wanted) == 1 else 2, (len(wanted) + 1) // 2)
    for page in document.pages:
        past = -1
        for at in range(len(page.lines)):
            columns = _columns(page, at, wanted) if at > past else {}
            table = table_below(page, at) if len(columns) >= need else None
            if table is not None:
                rows += [_row(table, cells, columns, shape) for cells in table.rows]
                past = table.last
                lines |= {(page.index, index) for index in range(table.first, table.last + 1)}
    return rows, lines


def _columns(page: Page, at: int, wanted: list[tuple[FieldShape, Wanted]]) -> dict[str, tuple[int, float]]:
    """Match the cells of a line to the fields of a row: column and nearness by field."""
    cells = page.lines[at].cells
    if len(cells) < min(2, len(wanted)):
        return {}
    near = sorted(
        (
            (score, child.name, column)
            for column, cell in enumerate(cells)
            for child, want in wanted
            if (score := want.nearness(words_of(cell.text))) >= ENOUGH
        ),
        key=lambda entry: -entry[0],
    )
    columns: dict[str, tuple[int, float]] = {}
    for score, name, column in near:
        if name not in columns and column not in {used for used, _ in columns.values()}:
            columns[name] = (column, score)
    return columns


def _row(
    table: Table, cells: Sequence[Any], columns: Mapping[str, tuple[int, float]], shape: FieldShape
) -> Tree:
    row: dict[str, Tree] = {}
    for child in shape.children:
        column, score = columns.get(child.name, (None, 0.0))
        cell = cells[column] if column is not None else None
        read = value_of(cell.text, child.type) if cell is not None else None
        if cell is None or read is None:
            row[child.name] = missing(child)
        else:
            row[child.name] = Found(read, child.type, 0.95 * score, place(table.page, cell.words))
    return row


def _put(tree: dict[str, Tree], shape: FieldShape, value: Tree) -> None:
    *parents, name = shape.path
    for parent in parents:
        inner = tree[parent]
        if not isinstance(inner, dict):
            return
        tree = inner
    tree[name] = value


def _is_telling(rows: Sequence[Tree]) -> bool:
    """Tell a table of three rows and three columns or more from a chance likeness."""
    columns = {
        name for row in rows if isinstance(row, dict) for name, leaf in row.items() if not _empty(leaf)
    }
    return len(rows) >= 3 and len(columns) >= 3


def _empty(leaf: Tree) -> bool:
    return isinstance(leaf, Found) and leaf.empty


def _titled(document: ReadDocument, klass: tuple[str, ...]) -> bool:
    if not klass or not document.pages:
        return False
    cells = (cell.text for line in document.pages[0].lines[:_TITLE_LINES] for cell in line.cells)
    titles = (words_of(text) for text in cells if ":" not in text)
    return any(set(klass) <= set(title) and len(title) <= len(klass) + 1 for title in titles)


def _page(document: ReadDocument, index: int) -> Page:
    return next(page for page in document.pages if page.index == index)
