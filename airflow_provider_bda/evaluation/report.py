"""An evaluation as a page of Markdown. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def scores_markdown(report: Mapping[str, Any]) -> str:
    """Answer the page of a report with scores: the verdict, overall, then field by field, the worst first."""
    candidate, baseline, metric = report["candidate"], report.get("baseline"), report["metric"]
    change = (report.get("change") or {}).get("fields", {})
    lines = [
        "# Evaluation",
        "",
        _verdict(report),
        "",
        f"{candidate['documents']} documents with ground truth, {candidate['absent']} of them without a result.",
        "",
        "| | precision | recall | f1 | accuracy |",
        "|---|---|---|---|---|",
        _measures("candidate", candidate["overall"]),
    ]
    if baseline:
        lines.append(_measures("baseline", baseline["overall"]))
    lines += [
        "",
        f"| field | values | right | wrong | missing | spurious | {metric} | change |",
        "|---|---|---|---|---|---|---|---|",
    ]
    fields = sorted(candidate["fields"].items(), key=lambda item: (_least(item[1][metric]), item[0]))
    lines += [
        f"| {_cell(name)} | {of['values']} | {of['right']} | {of['wrong']} | {of['missing']} | {of['spurious']} | "
        f"{_share(of[metric])} | {_signed(change.get(name))} |"
        for name, of in fields
    ]
    return "\n".join(lines) + "\n"


def drift_markdown(report: Mapping[str, Any]) -> str:
    """Answer the page of a report of drift: the verdict, then every figure that differs too much, the most first."""
    drift = report["drift"]
    figures = {
        **drift["shares"],
        **{
            f"{blueprint}.{name}": figure
            for blueprint, of in drift["blueprints"].items()
            for name, figure in {
                **{name: figure for name, figure in of.items() if name != "fields"},
                **{
                    f"{field}.{name}": figure
                    for field, inner in of["fields"].items()
                    for name, figure in inner.items()
                },
            }.items()
        },
    }
    ordered = sorted(figures.items(), key=lambda item: (-abs(item[1][2]), item[0]))
    lines = [
        "# Drift",
        "",
        _verdict(report),
        "",
        "| figure | baseline | candidate | change |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {_cell(name)} | {_share(old)} | {_share(new)} | {_signed(by)} |"
        for name, (old, new, by) in ordered
    ]
    for where, names in drift["only_in"].items():
        if names:
            lines += ["", f"Only in the {where}: {', '.join(map(_cell, names))}."]
    return "\n".join(lines) + "\n"


def _verdict(report: Mapping[str, Any]) -> str:
    if not report["objections"]:
        return "**Passed.**"
    return "**Not passed.**\n\n" + "\n".join(f"- {_cell(objection)}" for objection in report["objections"])


def _measures(name: str, of: Mapping[str, Any]) -> str:
    return (
        f"| {name} | "
        + " | ".join(_share(of[each]) for each in ("precision", "recall", "f1", "accuracy"))
        + " |"
    )


def _least(value: float | None) -> float:
    return 2.0 if value is None else value


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.3f}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
