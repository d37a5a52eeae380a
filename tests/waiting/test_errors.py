from __future__ import annotations

import pytest
from botocore import exceptions as boto

from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.jobs.decision import Nature
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

WHERE = {"endpoint_url": "https://aws", "error": "down"}


@pytest.mark.parametrize(
    "error",
    [
        boto.EndpointConnectionError(**WHERE),
        boto.ConnectTimeoutError(**WHERE),
        boto.ReadTimeoutError(**WHERE),
        boto.ConnectionClosedError(**WHERE),
        boto.HTTPClientError(error="down"),
        boto.ProxyConnectionError(proxy_url="http://proxy", error="down"),
        boto.IncompleteReadError(actual_bytes=1, expected_bytes=2),
        boto.NoCredentialsError(),
        boto.CredentialRetrievalError(provider="iam-role", error_msg="down"),
        ConnectionResetError("down"),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_network_that_is_down_passes_by_itself(error):
    assert isinstance(error, CALL_ERRORS)
    seen = call_error(error)
    assert (seen.code, seen.nature) == (type(error).__name__, Nature.TRANSIENT)


@pytest.mark.parametrize(
    "error",
    [
        boto.SSLError(**WHERE),
        boto.ParamValidationError(report="wrong"),
        boto.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
        boto.NoRegionError(),
        BdaInputError("no such connection"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_was_set_up_wrongly_stays_wrong(error):
    assert isinstance(error, CALL_ERRORS)
    assert call_error(error).nature is Nature.PERMANENT


def client_error(code, status, **answer):
    return boto.ClientError(
        {"Error": {"Code": code, **answer}, "ResponseMetadata": {"HTTPStatusCode": status}},
        "GetDataAutomationStatus",
    )


@pytest.mark.parametrize(
    ("error", "nature"),
    [
        (client_error("ThrottlingException", 400), Nature.THROTTLED),
        (client_error("SomethingNew", 429), Nature.THROTTLED),
        (client_error("InternalServerException", 500), Nature.TRANSIENT),
        (client_error("ExpiredTokenException", 403), Nature.TRANSIENT),
        (client_error("ResourceNotFoundException", 400), Nature.GONE),
        (client_error("AccessDeniedException", 403), Nature.PERMANENT),
    ],
    ids=lambda value: getattr(value, "response", {}).get("Error", {}).get("Code", None) or str(value),
)
def test_the_services_errors_are_told_apart_by_code_and_status(error, nature):
    assert call_error(error).nature is nature
