# ruff: noqa: INP001 - a module beside the pages it writes
"""Writes the pages of the reference: which public classes there are; what they say of themselves Sphinx reads at the build."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "airflow_provider_bda"


class Page(NamedTuple):
    """A page: its modules, bases whose arguments all of its classes take, and how a class is shown."""

    title: str
    intro: str
    modules: tuple[str, ...]
    bases: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def pages() -> dict[str, Page]:
    """Answer the pages by file name, with the modules that Airflow is told of."""
    return {
        "reference-operators.md": Page(
            "Operators",
            "Each also takes the arguments of Airflow's `BaseOperator`, and of the bases at the end of this page that its text "
            "names. What a kind of job returns is in [The kinds of jobs](kinds.md), what its statuses lead to in "
            "[What each outcome means](outcomes.md).",
            _registered("operators", first=("operators.invocation", "operators.batch")),
            (
                "operators._base.BdaJobOperator",
                "operators._kinds.BdaKindOperator",
                "operators._resource.BdaResourceOperator",
                "operators._aws.BdaAwsOperator",
            ),
        ),
        "reference-sensors.md": Page(
            "Sensors and triggers",
            "A sensor waits for a job that something else submitted. A trigger is what operators and sensors hand to Airflow; its "
            "arguments are only ever added to, for a stored trigger outlives upgrades.",
            (*_registered("sensors"), *_registered("triggers")),
            ("sensors._base.BdaJobSensor",),
        ),
        "reference-hooks.md": Page(
            "Hooks",
            "Each operation of a client is a method of its boto3 name, with boto3's own arguments and errors.",
            _registered("hooks"),
            ("hooks.base.BdaBaseHook",),
            ("members", "inherited-members: BdaBaseHook"),
        ),
        "reference-batch.md": Page(
            "Batches: sources and results",
            "What a Dag file and its tasks import for batches. How a batch works is in [Batches](batch.md).",
            ("batch",),
            ("batch.rows.Row", "batch.prices.Prices"),
            ("members",),
        ),
        "reference-results.md": Page(
            "Views of results",
            "What `BedrockDataAutomationRuntimeHook.get_results` answers; `.to_dict()` of each is plain JSON. Every part that the "
            "service may leave out may be None.",
            ("results",),
            (),
            ("members",),
        ),
        "reference-more.md": Page(
            "Errors, retry policy, links, emulator",
            "Which error means what, and whether a retry helps, is a table in [What each outcome means](outcomes.md).",
            ("exceptions", "retry_policy", "links", "emulator"),
            (),
            ("members",),
        ),
    }


def _registered(part: str, first: tuple[str, ...] = ()) -> tuple[str, ...]:
    from airflow_provider_bda.get_provider_info import get_provider_info  # noqa: PLC0415 - the caller sets the path

    modules = [name for group in get_provider_info()[part] for name in group["python-modules"]]
    names = [name.removeprefix(f"{PACKAGE}.") for name in modules]
    return (*first, *(name for name in names if name not in first))


def render(page: Page) -> str:
    """Answer a page in Markdown, for MyST."""
    parts = [
        "<!-- Written by docs/reference.py from what the modules call public. Do not edit. -->",
        f"# {page.title}\n",
        f"{page.intro}\n",
    ]
    for module in page.modules:
        parts += [f"## {module}\n", f"`from {PACKAGE}.{module} import ...`\n"]
        parts += [_directive(f"{module}.{name}", page.options) for name in public_names(module)]
    if page.bases:
        parts.append("## What they share\n")
        parts += [_directive(name, ()) for name in page.bases]
    return "\n".join(parts)


def public_names(module: str) -> Iterator[str]:
    """Answer what a module calls public: its ``__all__``, else the classes it defines."""
    found = import_module(f"{PACKAGE}.{module}")
    if hasattr(found, "__all__"):
        yield from found.__all__
        return
    for name, member in inspect.getmembers(found, inspect.isclass):
        if member.__module__ == found.__name__ and not name.startswith("_"):
            yield name


def _directive(name: str, options: tuple[str, ...]) -> str:
    module, _, attribute = name.rpartition(".")
    member = getattr(import_module(f"{PACKAGE}.{module}"), attribute)
    kind = "class" if inspect.isclass(member) else "function" if callable(member) else "data"
    if kind == "class" and issubclass(member, BaseException):
        kind, options = "exception", ()
    shown = "".join(
        f"   :{option}{':' if ':' not in option else ''}\n" for option in options if kind == "class"
    )
    return f"```{{eval-rst}}\n.. auto{kind}:: {PACKAGE}.{name}\n{shown}```\n"
