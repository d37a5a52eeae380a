"""Turns what a boto or aiobotocore call raised into the pure :class:`~airflow_provider_bda.jobs.decision.CallError`.

Only what a service call can raise is turned; a programming error stays an exception.
"""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ProxyConnectionError,
    ResponseStreamingError,
    TokenRetrievalError,
)

from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.jobs.decision import STALE_CREDENTIALS, CallError, Nature, nature_of

# No credentials is transient: a metadata service that hiccups says just that (apache/airflow #45622).
_PASSING = (
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ProxyConnectionError,
    ResponseStreamingError,
    TokenRetrievalError,
)

#: Codes that say: not with these credentials. Others may do, if the connection was changed meanwhile.
REFUSALS = STALE_CREDENTIALS | frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "InvalidAccessKeyId",
        "InvalidToken",
        "NoCredentialsError",
        "NotAuthorized",
        "UnauthorizedException",
    }
)

#: What may be caught around a service call.
CALL_ERRORS = (ClientError, BotoCoreError, OSError, TimeoutError, BdaInputError)


def call_error(error: BaseException) -> CallError:
    """Classify an exception out of :data:`CALL_ERRORS`."""
    if isinstance(error, ClientError):
        detail = error.response.get("Error", {})
        code = str(detail.get("Code") or type(error).__name__)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        words = str(detail.get("Message") or error.response.get("message") or "no message")
        return CallError(code, words, nature_of(code, status))
    if isinstance(error, BdaInputError):
        return CallError(type(error).__name__, str(error), Nature.PERMANENT)
    passing = isinstance(error, _PASSING) or not isinstance(error, BotoCoreError)
    return CallError(type(error).__name__, str(error), Nature.TRANSIENT if passing else Nature.PERMANENT)
