"""Which operation of which service a request is for, decided from botocore's service models.

Six services sign as ``bedrock``, so the signature alone cannot tell: the X-Amz-Target prefix is asked
first, then the method with the raw path. A request signed for another service (an S3 bucket may be
called "blueprints") is never taken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import botocore.session
from botocore.model import ServiceModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from botocore.loaders import Loader
    from botocore.model import OperationModel

    from airflow_provider_bda.emulator.messages import HttpRequest

_SCOPE = re.compile(r"Credential=(?P<key>[^/,\s]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")


@dataclass(frozen=True, slots=True)
class Credential:
    """Who signed a request, and for what.

    :param service: the signing name; None when the request is not signed (a bearer token, say).
    """

    access_key_id: str | None = None
    region: str | None = None
    service: str | None = None
    bearer: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """An operation and what the path said."""

    service: str
    operation: OperationModel
    labels: Mapping[str, str] = field(default_factory=dict)


@cache
def model_loader() -> Loader:
    """Answer the one reader of botocore's files in this process: what it keeps never changes."""
    loader: Loader = botocore.session.Session().get_component("data_loader")
    return loader


@cache
def service_model(name: str) -> ServiceModel:
    """Load one service's model."""
    return ServiceModel(model_loader().load_service_model(name, "service-2"), name)


def credential_of(request: HttpRequest) -> Credential:
    """Read the credential scope from the signature; presigned URLs carry it in the query."""
    header = request.headers.get("authorization", "")
    if header.startswith("Bearer "):
        return Credential(bearer=True)
    presigned = request.query_fields.get("X-Amz-Credential", [""])[0] if not header and request.query else ""
    found = _SCOPE.search(header or f"Credential={presigned}")
    if found is None:
        return Credential()
    return Credential(found["key"], found["region"], found["service"])


class Router:
    """Finds the operation of a request among the services this emulator speaks for itself.

    :param services: boto3's names of them.
    """

    def __init__(self, services: Iterable[str]) -> None:
        self._targets: dict[str, tuple[str, ServiceModel]] = {}
        self._paths: list[tuple[str, re.Pattern[str], str, OperationModel]] = []
        self._signing: set[str] = set()
        for name in services:
            model = service_model(name)
            self._signing.add(model.signing_name)
            if model.metadata.get("targetPrefix"):
                self._targets[model.metadata["targetPrefix"]] = (name, model)
            else:
                self._add_paths(name, model)
        # The longest literal text wins: /blueprints/{arn}/versions before /blueprints/{arn}.
        self._paths.sort(key=lambda row: -len(re.sub(r"\(\?P<\w+>.*?\)", "", row[1].pattern)))

    def _add_paths(self, name: str, model: ServiceModel) -> None:
        for operation_name in model.operation_names:
            operation = model.operation_model(operation_name)
            uri = operation.http["requestUri"].partition("?")[0].rstrip("/")
            self._paths.append((operation.http["method"], _pattern(uri), name, operation))

    def route(self, request: HttpRequest, credential: Credential) -> Route | None:
        """Answer the operation a request is for; None when it is not for one of our services."""
        unsigned = credential.service is None and not credential.bearer
        if credential.service not in self._signing and not credential.bearer and not unsigned:
            return None
        prefix, _, operation_name = request.headers.get("x-amz-target", "").rpartition(".")
        if prefix:
            name, model = self._targets.get(prefix, ("", None))
            if model is None or operation_name not in model.operation_names:
                return None
            return Route(name, model.operation_model(operation_name))
        # Unsigned, a path could as well be that of an S3 object.
        return None if unsigned else self._by_path(request)

    def _by_path(self, request: HttpRequest) -> Route | None:
        path = request.path.rstrip("/")
        for method, pattern, name, operation in self._paths:
            if method == request.method and (found := pattern.fullmatch(path)):
                labels: dict[str, Any] = {key: unquote(value) for key, value in found.groupdict().items()}
                return Route(name, operation, labels)
        return None


def _pattern(uri: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+\+?)\}", uri)
    text = ""
    for index, part in enumerate(parts):
        if index % 2 == 0:
            text += re.escape(part)
        elif part.endswith("+"):
            text += f"(?P<{part[:-1]}>.+)"
        else:
            text += f"(?P<{part}>[^/]+)"
    return re.compile(text)
