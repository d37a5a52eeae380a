"""What has become different between two batches, by their summaries alone: no ground truth, no value. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_OF_BLUEPRINT = ("match_rate", "mean_confidence")
_OF_FIELD = ("fill_rate", "mean_confidence")


def drift_of(candidate: Mapping[str, Any], baseline: Mapping[str, Any], most: float) -> dict[str, Any]:
    """Compare two contents of ``summary.json``.

    :param most: differences above this are told as drifted.
    :returns: ``shares`` (of statuses, and of ``custom_output_status``), ``blueprints`` by name with their fields, each figure as
        ``[baseline, candidate, difference]``; ``drifted``, the paths of those that differ too much; ``only_in`` what one of
        them lacks.
    """
    shares = dict(_figures(_shares(candidate), _shares(baseline), None))
    old, new = _by_name(baseline), _by_name(candidate)
    blueprints: dict[str, Any] = {}
    only_in: dict[str, list[str]] = {
        "candidate": sorted(new.keys() - old.keys()),
        "baseline": sorted(old.keys() - new.keys()),
    }
    for name in sorted(old.keys() & new.keys()):
        one, other = new[name], old[name]
        only_in["candidate"] += sorted(
            f"{name}.{field}" for field in one["fields"].keys() - other["fields"].keys()
        )
        only_in["baseline"] += sorted(
            f"{name}.{field}" for field in other["fields"].keys() - one["fields"].keys()
        )
        blueprints[name] = {
            **dict(_figures(one, other, _OF_BLUEPRINT)),
            "fields": {
                field: dict(_figures(one["fields"][field], other["fields"][field], _OF_FIELD))
                for field in sorted(one["fields"].keys() & other["fields"].keys())
            },
        }
    drifted = sorted(
        path for path, (_, _, by) in _walk({"shares": shares, "blueprints": blueprints}) if abs(by) > most
    )
    return {"shares": shares, "blueprints": blueprints, "drifted": drifted, "only_in": only_in}


def _by_name(summary: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Answer the figures by the blueprint's name, the versions of one put together by their segments."""
    found: dict[str, dict[str, Any]] = {}
    for item in summary.get("blueprints") or ():
        name = item.get("name") or item.get("arn") or ""
        found[name] = item if name not in found else _together(found[name], item)
    return found


def _together(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    weights = one["segments"], other["segments"]
    fields = {
        name: {
            figure: _mean(
                one["fields"].get(name, {}).get(figure), other["fields"].get(name, {}).get(figure), weights
            )
            for figure in _OF_FIELD
        }
        for name in one["fields"].keys() | other["fields"].keys()
    }
    return {
        "segments": sum(weights),
        # Shares of all segments add up.
        "match_rate": (one.get("match_rate") or 0) + (other.get("match_rate") or 0),
        "mean_confidence": _mean(one.get("mean_confidence"), other.get("mean_confidence"), weights),
        "fields": fields,
    }


def _mean(one: float | None, other: float | None, weights: tuple[int, int]) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return (one * weights[0] + other * weights[1]) / max(sum(weights), 1)


def _shares(summary: Mapping[str, Any]) -> dict[str, float]:
    done = sum(summary.get(status) or 0 for status in ("succeeded", "failed", "rejected"))
    shares = {
        status: (summary.get(status) or 0) / done for status in ("succeeded", "failed", "rejected") if done
    }
    words = summary.get("custom_output_status") or {}
    total = sum(words.values())
    return shares | {word: count / total for word, count in words.items() if total}


def _figures(
    one: Mapping[str, Any], other: Mapping[str, Any], names: Sequence[str] | None
) -> Iterator[tuple[str, tuple[float, float, float]]]:
    for name in names or sorted({*one, *other}):
        new, old = one.get(name), other.get(name)
        if names is None:  # a status that one of them has not met is a share of nothing
            new, old = new or 0.0, old or 0.0
        if new is not None and old is not None:
            yield name, (round(old, 6), round(new, 6), round(new - old, 6))


def _walk(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, tuple[float, float, float]]]:
    for name, value in tree.items():
        if name in {"shares", "blueprints", "fields"} and isinstance(value, dict):
            yield from _walk(value, path)
        elif isinstance(value, dict):
            yield from _walk(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value
