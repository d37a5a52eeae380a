"""What a policy is about, and the ARNs of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_bda.jobs.profile import PROFILE_IDS, partition_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a policy is about; what is left out becomes a wildcard, as narrow as it can be.

    :param region: the AWS Region.
    :param account: the account of jobs and projects.
    :param project: the project's ARN.
    :param input_s3_uri: the file or the prefix of the input.
    :param output_s3_uri: the prefix of the output.
    :param state_s3_uri: the prefix of a batch's index of processed documents.
    :param kms_key: ARN or id of the customer's key.
    :param completion_queue: URL of the queue that holds the jobs' events.
    """

    region: str = "*"
    account: str = "*"
    project: str | None = None
    input_s3_uri: str | None = None
    output_s3_uri: str | None = None
    kms_key: str | None = None
    state_s3_uri: str | None = None
    completion_queue: str | None = None

    @property
    def partition(self) -> str:
        """The partition of the Region."""
        return partition_of(self.region)

    def _bedrock(self, resource: str, region: str | None = None) -> str:
        return f"arn:{self.partition}:bedrock:{region or self.region}:{self.account}:{resource}"

    def jobs(self) -> list[str]:
        """Answer every job."""
        return [self._bedrock("data-automation-invocation/*")]

    def projects(self) -> list[str]:
        """Answer the project."""
        return [self.project or self._bedrock("data-automation-project/*")]

    def blueprints(self) -> list[str]:
        """Answer every blueprint."""
        return [self._bedrock("blueprint/*")]

    def profiles(self) -> list[str]:
        """Answer the profile in each Region it may route to: the policy must allow all of them."""
        own = PROFILE_IDS.get(self.region)
        if own is None:
            return [self._bedrock("data-automation-profile/*")]
        regions = [region for region, profile in PROFILE_IDS.items() if profile == own]
        return [self._bedrock(f"data-automation-profile/{own}", region) for region in regions]

    def starts(self) -> list[str]:
        """Answer what a submit touches."""
        return [*self.profiles(), *self.projects(), *self.blueprints()]

    def input_objects(self) -> list[str]:
        """Answer the file, or everything under the prefix."""
        uri = self.input_s3_uri or "s3://*/"
        return [self._objects(uri) if uri.endswith("/") else self._s3(uri)]

    def output_objects(self) -> list[str]:
        """Answer everything under the output prefix."""
        return [self._objects(self.output_s3_uri or "s3://*/")]

    def batch_objects(self) -> list[str]:
        """Answer the batches' own files."""
        return [self._objects((self.output_s3_uri or "s3://*/").rstrip("/") + "/_batches")]

    def state_objects(self) -> list[str]:
        """Answer the index of processed documents."""
        return [self._objects(self.state_s3_uri or "s3://*/")]

    def described(self) -> list[str]:
        """Answer the project and every blueprint."""
        return [*self.projects(), *self.blueprints()]

    def buckets(self) -> list[str]:
        """Answer the buckets of input, output and, if it is named, index."""
        uris = [self.input_s3_uri or "s3://*/", self.output_s3_uri or "s3://*/"]
        uris += [self.state_s3_uri] if self.state_s3_uri else []
        return sorted({self._s3(uri).partition("/")[0] for uri in uris})

    def _s3(self, uri: str) -> str:
        return f"arn:{self.partition}:s3:::{uri.removeprefix('s3://')}"

    def _objects(self, uri: str) -> str:
        return f"{self._s3(uri.rstrip('/'))}/*"

    def keys(self) -> list[str]:
        """Answer the customer's key."""
        key = self.kms_key or "*"
        if key.startswith("arn:"):
            return [key]
        name = key if key.startswith("alias/") else f"key/{key}"
        return [f"arn:{self.partition}:kms:{self.region}:{self.account}:{name}"]

    def queues(self) -> list[str]:
        """Answer the queue of the jobs' events."""
        account, name = (self.completion_queue or f"{self.account}/*").rsplit("/", 2)[-2:]
        return [f"arn:{self.partition}:sqs:{self.region}:{account}:{name}"]

    def anything(self) -> list[str]:
        """Answer what an action takes that knows no resources."""
        return ["*"]
