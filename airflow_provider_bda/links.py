"""Links to the AWS console, there from the moment the job is submitted.

Airflow asks a link for its URL only when a worker phase ends; the URL is also pushed at once, so that it
shows while a blocking task still runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlencode, urlsplit

from airflow.providers.amazon.aws.links.base_aws import BASE_AWS_CONSOLE_LINK, BaseAwsLink
from airflow.sdk import BaseOperatorLink

from airflow_provider_bda._compat import conf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import BaseOperator

__all__ = ["BdaMonitorLink", "BdaOutputLink", "BdaProjectLink"]


class BdaMonitorLink(BaseOperatorLink):
    """The task's documents in this Airflow's own pages (``ui``)."""

    name = "Documents"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        """Answer the address within Airflow; the worker asks for it when a phase of the task ends."""
        root = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
        where = {"dag_id": ti_key.dag_id, "run_id": ti_key.run_id, "task_id": ti_key.task_id}
        if ti_key.map_index >= 0:
            where["map_index"] = ti_key.map_index
        # Airflow restores the frame from what stands behind the page's own route.
        return f"{root}/plugin/bda/bda/page?{urlencode(where, quote_via=quote)}"


class _ConsoleLink(BaseAwsLink):
    """A link whose URL is known as soon as the job is submitted."""

    key: ClassVar[str]

    @classmethod
    def push(cls, context: Any, operator: Any, region_name: str, aws_partition: str, **parts: str) -> None:
        """Store the link's parts, and its URL, as XCom; nothing where the operator pushes no XCom.

        :param parts: what ``format_str`` needs; quoted here.
        """
        quoted = {name: quote(value, safe="") for name, value in parts.items()}
        cls.persist(
            context=context, operator=operator, region_name=region_name, aws_partition=aws_partition, **quoted
        )
        if operator.do_xcom_push:
            values: Mapping[str, Any] = {
                "region_name": region_name,
                "aws_domain": cls.get_aws_domain(aws_partition),
                **quoted,
            }
            link = cls()
            context["ti"].xcom_push(key=link.xcom_key, value=link.format_link(**values))


class BdaOutputLink(_ConsoleLink):
    """Where the job writes its output, in the S3 console."""

    name = "BDA output"
    key = "bda_output_link"
    format_str = BASE_AWS_CONSOLE_LINK + "/s3/buckets/{bucket}?region={region_name}&prefix={prefix}"


class BdaProjectLink(_ConsoleLink):
    """The Data Automation projects of the Region, in the Bedrock console.

    The console documents no address of a single project, so the link leads to the list; ``project`` is what
    to look for there.
    """

    name = "BDA project"
    key = "bda_project_link"
    format_str = (
        BASE_AWS_CONSOLE_LINK
        + "/bedrock/home?region={region_name}&bda-project={project}#/data-automation/projects"
    )
