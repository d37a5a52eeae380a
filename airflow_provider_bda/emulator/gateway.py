"""The gateway: from an HTTP request to an HTTP response, without a socket.

Order of decision: the admin path, then our own services by X-Amz-Target and by raw path, then moto.
Serving one more operation means giving a service one more method, named as boto3 names the operation.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs, unquote

from airflow_provider_bda.emulator.calls import Call
from airflow_provider_bda.emulator.faults import Effect, bent
from airflow_provider_bda.emulator.messages import HttpRequest, HttpResponse, ServiceError
from airflow_provider_bda.emulator.protocols import answer, failure, foreign_failure, parameters_of
from airflow_provider_bda.emulator.routing import Credential, Route, Router, credential_of
from airflow_provider_bda.jobs.kind import method_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_bda.emulator.world import World

log = logging.getLogger(__name__)

ADMIN = "/_bda"


class Service(Protocol):
    """One AWS service of ours: a method per served operation, named as boto3 names it.

    :param name: boto3's name of the service.
    :param blocking: methods that may take long, and so run in a thread of the server.
    """

    name: str
    blocking: frozenset[str]

    def claims(self, route: Route, request: HttpRequest) -> bool:
        """Say whether a request on a path shared with another service is ours."""

    def input_uri(self, parameters: Mapping[str, Any]) -> str:
        """Name the input S3 URI a call is about, for fault rules; empty if it has none."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done with a request.

    :param blocking: whether to do it in a thread.
    """

    request: HttpRequest
    credential: Credential
    route: Route | None
    blocking: bool


class Gateway:
    """Answers requests for one emulator.

    :param world: its state.
    :param services: the services spoken for here; the first that claims a request has it.
    :param admin: answers the admin path.
    """

    def __init__(
        self, world: World, services: Sequence[Service], admin: Callable[[HttpRequest], HttpResponse]
    ) -> None:
        self._world = world
        self._services = {service.name: service for service in services}
        self._router = Router(self._services)
        self._admin = admin
        #: Where the server can be reached; moto writes it into queue URLs.
        self.base_url = "http://127.0.0.1"

    def plan(self, request: HttpRequest) -> Plan:
        """Find out who answers a request; quick, so that a server may ask on its event loop."""
        credential = credential_of(request)
        if request.path.startswith((f"{ADMIN}/", "/moto-api/reset")) or request.path == ADMIN:
            return Plan(request, credential, None, blocking=True)
        route = self._router.route(request, credential)
        if route is None or not self._services[route.service].claims(route, request):
            return Plan(request, credential, None, blocking=True)
        blocking = route.operation.name in self._services[route.service].blocking
        return Plan(request, credential, route, blocking)

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        return self.perform(self.plan(request))

    def perform(self, plan: Plan) -> HttpResponse:
        """Answer a planned request."""
        path = plan.request.path
        if path == ADMIN or path.startswith(f"{ADMIN}/"):
            return self._admin(plan.request)
        if path == "/moto-api/reset":
            # moto's own reset would also empty every other emulator of this process.
            return self._admin(replace(plan.request, path=f"{ADMIN}/reset"))
        return self._ours(plan, plan.route) if plan.route is not None else self._forward(plan)

    def _call(self, plan: Plan, service: str, operation: str) -> Call:
        credential = plan.credential
        return Call(
            service=service,
            operation=operation,
            account=self._world.moto.account_of(credential.access_key_id),
            region=credential.region or self._world.settings.region,
            access_key_id=credential.access_key_id,
            time=self._world.clock.now(),
        )

    def _ours(self, plan: Plan, route: Route) -> HttpResponse:
        """Answer an operation of ours: read, throttle, act, write; faults around it."""
        operation = route.operation
        call = self._call(plan, route.service, operation.name)
        refused = self._read(plan, route, call)
        # Noted once it is read: whoever looks at the calls meanwhile sees whole ones only.
        self._world.calls.add(call)
        if route.service in self._world.settings.ended_services:
            return _reset(Effect(), call)
        service = self._services[route.service]
        effect = self._world.faults.for_call(operation.name, service.input_uri(call.parameters))
        if effect.reset:
            return _reset(effect, call)
        try:
            response = self._answer(route, self._act(service, call, effect, refused), effect)
        except ServiceError as error:
            call.error = error.code
            response = failure(operation, error)
        except Exception as error:
            log.exception("%s failed inside the emulator", operation.name)
            call.error = "InternalServerException"
            words = f"the emulator failed at {operation.name}: {error!r}"
            response = failure(operation, ServiceError("InternalServerException", words, 500))
        return _bent(response, effect, call)

    def _act(
        self, service: Service, call: Call, effect: Effect, refused: ServiceError | None
    ) -> Mapping[str, Any]:
        """Have the operation's effect, unless something stands against it."""
        handler = getattr(service, method_name(call.operation), None)
        if handler is None:
            raise ServiceError("NotEmulated", _not_emulated(service.name, call.operation))
        if effect.error:
            raise ServiceError(effect.error.error or "", effect.error.message, effect.error.status)
        rate = self._world.settings.requests_per_second.get(call.operation)
        if rate is not None:
            self._world.throttle.take((call.account, call.region, call.operation), rate)
        if refused:
            raise refused
        found: Mapping[str, Any] = handler(call)
        return found

    @staticmethod
    def _read(plan: Plan, route: Route, call: Call) -> ServiceError | None:
        """Read the parameters into the call; a refusal waits its turn behind faults and throttling, as on the wire."""
        if plan.credential.service is None and not plan.credential.bearer:
            return ServiceError("MissingAuthenticationTokenException", "Missing Authentication Token")
        try:
            call.parameters = parameters_of(route, plan.request)
        except ServiceError as error:
            return error
        return None

    @staticmethod
    def _answer(route: Route, value: Mapping[str, Any], effect: Effect) -> HttpResponse:
        if effect.answer is None:
            return answer(route.operation, value)
        return answer(route.operation, bent(dict(value), dict(effect.answer)), strict=False)

    def _forward(self, plan: Plan) -> HttpResponse:
        """Let moto answer; faults around it."""
        request = plan.request
        service = plan.credential.service or "s3"
        operation = _foreign_operation(request)
        call = self._call(plan, service, operation)
        call.parameters = {"path": unquote(request.path)}
        self._world.calls.add(call)
        uri = f"s3:/{unquote(request.path)}" if service == "s3" else ""
        effect = self._world.faults.for_call(f"{service}:{operation}", uri)
        if effect.reset:
            return _reset(effect, call)
        if effect.error:
            call.error = effect.error.error
            error = ServiceError(effect.error.error or "", effect.error.message, effect.error.status)
            return replace(foreign_failure(service, request, error), delay=effect.delay)
        return _bent(self._moto(service, operation, request, call), effect, call)

    def _moto(self, service: str, operation: str, request: HttpRequest, call: Call) -> HttpResponse:
        try:
            response = self._world.moto.handle(request, call.account, self.base_url)
        except Exception as error:
            log.debug("moto failed at %s %s", service, operation, exc_info=True)
            words = f"{_not_emulated(service, operation)} moto failed: {error!r}"
            response = foreign_failure(service, request, ServiceError("NotEmulated", words))
        else:
            html = any(
                name.lower() == "content-type" and "text/html" in kind for name, kind in response.headers
            )
            if html and service != "s3" and response.status in {404, 500, 501}:
                words = _not_emulated(service, operation)
                response = foreign_failure(service, request, ServiceError("NotEmulated", words))
        if response.status >= 400:
            call.error = str(response.status)
        return response


def _reset(effect: Effect, call: Call) -> HttpResponse:
    """Answer nothing at all."""
    call.error = "ConnectionReset"
    return HttpResponse(0, abort=True, delay=effect.delay)


def _bent(response: HttpResponse, effect: Effect, call: Call) -> HttpResponse:
    """Lay what a fault does to a finished answer over it."""
    if effect.lose_answer:
        call.error = "AnswerLost"
        return replace(response, abort=True, delay=effect.delay)
    return replace(response, delay=effect.delay) if effect.delay else response


def _foreign_operation(request: HttpRequest) -> str:
    """Name the operation of a request for moto as well as the wire tells it."""
    target = request.headers.get("x-amz-target")
    if target:
        return target.rpartition(".")[2]
    if "x-www-form-urlencoded" in request.headers.get("content-type", ""):
        return parse_qs(request.body.decode("latin-1")).get("Action", [request.method])[0]
    return request.method


def _not_emulated(service: str, operation: str) -> str:
    return f"{operation} of {service} is not emulated by airflow_provider_bda.emulator."


def json_response(value: Any, status: int = 200) -> HttpResponse:
    """Write an answer of the admin path."""
    body = json.dumps(value, default=str, indent=2).encode() + b"\n"
    return HttpResponse(status, (("Content-Type", "application/json"),), body)
