"""The wire forms: parameters out of a request, answers and errors into a response.

JSON 1.0/1.1 and REST-JSON are spoken in full for the services served here; for what moto serves, only
errors are written (a fault rule may want one), in the form of the protocol the request came in.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from xml.sax.saxutils import escape

from airflow_provider_bda.emulator.messages import HttpRequest, HttpResponse, ServiceError, invalid
from airflow_provider_bda.emulator.reading import read
from airflow_provider_bda.emulator.writing import write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.model import OperationModel, Shape

    from airflow_provider_bda.emulator.routing import Route

#: HTTP status of errors where the model gives none: those every AWS service may answer, and the runtime's.
GENERAL_ERRORS: Mapping[str, int] = {
    "AccessDenied": 403,
    "ExpiredToken": 403,
    "ExpiredTokenException": 403,
    "IncompleteSignature": 403,
    "InternalFailure": 500,
    "InternalServerError": 500,
    "InternalServerException": 500,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "NotEmulated": 501,
    "ServiceUnavailable": 503,
    "ServiceUnavailableException": 503,
    "SlowDown": 503,
    "UnrecognizedClientException": 403,
}


def parameters_of(route: Route, request: HttpRequest) -> dict[str, Any]:
    """Read and validate the parameters of a request.

    :raises ServiceError: ValidationException, or SerializationException for a body that is no JSON.
    """
    shape = route.operation.input_shape
    if shape is None:
        return {}
    protocol = route.operation.service_model.metadata["protocol"]
    if protocol == "json":
        return read(shape, _json_body(request))
    return read(shape, _rest_members(route, request))


def _json_body(request: HttpRequest) -> dict[str, Any]:
    if not request.body.strip():
        return {}
    try:
        found = json.loads(request.body)
    except ValueError as error:
        raise ServiceError("SerializationException", f"the body is no JSON: {error}", 400) from error
    if not isinstance(found, dict):
        raise ServiceError("SerializationException", "the body is no JSON object", 400)
    return found


def _rest_members(route: Route, request: HttpRequest) -> dict[str, Any]:
    """Gather members from path, query, headers and body, as REST-JSON spreads them."""
    shape = route.operation.input_shape
    payload = shape.serialization.get("payload")
    body = _json_body(request) if payload is None or shape.members[payload].type_name == "structure" else {}
    query = request.query_fields
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        wire = member.serialization.get("name", name)
        match member.serialization.get("location"):
            case "uri":
                found[name] = _scalar(member, route.labels.get(wire))
            case "querystring" if member.type_name == "list":
                found[name] = (
                    [_scalar(member.member, item) for item in query[wire]] if wire in query else None
                )
            case "querystring":
                found[name] = _scalar(member, query.get(wire, [None])[0])
            case "header":
                found[name] = _scalar(member, request.headers.get(wire.lower()))
            case _ if name == payload:
                found[name] = body
            case _:
                found[name] = body.get(wire)
    return found


def _scalar(shape: Shape, text: str | None) -> Any:
    """Turn text from a path, query or header into the type the shape has."""
    if text is None:
        return None
    try:
        match shape.type_name:
            case "integer" | "long":
                return int(text)
            case "float" | "double":
                return float(text)
            case "boolean":
                return {"true": True, "false": False}[text]
            case _:
                return text
    except (KeyError, ValueError) as error:
        raise invalid(f"Value '{text}' must be of type {shape.type_name}") from error


def answer(operation: OperationModel, value: Mapping[str, Any], *, strict: bool = True) -> HttpResponse:
    """Write the answer of an operation.

    :raises TypeError: the answer does not fit the service's model.
    """
    metadata = operation.service_model.metadata
    shape = operation.output_shape
    body = write(shape, value, "unixtimestamp", strict=strict) if shape is not None else {}
    payload = shape.serialization.get("payload") if shape is not None else None
    if payload is not None:
        body = body.get(payload, {})
    return HttpResponse(
        int(operation.http.get("responseCode", 200)), _headers(metadata), json.dumps(body).encode()
    )


def failure(operation: OperationModel, error: ServiceError) -> HttpResponse:
    """Write an error in the form of the operation's service."""
    shape = next((shape for shape in operation.error_shapes if shape.error_code == error.code), None)
    word = "Message" if shape is not None and "Message" in shape.members else "message"
    metadata = operation.service_model.metadata
    body = json.dumps({"__type": error.code, word: error.message}).encode()
    return HttpResponse(_status(error, shape), (*_headers(metadata), ("x-amzn-ErrorType", error.code)), body)


def _status(error: ServiceError, shape: Shape | None = None) -> int:
    modelled = shape.metadata.get("error", {}).get("httpStatusCode") if shape is not None else None
    return int(error.status or modelled or GENERAL_ERRORS.get(error.code, 400))


def foreign_failure(service: str, request: HttpRequest, error: ServiceError) -> HttpResponse:
    """Write an error for a service moto serves, in the protocol the request speaks."""
    status = _status(error)
    code, words = escape(error.code), escape(error.message)
    if service == "s3":
        text = f"<Error><Code>{code}</Code><Message>{words}</Message></Error>"
        return HttpResponse(status, (("Content-Type", "application/xml"),), text.encode())
    if "x-www-form-urlencoded" in request.headers.get("content-type", ""):
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{words}</Message></Error>"
            f"<RequestId>{uuid4()}</RequestId></ErrorResponse>"
        )
        return HttpResponse(status, (("Content-Type", "text/xml"),), text.encode())
    body = json.dumps({"__type": error.code, "message": error.message}).encode()
    headers = (("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", error.code))
    return HttpResponse(status, headers, body)


def _headers(metadata: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    version = metadata.get("jsonVersion")
    kind = f"application/x-amz-json-{version}" if version else "application/json"
    return (("Content-Type", kind), ("x-amzn-RequestId", str(uuid4())))
