"""What came of each document, as rows and as a table on the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from airflow_provider_bda.results import DocumentOutput, Field, Results, load_results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from demo.airflow_rest import AirflowRest, TaskInstance

#: Fields shown of one document, and characters of one value.
SHOWN_FIELDS = 4
SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One document's row.

    :param status: the task's state in Airflow.
    :param seconds: how long the job took at the service.
    :param found: extracted fields with their confidence, or the document's first words.
    :param reason: why it failed, in the service's words; None if it succeeded.
    """

    document: str
    status: str
    seconds: float | None = None
    pages: int | None = None
    blueprint: str | None = None
    found: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the document went through; nothing unknown counts."""
        return self.status == "success" and self.reason is None


def document_outcome(
    rest: AirflowRest, document: str, task: TaskInstance | None, read: Callable[[str], bytes]
) -> Outcome:
    """Read what came of one document.

    :param task: its task instance; None if there is none.
    :param read: fetches an output by its S3 URI.
    """
    if task is None:
        return Outcome(document=document, status="none", reason="Airflow made no task for it")
    if task["state"] != "success":
        reason = rest.failure(task) or f"the task is {task['state']}; its log says more"
        return Outcome(document=document, status=str(task["state"]), reason=reason)
    job = rest.xcom(task)
    results = load_results(read, job["output_s3_uri"])
    return Outcome(
        document=document,
        status="success",
        seconds=job["job_duration_in_seconds"],
        pages=_pages(results),
        blueprint=_blueprint(results),
        found=tuple(_fields(results)) or _first_words(results),
    )


def _pages(results: Results) -> int | None:
    pages = [
        segment.standard.page_count for segment in results if isinstance(segment.standard, DocumentOutput)
    ]
    return sum(count or 0 for count in pages) if pages else None


def _blueprint(results: Results) -> str | None:
    names = [
        segment.custom.matched_blueprint.name or "?"
        for segment in results
        if segment.custom and segment.custom.matched_blueprint and segment.paths.matched
    ]
    return ", ".join(dict.fromkeys(names)) or None


def _fields(results: Results) -> Iterable[str]:
    fields = [field for segment in results if segment.custom for field in segment.custom.fields.values()]
    for field in [field for field in fields if field.found][:SHOWN_FIELDS]:
        yield f"{field.path}: {_short(field.value)}{_confidence(field)}"


def _confidence(field: Field) -> str:
    return "" if field.confidence is None else f" ({field.confidence:.2f})"


def _first_words(results: Results) -> tuple[str, ...]:
    text = next((segment.standard.text for segment in results if segment.standard), None)
    return (f"“{_short(text)}”",) if text else ()


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


def print_report(outcomes: list[Outcome], places: Mapping[str, Path]) -> None:
    """Print the table, the reasons of what failed, and where everything lies."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=150)  # a log file has no width to obey
    table = Table(box=box.ROUNDED, show_lines=True)
    for name, justify in (("document", "left"), ("status", "left"), ("seconds", "right"), ("pages", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    table.add_column("matched blueprint")
    table.add_column("found (confidence)", overflow="fold")
    for outcome in outcomes:
        table.add_row(
            Text(outcome.document),
            Text(outcome.status, style="green" if outcome.succeeded else "red"),
            "" if outcome.seconds is None else f"{outcome.seconds:.1f}",
            "" if outcome.pages is None else str(outcome.pages),
            Text(outcome.blueprint or ""),
            Text("\n".join(outcome.found)),
        )
    console.print(table)
    failed = [outcome for outcome in outcomes if not outcome.succeeded]
    for outcome in failed:
        console.print(Text(f"{outcome.document} failed: {outcome.reason}", style="red"))
    console.print(f"{len(outcomes) - len(failed)} of {len(outcomes)} documents succeeded.")
    for name, path in places.items():
        console.print(Text(f"{name}: {path}"), soft_wrap=True)
