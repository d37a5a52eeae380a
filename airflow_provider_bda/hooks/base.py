"""What every hook of this package shares: the Amazon provider's base hook, strict about its connection.

The Amazon base hook goes on with ambient credentials when a named connection does not exist, which may
be another account. Here that is an error; only ``aws_conn_id=None`` means boto's own chain.
"""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook, SessionFactory
from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper
from botocore.exceptions import ClientError, NoCredentialsError

from airflow_provider_bda._compat import AirflowNotFoundException, conf
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.waiting.errors import REFUSALS, call_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Connection
    from botocore.config import Config
    from botocore.loaders import Loader

    from airflow_provider_bda.aws import AwsTarget


#: Seconds a client must have lived before refused credentials make the hook read its connection again.
RENEW_AFTER = 10.0
_CACHED = ("conn", "_client", "conn_config", "account_id", "_s3_client")


# The base is named by Airflow's configuration ([aws] session_factory).
class BdaSessionFactory(SessionFactory):  # type: ignore[misc,valid-type,unused-ignore]
    """The session factory of Airflow's configuration, whose call to assume a role heeds ``verify``.

    The Amazon provider builds that STS client without the connection's CA bundle, so that behind a company's
    proxy every call works but this one. Its endpoint stays as the provider documents it: ``service_config``
    of the connection for ``sts``, never the connection's global ``endpoint_url``.
    """

    def _create_basic_session(self, session_kwargs: dict[str, Any]) -> Any:
        session = super()._create_basic_session(session_kwargs)
        if self.conn.verify is not None:
            # What botocore falls back to for a client that is built without ``verify``.
            session._session.set_config_variable("ca_bundle", self.conn.verify)  # noqa: SLF001 - boto3 has no other way
        return session


class BdaBaseHook(AwsBaseHook):
    """Base of the hooks: takes the arguments of ``AwsBaseHook``.

    :raises BdaInputError: at first use, if the connection named by ``aws_conn_id`` does not exist.
    """

    _built_at = float("-inf")

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

    def get_session(self, region_name: str | None = None, deferrable: bool = False) -> Any:  # noqa: FBT001, FBT002 - Airflow's
        """Build the boto3 session, its call to assume a role with the connection's ``verify``."""
        factory = BdaSessionFactory(conn=self.conn_config, region_name=region_name, config=self.config)
        return factory.create_session(deferrable=deferrable)

    def get_client_type(self, *args: Any, **kwargs: Any) -> Any:
        """Build the client, and remember when."""
        self._built_at = time.monotonic()
        return super().get_client_type(*args, **kwargs)

    def refuse_ambient_credentials(self) -> None:
        """Hold to ``[bda] require_assumed_role``: no credentials but those the connection names.

        :raises BdaInputError: the setting is on, and the connection has neither a role nor keys.
        """
        if not conf.getboolean("bda", "require_assumed_role", fallback=False):
            return
        conn = self.conn_config
        if conn.role_arn or (conn.aws_access_key_id and conn.aws_secret_access_key):
            return
        where = (
            f"the Airflow connection {self.aws_conn_id!r} has neither role_arn nor keys"
            if self.aws_conn_id
            else "aws_conn_id is None"
        )
        raise BdaInputError(
            f"{where}, so this process would use the machine's own AWS credentials, which [bda] require_assumed_role "
            "forbids. Name a connection with role_arn in its extra"
        )

    def client_of(self, service: str, config: Config | None = None, *, loader: Loader | None = None) -> Any:
        """Build a client of another service with the same connection, endpoint table, proxy and CA bundle.

        :param config: laid over the connection's own.
        :param loader: reads botocore's models in the place of the session's own, which parses them anew.
        """
        session = self.get_session(region_name=self.region_name)
        if loader is not None:
            session._session.register_component("data_loader", loader)  # noqa: SLF001 - boto3 has no other way
        return session.client(
            service_name=service,
            endpoint_url=self.conn_config.get_service_endpoint_url(service_name=service),
            config=self._get_config().merge(config) if config else self._get_config(),
            verify=self.verify,
        )

    def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Call an operation by its method name and answer without boto's metadata.

        Where credentials are refused that were read a while ago, the connection is read again, and the call
        made once more: a refused call had no effect.
        """
        try:
            answer: dict[str, Any] = getattr(self.conn, operation)(**request)
        except (ClientError, NoCredentialsError) as error:
            if call_error(error).code not in REFUSALS or not self._forget_old_credentials():
                raise
            answer = getattr(self.conn, operation)(**request)
        answer.pop("ResponseMetadata", None)
        return answer

    def _forget_old_credentials(self) -> bool:
        """Drop what was built of the connection, if that was a while ago; say whether it was."""
        if time.monotonic() - self._built_at < RENEW_AFTER:
            return False
        for name in _CACHED:
            self.__dict__.pop(name, None)
        return True


def missing_connection(conn_id: str) -> BdaInputError:
    """Say that a connection is not there, and the mend."""
    return BdaInputError(
        f"the Airflow connection {conn_id!r} (aws_conn_id) does not exist. Create it, or pass aws_conn_id=None to use "
        "the machine's own AWS credentials"
    )
