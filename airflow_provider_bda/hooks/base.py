"""What every hook of this package shares: the Amazon provider's base hook, strict about its connection.

The Amazon base hook goes on with ambient credentials when a named connection does not exist, which may
be another account. Here that is an error; only ``aws_conn_id=None`` means boto's own chain.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper

from airflow_provider_bda._compat import AirflowNotFoundException
from airflow_provider_bda.exceptions import BdaInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Connection

    from airflow_provider_bda.aws import AwsTarget


class BdaBaseHook(AwsBaseHook):
    """Base of the hooks: takes the arguments of ``AwsBaseHook``.

    :raises BdaInputError: at first use, if the connection named by ``aws_conn_id`` does not exist.
    """

    @classmethod
    def for_target(cls, target: AwsTarget, **kwargs: Any) -> Self:
        """Build the hook for a target."""
        return cls(
            aws_conn_id=target.aws_conn_id,
            region_name=target.region_name,
            verify=target.verify,
            config=target.config,
            **kwargs,
        )

    @cached_property
    def conn_config(self) -> AwsConnectionWrapper:
        """The connection, wrapped; never silently an empty one."""
        connection = None
        if self.aws_conn_id:
            try:
                connection = self.get_connection(self.aws_conn_id)
            except AirflowNotFoundException as error:
                raise missing_connection(self.aws_conn_id) from error
        return self._wrap(connection)

    def use_connection(self, connection: Connection | None) -> None:
        """Set the connection that was fetched elsewhere (on the triggerer's loop, where it may be awaited)."""
        self.__dict__["conn_config"] = self._wrap(connection)

    def _wrap(self, connection: Connection | None) -> AwsConnectionWrapper:
        return AwsConnectionWrapper(
            conn=connection,
            region_name=self._region_name,
            botocore_config=self._config,
            verify=self._verify,
        )

    def client_of(self, service: str) -> Any:
        """Build a client of another service with the same connection, endpoint table, proxy and CA bundle."""
        session = self.get_session(region_name=self.region_name)
        return session.client(
            service_name=service,
            endpoint_url=self.conn_config.get_service_endpoint_url(service_name=service),
            config=self._get_config(),
            verify=self.verify,
        )

    def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Call an operation by its method name and answer without boto's metadata."""
        answer: dict[str, Any] = getattr(self.conn, operation)(**request)
        answer.pop("ResponseMetadata", None)
        return answer


def missing_connection(conn_id: str) -> BdaInputError:
    """Say that a connection is not there, and the mend."""
    return BdaInputError(
        f"the Airflow connection {conn_id!r} (aws_conn_id) does not exist. Create it, or pass aws_conn_id=None to use "
        "the machine's own AWS credentials"
    )
