"""Where something stands on a page. Pages count from 1 here, whatever the file counts from.

BDA writes two forms: custom output has `boundingBox`, `vertices` and `page` from 1; standard output
has `bounding_box`, `polygon` and `page_index` from 0. Mixing them up puts a highlight on the wrong
page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.results.plain import integer, mapping, number, objects

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """A rectangle in fractions of the page, the origin at the upper left."""

    left: float
    top: float
    width: float
    height: float

    def to_dict(self) -> dict[str, Any]:
        """Answer plain JSON."""
        return {"left": self.left, "top": self.top, "width": self.width, "height": self.height}


@dataclass(frozen=True, slots=True)
class Point:
    """A corner in fractions of the page."""

    x: float
    y: float

    def to_dict(self) -> dict[str, Any]:
        """Answer plain JSON."""
        return {"x": self.x, "y": self.y}


@dataclass(frozen=True, slots=True)
class Geometry:
    """One place.

    :param page: the page, counted from 1; None where the file names none (images).
    :param bounding_box: the upright rectangle around it, if given whole.
    :param vertices: the corners of what may lie askew; empty if not given.
    """

    page: int | None
    bounding_box: BoundingBox | None
    vertices: tuple[Point, ...] = ()

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Geometry:
        """Read either form."""
        page = integer(raw, "page")
        if page is None and (index := integer(raw, "page_index")) is not None:
            page = index + 1
        box = mapping(raw, "boundingBox") or mapping(raw, "bounding_box")
        sides = [number(box, side) for side in ("left", "top", "width", "height")]
        whole = [side for side in sides if side is not None]
        corners = objects(raw, "vertices") or objects(raw, "polygon")
        points = ((number(corner, "x"), number(corner, "y")) for corner in corners)
        return cls(
            page=page,
            bounding_box=BoundingBox(*whole) if len(whole) == len(sides) else None,
            vertices=tuple(Point(x, y) for x, y in points if x is not None and y is not None),
        )

    def to_dict(self) -> dict[str, Any]:
        """Answer plain JSON, the page counted from 1."""
        return {
            "page": self.page,
            "bounding_box": self.bounding_box.to_dict() if self.bounding_box else None,
            "vertices": [vertex.to_dict() for vertex in self.vertices],
        }


def geometries(raw: Any, key: str) -> tuple[Geometry, ...]:
    """Read every place listed under a key."""
    return tuple(Geometry.from_dict(item) for item in objects(raw, key))
