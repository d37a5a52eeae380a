"""Which AWS a component talks to: four arguments as one value; and what an S3 URI names. Pure: it opens nothing.

It is frozen and hashable, so that it can key a pool of clients, and goes through a trigger's stored
arguments and back without loss.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class AwsTarget:
    """The connection arguments every hook, operator, sensor and trigger of this package takes.

    :param aws_conn_id: the Airflow connection. None means boto's own chain of credentials; a connection
        that is named and not found is an error.
    :param region_name: the AWS Region; None means the connection's, else boto's default.
    :param verify: whether TLS certificates are verified, or the path of a CA bundle; None means the
        connection's.
    :param botocore_config: arguments of ``botocore.config.Config`` as canonical JSON; use :meth:`of` to
        give them as a dict.
    """

    aws_conn_id: str | None = "aws_default"
    region_name: str | None = None
    verify: bool | str | None = None
    botocore_config: str | None = None

    @classmethod
    def of(
        cls,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,  # noqa: FBT001 - Airflow's own name and type for it
        botocore_config: dict[str, Any] | None = None,
    ) -> AwsTarget:
        """Build a target from the arguments as a Dag author writes them.

        :raises ValueError: ``botocore_config`` holds something JSON cannot, so no trigger could carry it.
        """
        canonical = None
        if botocore_config:
            try:
                canonical = json.dumps(dict(botocore_config), sort_keys=True, separators=(",", ":"))
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"botocore_config must be a dict of plain JSON values (it travels to the triggerer): {error}"
                ) from error
        return cls(aws_conn_id, region_name, verify, canonical)

    @property
    def config(self) -> dict[str, Any] | None:
        """The arguments of ``botocore.config.Config``, or None."""
        return json.loads(self.botocore_config) if self.botocore_config else None

    def to_dict(self) -> dict[str, Any]:
        """Answer the four arguments as plain JSON; ``AwsTarget.of(**d)`` builds it again."""
        return {
            "aws_conn_id": self.aws_conn_id,
            "region_name": self.region_name,
            "verify": self.verify,
            "botocore_config": self.config,
        }


def tagging(tags: Mapping[str, str] | None) -> dict[str, str]:
    """Answer the argument of PutObject that gives an object its tags; none for no tags."""
    return {"Tagging": urlencode(tags)} if tags else {}


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Answer bucket and key of an S3 URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key
