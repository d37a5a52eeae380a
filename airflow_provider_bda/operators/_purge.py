"""The operator that deletes what the jobs of a batch wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bda._checks import check_each, check_s3_uri
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.operators._aws import BdaAwsOperator

if TYPE_CHECKING:
    from collections.abc import Sequence


class BdaPurgeOperator(BdaAwsOperator):
    """Delete the outputs of a batch's jobs (ListObjectsV2, DeleteObjects); unless told otherwise, only count them.

    It goes by the rows of the results: a row's output is deleted if it is the folder of the row's own job below the
    batch's own output prefix; else it is left alone and counted as refused. The batch's rows, its summary and the index
    of processed documents stay, so a purged document is not bought again.

    Returns ``batch_s3_uri``, ``dry_run``, ``jobs``, ``objects``, ``bytes``, ``refused``, ``refused_documents``.

    Also takes the arguments of :class:`~airflow_provider_bda.operators._aws.BdaAwsOperator`.

    :param batch_s3_uri: (templated) the batch, e.g. a BdaBatchOperator's ``output["batch_s3_uri"]``.
    :param dry_run: (templated) whether only to count. A template that renders to "False" deletes.
    :param unfinished: whether to purge also a batch without a summary: one that runs, or was given up.
    :raises BdaInputError: there is no such batch, or it has not ended; nothing was deleted. No retry.
    :raises BdaError: S3 refuses something; a retry goes on with the rest.
    """

    template_fields: Sequence[str] = ("batch_s3_uri", "count_only", *BdaAwsOperator.aws_template_fields)
    lineage_inputs = ("batch_s3_uri",)

    def __init__(
        self, *, batch_s3_uri: str, dry_run: bool | str = True, unfinished: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.batch_s3_uri = batch_s3_uri
        # Not self.dry_run: that is a method of every operator of Airflow.
        self.count_only = dry_run
        self.unfinished = unfinished
        check_each({"batch_s3_uri": (batch_s3_uri, check_s3_uri)}, everything=False)

    def execute(self, context: Any) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Count, and delete if that was asked for."""
        # Here, for every Dag file that names a batch imports this module.
        from airflow_provider_bda.batch.purge import purge_batch  # noqa: PLC0415

        check_each({"batch_s3_uri": (self.batch_s3_uri, check_s3_uri)}, everything=True)
        dry_run = _truth("dry_run", self.count_only)
        purged = purge_batch(self.hook, self.batch_s3_uri, dry_run=dry_run, unfinished=self.unfinished)
        said = "would be deleted" if dry_run else "deleted"
        self.log.info("%s: %s objects of %s jobs, %s bytes", said, purged.objects, purged.jobs, purged.bytes)
        return {"batch_s3_uri": self.batch_s3_uri, **purged.to_dict()}


def _truth(name: str, value: Any) -> bool:
    """Read a truth value that may come out of a template; what is neither never means "delete"."""
    named = {"true": True, "false": False}.get(str(value).strip().lower())
    if named is None:
        raise BdaInputError(f"{name}: {value!r} is neither True nor False")
    return named
