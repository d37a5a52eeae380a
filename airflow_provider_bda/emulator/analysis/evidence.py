"""What was found, with the places it was found at, written the two ways BDA writes it.

`inference_result` has the values, `explainability_info` the same tree with confidence and geometry.
Geometry counts pages from 1; everything before this module counts from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_bda.emulator.analysis.model import Box, box_around

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_bda.emulator.analysis.model import ReadDocument, Word
    from airflow_provider_bda.emulator.analysis.schema import FieldShape


@dataclass(frozen=True, slots=True)
class Found:
    """A leaf.

    :param places: (page index from 0, box) of what was read.
    """

    value: Any
    type: str = "string"
    confidence: float = 0.0
    places: tuple[tuple[int, Box], ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing was found."""
        return self.value in ("", None)


Tree: TypeAlias = "Found | dict[str, Tree] | list[Tree]"


def place(page: int, words: Iterable[Word]) -> tuple[tuple[int, Box], ...]:
    """Answer the place of words on one page."""
    boxes = [word.box for word in words]
    return ((page, box_around(boxes)),) if boxes else ()


def missing(shape: FieldShape) -> Tree:
    """Answer what stands for a field that was not found."""
    if shape.type == "object":
        return {child.name: missing(child) for child in shape.children}
    return [] if shape.type == "array" else Found("", shape.type)


def values_in(tree: Tree) -> Any:
    """Write the tree as an ``inference_result``."""
    if isinstance(tree, dict):
        return {name: values_in(child) for name, child in tree.items()}
    if isinstance(tree, list):
        return [values_in(child) for child in tree]
    return tree.value


def explained(tree: Tree) -> Any:
    """Write the tree as the first entry of ``explainability_info``."""
    if isinstance(tree, dict):
        return {name: explained(child) for name, child in tree.items()}
    if isinstance(tree, list):
        return [explained(child) for child in tree]
    # A field that was not found has neither geometry nor success.
    proof: dict[str, Any] = {} if tree.empty else {"success": True}
    if tree.places:
        proof["geometry"] = [_geometry(page, box) for page, box in tree.places]
    return {**proof, "confidence": round(tree.confidence, 4), "type": tree.type, "value": tree.value}


def _geometry(page: int, box: Box) -> dict[str, Any]:
    corners = (
        (box.left, box.top),
        (box.right, box.top),
        (box.right, box.bottom),
        (box.left, box.bottom),
    )
    return {
        "boundingBox": {"top": box.top, "left": box.left, "width": box.width, "height": box.height},
        "vertices": [{"x": x, "y": y} for x, y in corners],
        "page": page + 1,
    }


def located(value: Any, document: ReadDocument) -> Tree:
    """Turn given values into a tree, with the places their words stand at, if they do.

    For values that come from a fixture or a callable: sure of the value, which may yet stand
    nowhere on the page.
    """
    if isinstance(value, dict):
        return {str(name): located(child, document) for name, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [located(child, document) for child in value]
    if value in ("", None):
        return Found("" if value is None else value)
    kind = "boolean" if isinstance(value, bool) else "number" if isinstance(value, (int, float)) else "string"
    return Found(value, kind, 1.0, _find(value, document))


def _find(value: Any, document: ReadDocument) -> tuple[tuple[int, Box], ...]:
    if isinstance(value, bool):
        return ()
    wanted = [_bare(word) for word in _written(value)]
    for page in document.pages:
        for line in page.lines:
            words = line.words
            texts = [_bare(word.text) for word in words]
            for start in range(len(texts) - len(wanted) + 1):
                if texts[start : start + len(wanted)] == wanted:
                    return place(page.index, words[start : start + len(wanted)])
    return ()


def _written(value: Any) -> list[str]:
    if isinstance(value, float):
        return [f"{value:.2f}"]
    return str(value).split()


def _bare(word: str) -> str:
    return word.strip("$€£()[]:;,.").replace(",", "").lower()
