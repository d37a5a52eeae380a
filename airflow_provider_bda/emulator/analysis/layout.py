"""From words with places to lines, and from lines to cells.

Readers give words; everything later works on lines cut into cells where the gaps are wide, because
that is where labels end and values begin. Two columns of prose share lines here; labels and tables
are what matters.
"""

from __future__ import annotations

from itertools import pairwise

from airflow_provider_bda.emulator.analysis.model import Cell, Line, Word, box_around

#: A gap wider than this many line heights starts a new cell; words of a sentence stand about 0.3 apart.
CELL_GAP = 0.85
#: Words whose middles differ by less than this share of their height stand on one line.
SAME_LINE = 0.4


def lines_of(words: list[Word], aspect: float = 1.0) -> tuple[Line, ...]:
    """Group the words of one page into lines, top to bottom.

    :param words: in any order.
    :param aspect: the page's height divided by its width: boxes are fractions of different sides,
        and a gap across is compared with a height.
    """
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda word: word.box.middle):
        if rows and _on_line(rows[-1], word):
            rows[-1].append(word)
        else:
            rows.append([word])
    return tuple(line_of(sorted(row, key=lambda word: word.box.left), aspect) for row in rows)


def line_of(words: list[Word], aspect: float = 1.0) -> Line:
    """Make a line of words that run left to right."""
    cells: list[list[Word]] = [[words[0]]]
    for before, word in pairwise(words):
        gap = word.box.left - before.box.right
        if gap > CELL_GAP * aspect * max(word.box.height, before.box.height):
            cells.append([word])
        else:
            cells[-1].append(word)
    made = tuple(cell_of(cell) for cell in cells)
    return Line(" ".join(cell.text for cell in made), made, box_around([word.box for word in words]))


def cell_of(words: list[Word]) -> Cell:
    """Make a cell of words that run left to right."""
    return Cell(" ".join(word.text for word in words), tuple(words), box_around([word.box for word in words]))


def _on_line(row: list[Word], word: Word) -> bool:
    # Against the last word, not the first: a scanned line may slope.
    last = row[-1].box
    return abs(last.middle - word.box.middle) < SAME_LINE * min(last.height, word.box.height)
