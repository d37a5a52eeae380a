"""All 27 operations of ``bedrock-data-automation``, its lists as iterators, and names in the place of ARNs.

A mixin, so that the hook's own module stays about what a hook does beside passing calls on. Each operation is a
method of its boto3 name and takes boto3's own arguments; errors are boto3's own too.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.hooks._job_files import read_ingestion, read_optimization

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_bda.results.library import IngestionResult
    from airflow_provider_bda.results.optimization import OptimizationResult

__all__ = ["ControlPlane"]

#: Seconds a name counts as looked up: within them, one lookup serves a whole task.
_NAMES_FRESH = 300.0


class ControlPlane:
    """The operations of the control plane. Mixed into a hook, whose ``conn`` is the client."""

    if TYPE_CHECKING:
        conn: Any
        call: Callable[[str, Mapping[str, Any]], dict[str, Any]]

    # --- projects ---------------------------------------------------------------------------------

    def create_data_automation_project(self, **request: Any) -> dict[str, Any]:
        """Create a project; answers its ARN, stage and status."""
        return self.call("create_data_automation_project", request)

    def get_data_automation_project(self, **request: Any) -> dict[str, Any]:
        """Answer one project at a stage (LIVE unless ``projectStage`` says otherwise)."""
        return self.call("get_data_automation_project", request)

    def list_data_automation_projects(self, **request: Any) -> dict[str, Any]:
        """Answer one page of projects; :meth:`iter_projects` walks all."""
        return self.call("list_data_automation_projects", request)

    def update_data_automation_project(self, **request: Any) -> dict[str, Any]:
        """Replace the configuration of a project at a stage."""
        return self.call("update_data_automation_project", request)

    def delete_data_automation_project(self, **request: Any) -> dict[str, Any]:
        """Delete a project with all its stages."""
        return self.call("delete_data_automation_project", request)

    # --- blueprints -------------------------------------------------------------------------------

    def create_blueprint(self, **request: Any) -> dict[str, Any]:
        """Create a blueprint."""
        return self.call("create_blueprint", request)

    def get_blueprint(self, **request: Any) -> dict[str, Any]:
        """Answer one blueprint at a stage or version."""
        return self.call("get_blueprint", request)

    def list_blueprints(self, **request: Any) -> dict[str, Any]:
        """Answer one page of blueprints; :meth:`iter_blueprints` walks all."""
        return self.call("list_blueprints", request)

    def update_blueprint(self, **request: Any) -> dict[str, Any]:
        """Replace the schema of a blueprint at a stage."""
        return self.call("update_blueprint", request)

    def delete_blueprint(self, **request: Any) -> dict[str, Any]:
        """Delete a blueprint, or with ``blueprintVersion`` one version of it."""
        return self.call("delete_blueprint", request)

    def create_blueprint_version(self, **request: Any) -> dict[str, Any]:
        """Freeze a blueprint's schema as its next version."""
        return self.call("create_blueprint_version", request)

    def copy_blueprint_stage(self, **request: Any) -> dict[str, Any]:
        """Copy a blueprint from one stage to the other."""
        return self.call("copy_blueprint_stage", request)

    def invoke_blueprint_optimization_async(self, **request: Any) -> dict[str, Any]:
        """Start to optimize a blueprint. The service takes no token: a repeated call is a second job."""
        return self.call("invoke_blueprint_optimization_async", request)

    def get_blueprint_optimization_status(self, **request: Any) -> dict[str, Any]:
        """Answer the status of the optimization ``invocationArn``."""
        return self.call("get_blueprint_optimization_status", request)

    # --- libraries --------------------------------------------------------------------------------

    def create_data_automation_library(self, **request: Any) -> dict[str, Any]:
        """Create a library."""
        return self.call("create_data_automation_library", request)

    def get_data_automation_library(self, **request: Any) -> dict[str, Any]:
        """Answer one library."""
        return self.call("get_data_automation_library", request)

    def list_data_automation_libraries(self, **request: Any) -> dict[str, Any]:
        """Answer one page of libraries; :meth:`iter_libraries` walks all."""
        return self.call("list_data_automation_libraries", request)

    def update_data_automation_library(self, **request: Any) -> dict[str, Any]:
        """Replace the description of a library."""
        return self.call("update_data_automation_library", request)

    def delete_data_automation_library(self, **request: Any) -> dict[str, Any]:
        """Start to delete a library; it is gone when it cannot be found any more."""
        return self.call("delete_data_automation_library", request)

    def get_data_automation_library_entity(self, **request: Any) -> dict[str, Any]:
        """Answer one entity of a library."""
        return self.call("get_data_automation_library_entity", request)

    def list_data_automation_library_entities(self, **request: Any) -> dict[str, Any]:
        """Answer one page of a library's entities; :meth:`iter_library_entities` walks all."""
        return self.call("list_data_automation_library_entities", request)

    def invoke_data_automation_library_ingestion_job(self, **request: Any) -> dict[str, Any]:
        """Start an ingestion job; ConflictException while the library has another."""
        return self.call("invoke_data_automation_library_ingestion_job", request)

    def get_data_automation_library_ingestion_job(self, **request: Any) -> dict[str, Any]:
        """Answer one ingestion job, by ``libraryArn`` and ``jobArn``."""
        return self.call("get_data_automation_library_ingestion_job", request)

    def list_data_automation_library_ingestion_jobs(self, **request: Any) -> dict[str, Any]:
        """Answer one page of a library's jobs; :meth:`iter_library_ingestion_jobs` walks all."""
        return self.call("list_data_automation_library_ingestion_jobs", request)

    # --- tags -------------------------------------------------------------------------------------

    def tag_resource(self, **request: Any) -> dict[str, Any]:
        """Put ``tags`` on ``resourceARN``."""
        return self.call("tag_resource", request)

    def untag_resource(self, **request: Any) -> dict[str, Any]:
        """Take ``tagKeys`` off ``resourceARN``."""
        return self.call("untag_resource", request)

    def list_tags_for_resource(self, **request: Any) -> dict[str, Any]:
        """Answer the tags of ``resourceARN``."""
        return self.call("list_tags_for_resource", request)

    # --- lists over all pages ---------------------------------------------------------------------

    def iter_projects(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """Yield every project's summary, over all pages (ListDataAutomationProjects)."""
        yield from self._walk("list_data_automation_projects", "projects", filters)

    def iter_blueprints(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """Yield every blueprint's summary, over all pages (ListBlueprints)."""
        yield from self._walk("list_blueprints", "blueprints", filters)

    def iter_libraries(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """Yield every library's summary, over all pages (ListDataAutomationLibraries)."""
        yield from self._walk("list_data_automation_libraries", "libraries", filters)

    def iter_library_entities(
        self, library: str, entity_type: str = "VOCABULARY"
    ) -> Iterator[dict[str, Any]]:
        """Yield the summary of every entity of a library, over all pages.

        :param library: its ARN or name.
        """
        filters = {"libraryArn": self.library_arn(library), "entityType": entity_type}
        yield from self._walk("list_data_automation_library_entities", "entities", filters)

    def iter_library_ingestion_jobs(self, library: str) -> Iterator[dict[str, Any]]:
        """Yield the summary of every ingestion job of a library, over all pages.

        :param library: its ARN or name.
        """
        filters = {"libraryArn": self.library_arn(library)}
        yield from self._walk("list_data_automation_library_ingestion_jobs", "jobs", filters)

    def _walk(self, operation: str, member: str, filters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for page in self.conn.get_paginator(operation).paginate(**filters):
            yield from page[member]

    # --- result files -----------------------------------------------------------------------------

    def get_ingestion_result(self, job_arn: str, output_s3_uri: str) -> IngestionResult:
        """Read what a library ingestion job says of each entity.

        :param output_s3_uri: as the job's status or its operator says it.
        :raises FileNotFoundError: the job left no result.
        """
        return read_ingestion(self, job_arn, output_s3_uri)  # type: ignore[arg-type]

    def get_optimization_result(self, output_s3_uri: str) -> OptimizationResult:
        """Read the metrics before and after an optimization, and the schema it made.

        :param output_s3_uri: as the job's status or its operator says it.
        :raises FileNotFoundError: the job left no result.
        """
        return read_optimization(self, output_s3_uri)  # type: ignore[arg-type]

    # --- names ------------------------------------------------------------------------------------

    def project_arn(self, project: str) -> str:
        """Answer the ARN of a project given by ARN or name. A name is looked up once per hook.

        :raises BdaInputError: no project or more than one has the name.
        """
        return self._arn_of("project", project)

    def blueprint_arn(self, blueprint: str) -> str:
        """Answer the ARN of a blueprint given by ARN or name. A name is looked up once per hook.

        :raises BdaInputError: no blueprint or more than one has the name.
        """
        return self._arn_of("blueprint", blueprint)

    def library_arn(self, library: str) -> str:
        """Answer the ARN of a library given by ARN or name. A name is looked up once per hook.

        :raises BdaInputError: no library or more than one has the name.
        """
        return self._arn_of("library", library)

    def arns_named(self, what: str, name: str) -> list[str]:
        """Answer the ARNs of all that bear a name, as they are now.

        :param what: "project", "blueprint" or "library".
        """
        walk = {
            "project": self.iter_projects,
            "blueprint": self.iter_blueprints,
            "library": self.iter_libraries,
        }[what]
        # A project in two stages, or a blueprint in several versions, is one ARN in many summaries.
        return sorted({str(row[f"{what}Arn"]) for row in walk() if row.get(f"{what}Name") == name})

    def _arn_of(self, what: str, value: str) -> str:
        if value.startswith("arn:"):
            return value
        known: dict[tuple[str, str], tuple[str, float]] = self.__dict__.setdefault("_known_names", {})
        found, since = known.get((what, value), ("", float("-inf")))
        if time.monotonic() - since < _NAMES_FRESH:
            return found
        arns = self.arns_named(what, value)
        if len(arns) != 1:
            plural = "libraries" if what == "library" else f"{what}s"
            count = f"{len(arns)} {plural} are" if arns else f"no {what} is"
            raise BdaInputError(
                f"{what}: {count} named {value!r} in {self.conn.meta.region_name}; pass the ARN"
                + (f", one of {', '.join(arns)}" if arns else f" or create the {what} first")
            )
        known[what, value] = (arns[0], time.monotonic())
        return arns[0]
