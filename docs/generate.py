# ruff: noqa: INP001 - a script beside the page it writes
"""Writes the pages of the docs that are made of code: ``python docs/generate.py``.

What is a table in the code must not be typed again by hand. A test compares the page with what this writes.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "outcomes.md"
KINDS_PAGE = ROOT / "docs" / "kinds.md"
EXAMPLES_PAGE = ROOT / "docs" / "examples.md"

if str(ROOT) not in sys.path:  # run as a script, the repository's root is not on the path
    sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_bda.jobs.kind import JobKind

INTRO = """\
<!-- Written by docs/generate.py from the catalogue, the error tree and the tests' own table. Do not edit. -->
# What each outcome means, and what a retry will do

A task succeeds only on a status that the service documents as success. A status that is missing or unknown keeps
the task waiting, with one warning in its log; when `wait_timeout` passes, that is a timeout. It makes no difference
whether an operator or a sensor waits, or where.
"""

ENDS = """\
## How each kind of job ends

`still waiting` is no outcome: the task goes on until `wait_timeout`. Where some items failed, the task succeeds with
`partial: true` in what it returns, unless its operator's `fail_on_partial` is set.
"""

OWN = """\
## What the task itself may end with

"No retry" means that Airflow fails the task at once, whatever `retries` says. On Airflow 3.3 and newer,
`retry_policy=bda_retry_policy()` (from `airflow_provider_bda.retry_policy`) also chooses the pause before a retry by
the error; 3.1 and 3.2 use the task's `retry_delay`.
"""

BOUGHT = """\
## How many jobs are bought, whatever happens

Each number is what a test counts on the emulator. Two things decide it beside what happens:

- whether Airflow has the **task state store** (3.3 and newer), where the handle is saved before the task waits;
- whether the service still **knows the client token** of a job that has *ended*. AWS does not publish how long it
  does; of a job that goes on it does. Both answers are tried.

The last two columns are for kinds whose service takes no token: {untokened}. There only the state store
tells a retry of the job before it. {listed} can be found without it: its service lists the tokens, so "token
forgotten" counts as "token known", but for the last line. Deleting a library twice is one deletion: 1 in every line.
A retry of a project's creation that has FAILED needs `if_exists="update"`, for the name is taken.

One try buys at most one new job. Clearing a task buys a new job on purpose; a retry does so only when the job before
it is known to have failed. What the "token forgotten" columns have more is the price of a worker that died, or of
an Airflow without the store, at a service that forgets.
"""


KINDS = """\
<!-- Written by docs/generate.py from the catalogue, the operators and the sensors. Do not edit. -->
# The kinds of jobs

Everything that is submitted and waited for. Each kind is one literal in `airflow_provider_bda/jobs/catalog.py`; what
becomes of a task at each status, and what a retry will do, is in [outcomes.md](outcomes.md).

The **handle** is what names one job: a sensor takes its fields by these names, or the dict that an operator returned, and
`JobTrigger` takes it as a dict. Each operator returns `kind`, `handle`, `status` and `partial`, and what is listed here
besides; some add more, as their docstrings say. The interval between two status calls is what `poll_interval`
(operators) and `poke_interval` (sensors) change.
"""


def render_kinds() -> str:
    """Answer the page of kinds."""
    from airflow_provider_bda.jobs import JOB_KINDS  # noqa: PLC0415 - the path is set above

    classes = _classes_by_kind()
    head = ("Kind", "Starts it", "Operator", "Sensor")
    rows = [
        (
            f"[`{kind.name}`](#{kind.name})",
            _code(kind.start, *kind.also_started_by),
            _code(*(member.__name__ for member in classes[kind.name]["operators"].values())),
            _code(*(member.__name__ for member in classes[kind.name]["sensors"].values())) or "-",
        )
        for kind in JOB_KINDS.values()
    ]
    parts = [KINDS, table(head, rows)]
    for kind in JOB_KINDS.values():
        parts += [f"## {kind.name}\n", f"{kind.title[0].upper()}{kind.title[1:]}.\n"]
        parts += [f"![States of {kind.name}](images/states-{kind.name}.svg)\n"]
        parts += [table(("", ""), _facts(kind, classes[kind.name]))]
    return "\n".join(parts)


def _classes_by_kind() -> dict[str, dict[str, dict[str, Any]]]:
    """Find the public operators and sensors of each kind, by the name to import them by."""
    from airflow_provider_bda.get_provider_info import get_provider_info  # noqa: PLC0415 - as above
    from airflow_provider_bda.jobs import JOB_KINDS  # noqa: PLC0415 - as above

    found: dict[str, dict[str, dict[str, Any]]] = {
        name: {"operators": {}, "sensors": {}} for name in JOB_KINDS
    }
    for part in ("operators", "sensors"):
        modules = [name for group in get_provider_info()[part] for name in group["python-modules"]]
        for module in map(import_module, modules):
            for name in sorted(module.__all__):
                member = getattr(module, name)
                if hasattr(member, "job"):
                    found[member.job.name][part][f"{module.__name__}.{name}"] = member
    return found


def _facts(kind: JobKind, classes: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for title, members in (("Operator", classes["operators"]), ("Sensor", classes["sensors"])):
        if members:
            yield title, _code(*members)
    names = [member.__name__ for members in classes.values() for member in members.values()]
    yield "Examples", ", ".join(_examples(names))
    yield "Client", _code(kind.service)
    yield "Started by", _code(kind.start, *kind.also_started_by)
    yield "Status by", f"{_code(kind.describe)}, at {_code('.'.join(kind.status_at))}"
    if kind.list_operation:
        yield "Many at once by", _code(kind.list_operation)
    stop = (
        _code(kind.stop_operation) if kind.stop_operation else "nothing: it goes on, whatever the task does"
    )
    yield "Stopped by", stop
    yield "Client token", _token(kind, classes["operators"].values())
    yield "Handle", _code(*kind.handle)
    yield from _states(kind, classes["operators"].values())
    yield "Returned besides", _code(*(name for name, _ in kind.result))
    yield "Status calls", f"every {kind.poll_interval:g} s by default"


def _examples(names: Sequence[str]) -> Iterator[str]:
    for path in sorted((ROOT / "example_dags").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if any(re.search(rf"\b{name}\b", text.partition("with DAG")[0]) for name in names):
            yield f"[{path.stem}](../example_dags/{path.name})"


def _token(kind: JobKind, operators: Iterable[Any]) -> str:
    if kind.token is None:
        return "none: where the answer of a start is lost, a retry starts it again"
    without = [operator.job.start for operator in operators if operator.job.token is None]
    return _code(kind.token) + (f"; {_code(*without)} takes none" if without else "")


def _states(kind: JobKind, operators: Iterable[Any]) -> Iterator[tuple[str, str]]:
    titles = ("Goes on", "Succeeded", "Partial", "Rejected", "Broken")
    for title, statuses in zip(titles, kind.status_sets(), strict=True):
        if statuses:
            yield title, _code(*sorted(statuses))
    if kind.gone_is_success:
        yield "Succeeded", "when the service no longer finds it"
    if kind.flaws_at:
        counted = _code(*(".".join(path) for path in kind.flaws_at))
        yield (
            "Partial",
            f"a success in whose answer {counted} is a number above 0 or a list that is not empty",
        )
    elif any(operator.job.flaws_at for operator in operators):
        yield "Partial", "with `fail_on_partial`: a success whose result file holds items that failed"


def _code(*names: str) -> str:
    return ", ".join(f"`{name}`" for name in names)


def render() -> str:
    """Answer the page of outcomes."""
    from airflow_provider_bda.jobs import JOB_KINDS  # noqa: PLC0415 - the path is set above

    parts = [INTRO, ENDS]
    for kind in JOB_KINDS.values():
        parts += [f"### {kind.title[0].upper()}{kind.title[1:]} (`{kind.name}`)\n", table(*_ends(kind))]
    parts += [OWN, table(*_errors()), _bought_intro(), table(*_bought())]
    return "\n".join(parts)


def _ends(kind: JobKind) -> tuple[Sequence[str], Iterable[Sequence[str]]]:
    from airflow_provider_bda.jobs.kind import Outcome  # noqa: PLC0415 - as above

    def rows() -> Iterator[Sequence[str]]:
        for status in sorted(kind.pending):
            yield f"`{status}`", "still waiting", ""
        for statuses, outcome in zip(
            kind.status_sets()[1:],
            (Outcome.SUCCEEDED, Outcome.PARTIAL, Outcome.REJECTED, Outcome.BROKEN),
            strict=True,
        ):
            for status in sorted(statuses):
                yield f"`{status}`", *_meaning(outcome)
        if kind.flaws_at:
            yield "success, but items failed", *_meaning(Outcome.PARTIAL)
        if kind.gone_is_success:
            yield "not found", *_meaning(Outcome.SUCCEEDED)

    return ("Status", "What becomes of the task", "What a retry will do"), rows()


def _meaning(outcome: Any) -> tuple[str, str]:
    from airflow_provider_bda.exceptions import BY_OUTCOME  # noqa: PLC0415 - as above
    from airflow_provider_bda.jobs.kind import Outcome  # noqa: PLC0415 - as above

    if outcome is Outcome.SUCCEEDED:
        return "success", ""
    error, _, then = BY_OUTCOME[outcome]
    partial = "success with `partial: true`, or " if outcome is Outcome.PARTIAL else ""
    return f"{partial}`{error.__name__}`", then


def _errors() -> tuple[Sequence[str], Iterable[Sequence[str]]]:
    from airflow_provider_bda import exceptions  # noqa: PLC0415 - as above
    from airflow_provider_bda._compat import AirflowFailException  # noqa: PLC0415 - as above

    errors = [getattr(exceptions, name) for name in exceptions.__all__ if name.startswith("Bda")]
    leaves = [error for error in errors if not any(error in other.__bases__ for other in errors)]
    rows = (
        (
            f"`{error.__name__}`",
            " ".join((inspect.getdoc(error) or "").split()),
            "no" if issubclass(error, AirflowFailException) else "yes",
        )
        for error in sorted(leaves, key=lambda error: error.__name__)
    )
    return ("Error", "What it says", "Retried"), rows


def _bought_intro() -> str:
    from tests.identity.scenarios import lists_tokens  # noqa: PLC0415 - as above
    from tests.samples import SAMPLES  # noqa: PLC0415 - as above

    kinds = [sample.kind for sample in SAMPLES.values()]
    untokened = [f"`{kind.start}`" for kind in kinds if kind.token is None and not kind.gone_is_success]
    listed = [f"`{kind.name}`" for kind in kinds if lists_tokens(kind)]
    return BOUGHT.format(untokened=", ".join(untokened), listed=", ".join(listed))


def _bought() -> tuple[Sequence[str], Iterable[Sequence[str]]]:
    from tests.identity.scenarios import SCENARIOS  # noqa: PLC0415 - as above

    head = (
        "What happens",
        "Store, token known",
        "Store, token forgotten",
        "No store, token known",
        "No store, token forgotten",
        "Store, no token",
        "No store, no token",
        "",
    )
    return head, (
        (item.title, *map(str, (*item.jobs, *(item.untokened or ("", "")))), item.why) for item in SCENARIOS
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Answer a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return (
        "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
        + "\n"
    )


EXAMPLES = """\
<!-- Written by docs/generate.py from example_dags/. Do not edit. -->
# Example Dags

Each runs to its end on the emulator in a test. Copy one, and give it your own names as parameters.
"""


def render_examples() -> str:
    """Answer the page of the example Dags: their first lines, and on the site their text."""
    paths = sorted((ROOT / "example_dags").glob("*.py"))
    texts = [ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "" for path in paths]
    rows = [
        (f"[{path.stem}](../example_dags/{path.name})", text.splitlines()[0])
        for path, text in zip(paths, texts, strict=True)
    ]
    parts = [EXAMPLES, table(("Dag", "What it does"), rows)]
    for path in paths:
        include = f"```{{literalinclude}} ../example_dags/{path.name}\n:language: python\n```\n"
        parts += [f"## {path.stem}\n", include]
    return "\n".join(parts)


def _diagrams() -> dict[Path, Callable[[], str]]:
    from airflow_provider_bda.jobs import JOB_KINDS  # noqa: PLC0415 - as above
    from docs.diagram import draw  # noqa: PLC0415 - as above

    folder = ROOT / "docs" / "images"
    return {folder / f"states-{kind.name}.svg": partial(draw, kind) for kind in JOB_KINDS.values()}


def _reference() -> dict[Path, Callable[[], str]]:
    from docs import reference  # noqa: PLC0415 - as above

    return {ROOT / "docs" / name: partial(reference.render, page) for name, page in reference.pages().items()}


#: Each page and picture with what writes it.
PAGES = {
    PAGE: render,
    KINDS_PAGE: render_kinds,
    EXAMPLES_PAGE: render_examples,
    **_diagrams(),
    **_reference(),
}

if __name__ == "__main__":
    for page, write in PAGES.items():
        page.write_text(write(), encoding="utf-8")
