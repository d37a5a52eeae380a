"""``python -m airflow_provider_bda.emulator.served``: which operations the emulator serves, as a Markdown page.

Derived from the services' methods and botocore's models, so it cannot claim what is not there. The installed
botocore decides which operations exist at all: the page in the docs is made with the newest one.
"""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

from airflow_provider_bda.emulator.routing import service_model
from airflow_provider_bda.emulator.services.all import SERVICES
from airflow_provider_bda.jobs.catalog import JOB_KINDS
from airflow_provider_bda.jobs.kind import method_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bda.emulator.gateway import Service

_HEAD = """\
# Operations of the emulator

<!-- Made by `python -m airflow_provider_bda.emulator.served`; do not edit. -->

Five AWS services are spoken for by the emulator itself, from botocore's own models. S3, STS, SQS, EventBridge and
everything else is answered by moto, as far as moto serves it. An operation that nobody serves answers the error
`NotEmulated` (HTTP 501) with its name.
"""
_LEFT_TO_MOTO = frozenset({"bedrock-runtime", "bedrock-agent"})


def served_by(service: type[Service]) -> tuple[list[str], list[str]]:
    """Answer the operations a service serves, and those it does not."""
    names = sorted(service_model(service.name).operation_names)
    served = [name for name in names if hasattr(service, method_name(name))]
    return served, [name for name in names if name not in served]


def page() -> str:
    """Write the page."""
    return "\n".join([_HEAD, *(line for service in SERVICES for line in _section(service))])


def _section(service: type[Service]) -> Iterator[str]:
    served, missing = served_by(service)
    yield f"## {service.name}"
    yield ""
    yield f"{_line(service)} Served: {len(served)} of {len(served) + len(missing)}."
    yield ""
    yield "| operation | job kind |"
    yield "| --- | --- |"
    for name in served:
        yield f"| {name} | {_part(service.name, name)} |"
    yield ""
    if missing:
        what = "Left to moto, which may not have it" if service.name in _LEFT_TO_MOTO else "Not served"
        yield from textwrap.wrap(f"{what}: {', '.join(missing)}.", 110)
        yield ""


def _line(service: type[Service]) -> str:
    """Answer the first sentence of a service's description."""
    return " ".join((service.__doc__ or "").strip().partition("\n\n")[0].split())


def _part(service: str, operation: str) -> str:
    """Say what an operation is to the job kinds: how a job is started, asked for, listed or stopped."""
    parts = [
        f"`{kind.name}`: {part}"
        for kind in JOB_KINDS.values()
        if kind.service == service
        for part, names in (
            ("starts it", (kind.start, *kind.also_started_by)),
            ("its status", (kind.describe,)),
            ("lists them", (kind.list_operation,)),
            ("stops it", (kind.stop_operation,)),
        )
        if operation in names
    ]
    return "; ".join(parts)


if __name__ == "__main__":
    sys.stdout.write(page())
