"""The preflight's order: the way there first, then who is asking, then what they may do.

Free, unless ``submit`` is set. It writes one small object under the output prefix and deletes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bda.check import identity, service, storage
from airflow_provider_bda.check.findings import Finding, Report, Verdict
from airflow_provider_bda.check.scene import Plan, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bda.hooks.base import BdaBaseHook


def run_checks(hook: BdaBaseHook, plan: Plan) -> Report:
    """Run every check of a plan. It raises for nothing that AWS or the connection does.

    :param hook: whose connection is checked.
    :param plan: what is looked at.
    """
    return Report(tuple(_findings(Scene(hook, plan))))


def _findings(scene: Scene) -> Iterator[Finding]:
    for finding in identity.connection(scene):
        yield finding
        if finding.verdict is Verdict.FAIL:
            yield Finding("everything else", Verdict.CANNOT_TELL, "without a connection nothing can be asked")
            return
    yield from identity.names(scene)
    for finding in identity.identity(scene):
        yield finding
        if identity.is_hopeless(finding):
            yield Finding("everything else", Verdict.CANNOT_TELL, "the credentials are not taken")
            return
    yield from identity.region(scene)
    yield from service.project(scene)
    yield from service.status(scene)
    yield from storage.read_input(scene)
    yield from storage.write_output(scene)
    yield from service.quotas(scene)
    yield from service.submit(scene)
