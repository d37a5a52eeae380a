"""Between a job and the analysis: resolves what a job refers to, reads S3, runs it, writes S3.

Everything here may run in a worker thread. What a job refers to is settled when it is submitted, so that
a project changed later does not change a job that waits.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.backing import ObjectMissing
from airflow_provider_bda.emulator.messages import invalid
from airflow_provider_bda.emulator.runner import Ending
from airflow_provider_bda.emulator.services.arns import S3Uri, is_public, s3_uri
from airflow_provider_bda.jobs import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_bda.emulator.analysis import Analysis, Blueprint
    from airflow_provider_bda.emulator.runner import Job
    from airflow_provider_bda.emulator.world import World


class Rejected(Exception):
    """The input cannot be processed; the job ends as ClientError in these words."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(error_type, message)
        self.error_type = error_type
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a job is processed with.

    :param project: its configuration as the API has it; None for AWS's default project or none at all.
    """

    account: str
    region: str
    project: Mapping[str, Any] | None
    blueprints: tuple[Blueprint, ...]
    fallback: Blueprint | None


class Analyst:
    """Runs analyses for one emulator.

    :param world: where projects, blueprints and files are.
    :param analysis: the package that reads documents; a module, so that a test may bring its own.
    """

    def __init__(self, world: World, analysis: Any) -> None:
        self._world = world
        self._analysis = analysis

    # --- what a job refers to --------------------------------------------------------------------

    def project(self, configuration: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Find the project of a request; None is AWS's own.

        :raises ServiceError: ValidationException, there is none.
        """
        wanted = configuration["dataAutomationProjectArn"]
        if is_public(wanted):
            return None
        stage = configuration.get("stage", "LIVE")
        found = self._world.projects.get(wanted, {}).get(stage)
        if found is None:
            raise invalid(f"The project {wanted} does not exist at stage {stage}.")
        return found

    def blueprint(self, arn: str, version: str | None = None, stage: str | None = None) -> Blueprint:
        """Find a blueprint.

        :raises ServiceError: ValidationException, there is none.
        """
        if is_public(arn):
            name = arn.rpartition("/")[2].removeprefix("bedrock-data-automation-public-")
            public: Blueprint = self._analysis.Blueprint(
                arn=arn, name=name, version=version or "1", schema=None
            )
            return public
        found = self._world.blueprints.get(arn, {}).get(version or stage or "LIVE")
        if found is None:
            which = f"version {version}" if version else f"stage {stage or 'LIVE'}"
            raise invalid(f"The blueprint {arn} does not exist at {which}.")
        own: Blueprint = self._analysis.Blueprint(
            arn=arn,
            name=found["blueprintName"],
            version=version,
            type=found["type"],
            schema=json.loads(found["schema"]),
        )
        return own

    def blueprints(
        self, given: Sequence[Mapping[str, Any]], project: Mapping[str, Any] | None
    ) -> tuple[Blueprint, ...]:
        """Gather the blueprints of a request and of its project, each once."""
        custom = (project or {}).get("customOutputConfiguration", {})
        found = [
            self.blueprint(item["blueprintArn"], item.get("version"), item.get("stage")) for item in given
        ]
        found += [self._of_project(item) for item in custom.get("blueprints", [])]
        return tuple({blueprint.arn: blueprint for blueprint in reversed(found)}.values())[::-1]

    def fallback(self, project: Mapping[str, Any] | None) -> Blueprint | None:
        """Find the blueprint a project uses when none matches."""
        custom = (project or {}).get("customOutputConfiguration", {})
        items = custom.get("document", {}).get("fallbackBlueprints", [])
        return self._of_project(items[0]) if items else None

    def _of_project(self, item: Mapping[str, Any]) -> Blueprint:
        return self.blueprint(item["blueprintArn"], item.get("blueprintVersion"), item.get("blueprintStage"))

    def modality(self, region: str, source: S3Uri, project: Mapping[str, Any] | None) -> str:
        """Tell which slots an input takes; a file nobody can place waits with the documents to be refused."""
        try:
            head = self._world.moto.head_object(region, *source, self._analysis.HEAD_BYTES)
        except ObjectMissing:
            head = b""
        try:
            return str(self._analysis.modality_of(source.key, head, project))
        except self._analysis.AnalysisRejected:
            return "DOCUMENT"

    # --- the work --------------------------------------------------------------------------------

    def run(self, job: Job, task: Task) -> Ending:
        """Do a job's work, in a worker thread."""
        source = s3_uri(job.input_uri)
        bucket, prefix = job.detail["output_bucket"], job.detail["output_prefix"]
        try:
            body = self.read(task.region, source)
            self._check_output(task.region, bucket)
            analysis = self.analyse(task, body, source, job.id, bucket, prefix)
            self.write(task.region, bucket, analysis.files)
        except Rejected as error:
            return Ending(Outcome.REJECTED, error.error_type, error.message)
        job.detail["pages"] = analysis.pages
        return Ending(Outcome.SUCCEEDED)

    def read(self, region: str, source: S3Uri) -> bytes:
        """Read an input.

        :raises Rejected: there is none.
        """
        try:
            return self._world.moto.read_object(region, *source)
        except ObjectMissing as error:
            raise Rejected("ResourceNotFoundException", str(error)) from error

    def _check_output(self, region: str, bucket: str) -> None:
        if not self._world.moto.has_bucket(region, bucket):
            raise Rejected("ValidationException", f"The output bucket {bucket} does not exist.")

    def write(self, region: str, bucket: str, files: Mapping[str, bytes]) -> None:
        """Write what a job leaves.

        :raises Rejected: the bucket is missing.
        """
        try:
            self._world.moto.write_objects(region, bucket, files)
        except ObjectMissing as error:
            raise Rejected("ValidationException", str(error)) from error

    def analyse(
        self,
        task: Task,
        body: bytes,
        source: S3Uri,
        job_id: str,
        output_bucket: str,
        output_prefix: str,
        *,
        sync: bool = False,
    ) -> Analysis:
        """Read a document and build its output files.

        :raises Rejected: the service would not take it.
        """
        settings = self._world.settings
        request = self._analysis.AnalysisRequest(
            body=body,
            bucket=source.bucket,
            key=source.key,
            job_id=job_id,
            output_bucket=output_bucket,
            output_prefix=output_prefix,
            blueprints=task.blueprints,
            fallback=task.fallback,
            standard_output=True,
            project=task.project,
            sync=sync,
            region=task.region,
            account=task.account,
            fixtures=settings.fixtures,
            extractor=settings.extractor,
        )
        try:
            found: Analysis = self._analysis.analyse(request)
        except self._analysis.AnalysisRejected as error:
            raise Rejected(error.error_type, error.message) from error
        return found
