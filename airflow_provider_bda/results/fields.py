"""The fields a blueprint asked for, each with its value, its confidence and where it was found.

`inference_result` holds values only and `explainability_info` repeats them with evidence, in the
same nested shape; the two are laid over each other here. A field may have either alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from airflow_provider_bda.results.errors import ResultsError
from airflow_provider_bda.results.geometry import Geometry, geometries
from airflow_provider_bda.results.plain import boolean, number, plain, text

_MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class Field:
    """One leaf of what was extracted.

    :param path: dotted, with indices for lists: ``account_summary[0].summary_amount``.
    :param value: as the service wrote it; often an empty string where nothing was found.
    :param confidence: from 0 to 1; None where the service gives no evidence (all but documents).
    :param type: the blueprint's type, e.g. ``string``.
    :param success: the service's own flag; None where it is left out, as for fields not found.
    :param geometry: where it was read; empty where it was inferred or not found.
    """

    path: str
    #: Not in the repr: that ends up in logs, and what stands in a document is private.
    value: Any = field(repr=False)
    confidence: float | None = None
    type: str | None = None
    success: bool | None = None
    geometry: tuple[Geometry, ...] = ()

    @property
    def found(self) -> bool:
        """Whether there is a value; zero and False are values."""
        return self.value not in (None, "", [], {})

    @property
    def pages(self) -> tuple[int, ...]:
        """The pages it was read from, counted from 1."""
        return tuple(sorted({place.page for place in self.geometry if place.page is not None}))

    def to_dict(self) -> dict[str, Any]:
        """Answer plain JSON."""
        return {
            "path": self.path,
            "value": plain(self.value),
            "confidence": self.confidence,
            "type": self.type,
            "success": self.success,
            "geometry": [place.to_dict() for place in self.geometry],
        }


#: Fields in the shape of the result: objects as dicts, lists as lists, leaves as :class:`Field`.
FieldTree: TypeAlias = "Field | dict[str, FieldTree] | list[FieldTree]"


def field_tree(values: Any, evidence: Any) -> dict[str, FieldTree]:
    """Lay evidence over values.

    :param values: the ``inference_result``.
    :param evidence: the first entry of ``explainability_info``; anything else counts as none.
    :raises ResultsError: when they are nested too deeply.
    """
    try:
        tree = _tree(
            "",
            values if isinstance(values, Mapping) else {},
            evidence if isinstance(evidence, Mapping) else {},
            top=True,
        )
    except RecursionError:
        raise ResultsError("the custom output is nested too deeply") from None
    return tree if isinstance(tree, dict) else {}


def flatten(tree: FieldTree) -> dict[str, Field]:
    """Answer every leaf by its path, in the result's order."""
    flat: dict[str, Field] = {}
    waiting: list[FieldTree] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Field):
            flat[node.path] = node
        else:
            waiting.extend(reversed(list(node.values() if isinstance(node, dict) else node)))
    return flat


def _tree(path: str, value: Any, evidence: Any, *, top: bool = False) -> FieldTree:
    if not top and _is_leaf(evidence):
        return _field(path, value, evidence)
    if isinstance(value, Mapping) or (value is _MISSING and isinstance(evidence, Mapping)):
        left: Mapping[Any, Any] = value if isinstance(value, Mapping) else {}
        right: Mapping[Any, Any] = evidence if isinstance(evidence, Mapping) else {}
        keys = [*left, *(key for key in right if key not in left)]
        if keys or top:
            return {
                str(key): _tree(
                    f"{path}.{key}" if path else str(key),
                    left.get(key, _MISSING),
                    right.get(key, _MISSING),
                )
                for key in keys
            }
    elif _is_list(value) or (value is _MISSING and _is_list(evidence)):
        entries = value if _is_list(value) else ()
        proofs = evidence if _is_list(evidence) else ()
        if length := max(len(entries), len(proofs)):
            return [
                _tree(f"{path}[{index}]", _entry(entries, index), _entry(proofs, index))
                for index in range(length)
            ]
    return _field(path, value, evidence)


def _field(path: str, value: Any, evidence: Any) -> Field:
    proof = evidence if isinstance(evidence, Mapping) else {}
    return Field(
        path=path,
        value=plain(proof.get("value") if value is _MISSING else value),
        confidence=number(proof, "confidence"),
        type=text(proof, "type"),
        success=boolean(proof, "success"),
        geometry=geometries(proof, "geometry"),
    )


def _is_leaf(evidence: Any) -> bool:
    """Tell evidence of one field from an object of fields, whose names may be `type` or `value`."""
    if not isinstance(evidence, Mapping):
        return False
    if isinstance(evidence.get("confidence"), (int, float)) or isinstance(evidence.get("success"), bool):
        return True
    return "value" in evidence and not isinstance(evidence["value"], (Mapping, list))


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _entry(entries: Sequence[Any], index: int) -> Any:
    return entries[index] if index < len(entries) else _MISSING
