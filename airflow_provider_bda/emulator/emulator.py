"""The emulator as an object: started by ``with``, ready with clients, settings, faults and records."""

from __future__ import annotations

import json
import os
import socket
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

import boto3
import botocore.session
from botocore.config import Config

from airflow_provider_bda.emulator.admin import Admin
from airflow_provider_bda.emulator.backing import Moto, take_account
from airflow_provider_bda.emulator.clock import SystemClock
from airflow_provider_bda.emulator.gateway import Gateway
from airflow_provider_bda.emulator.routing import model_loader, service_model
from airflow_provider_bda.emulator.server import Server
from airflow_provider_bda.emulator.services.all import served_here
from airflow_provider_bda.emulator.services.analysing import Analyst
from airflow_provider_bda.emulator.services.arns import PROFILES
from airflow_provider_bda.emulator.settings import Settings
from airflow_provider_bda.emulator.world import World
from airflow_provider_bda.jobs.profile import partition_of

if TYPE_CHECKING:
    from types import ModuleType, TracebackType

    from airflow_provider_bda.emulator.calls import Call
    from airflow_provider_bda.emulator.clock import Clock
    from airflow_provider_bda.emulator.faults import Fault
    from airflow_provider_bda.emulator.runner import Job

ACCESS_KEY_ID = "AKIABDAEMULATOR"
SECRET_ACCESS_KEY = "made-up"  # noqa: S105 - signs nothing but requests to this machine


class Emulator:
    """AWS on this machine, as far as Bedrock Data Automation needs it.

    Several may run in one process; each has an account of its own and shares nothing with the others.

    :param settings: its settings; change them at any time through :attr:`settings`.
    :param clock: its time; a :class:`ManualClock` stands still until a test advances it.
    :param host: where it listens. It has no passwords: think twice before leaving loopback.
    :param port: 0 takes a free one.
    :param analysis: the package that reads documents, for tests of the emulator itself.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        clock: Clock | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        analysis: ModuleType | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self._given_clock = clock
        self._where = (host, port)
        self._analysis = analysis
        self._clients: dict[tuple[str, str], Any] = {}
        self._world: World | None = None
        self._server: Server | None = None
        self._nobody: socket.socket | None = None
        self._session: Any = None

    # --- life --------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start serving.

        :raises RuntimeError: it runs already.
        :raises OSError: the port is taken.
        :raises ValueError: another emulator of this process has the account that was asked for.
        """
        if self._server is not None:
            raise RuntimeError("this emulator is already running")
        moto = Moto(take_account(self.settings.account))
        try:
            world = World(self.settings, self._given_clock or SystemClock(), moto)
            analysis = self._analysis or import_module("airflow_provider_bda.emulator.analysis")
            services = served_here(world, Analyst(world, analysis))
            server = Server(Gateway(world, services, Admin(world)), *self._where)
            self._nobody = _port_without_listener(self._where[0])
        except BaseException:
            moto.close()
            raise
        server.start()
        self._world, self._server = world, server
        core = botocore.session.Session()
        core.register_component("data_loader", model_loader())
        self._session = boto3.session.Session(botocore_session=core)
        return self

    def stop(self) -> None:
        """Stop serving, close the clients given out and forget everything. Stopping twice is no error."""
        if self._server is None:
            return
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        self._server.stop()
        if self._given_clock is None:
            self.clock.close()
        self._running.close()
        if self._nobody is not None:
            self._nobody.close()
        self._server = self._world = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def _running(self) -> World:
        if self._world is None:
            raise RuntimeError("this emulator is not running: use `with Emulator() as aws:` or call start()")
        return self._world

    # --- reaching it -------------------------------------------------------------------------------

    @property
    def endpoint_url(self) -> str:
        """Where it listens."""
        if self._server is None:
            raise RuntimeError("this emulator is not running: use `with Emulator() as aws:` or call start()")
        return self._server.url

    @property
    def absent_url(self) -> str:
        """A URL of this machine where nobody listens: the endpoint of a service AWS has ended."""
        if self._nobody is None or self._server is None:
            raise RuntimeError("this emulator is not running: use `with Emulator() as aws:` or call start()")
        host, port = self._nobody.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def region(self) -> str:
        """The Region of the ready-made clients and of the connection."""
        return self.settings.region

    @property
    def account(self) -> str:
        """The account id callers have."""
        return self._running.moto.account

    @property
    def clock(self) -> Clock:
        """Its time."""
        return self._running.clock

    @property
    def profile_arn(self) -> str:
        """The data automation profile of its Region."""
        profile = PROFILES[self.region]
        return f"arn:{partition_of(self.region)}:bedrock:{self.region}:{self.account}:data-automation-profile/{profile}"

    def client(self, service: str, **options: Any) -> Any:
        """Answer a boto3 client for a service; it is closed when the emulator stops.

        :param service: boto3's name of it.
        :param options: as for ``boto3.client``; without any, the same client is answered again.
        """
        ended = service in self.settings.ended_services
        key = (service, f"{ended} {sorted(options.items())!r}" if options or ended else "")
        if key not in self._clients:
            given = {
                "region_name": self.region,
                "endpoint_url": self.absent_url if ended else self.endpoint_url,
                "aws_access_key_id": ACCESS_KEY_ID,
                "aws_secret_access_key": SECRET_ACCESS_KEY,
                "config": Config(s3={"addressing_style": "path"}),
                **options,
            }
            self._clients[key] = self._session.client(service, **given)
        return self._clients[key]

    def connection(self) -> dict[str, Any]:
        """Answer an Airflow connection of type ``aws`` that leads here, in Airflow's JSON form."""
        return {
            "conn_type": "aws",
            "login": ACCESS_KEY_ID,
            "password": SECRET_ACCESS_KEY,
            "extra": {
                "region_name": self.region,
                "endpoint_url": self.endpoint_url,
                # The Amazon provider does not take endpoint_url for the call that assumes a role.
                "service_config": {
                    "sts": {"endpoint_url": self.endpoint_url},
                    **{name: {"endpoint_url": self.absent_url} for name in self.settings.ended_services},
                },
            },
        }

    def environ(self, *connections: str) -> dict[str, str]:
        """Answer environment variables that lead here: Airflow connections, and AWS's own for SDKs.

        :param connections: connection ids; ``aws_default`` without any.
        """
        uri = json.dumps(self.connection())
        return {
            **{f"AIRFLOW_CONN_{name.upper()}": uri for name in connections or ("aws_default",)},
            "AWS_ENDPOINT_URL": self.endpoint_url,
            **{
                f"AWS_ENDPOINT_URL_{_variable(name)}": self.absent_url
                for name in self.settings.ended_services
            },
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            # What lies in the home directory must not get a say.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    # --- looking and meddling ------------------------------------------------------------------------

    def calls(self, operation: str | None = None) -> list[Call]:
        """Answer the calls received, oldest first.

        :param operation: only those of this operation, e.g. ``InvokeDataAutomationAsync``.
        """
        return self._running.calls.of(operation)

    def jobs(self) -> list[Job]:
        """Answer every job, oldest first."""
        return self._running.runner.jobs()

    def fault(self, fault: Fault) -> None:
        """Add a fault rule."""
        self._running.faults.add(fault)

    def clear_faults(self) -> None:
        """Take every fault rule away."""
        self._running.faults.clear()

    def settle(self) -> None:
        """Wait until no document is being read and no event is on its way; time does not pass by it."""
        self._running.runner.settle()

    def reset(self) -> None:
        """Forget jobs, resources, buckets, queues, tokens, faults and calls; settings stay."""
        self._running.reset()


def _port_without_listener(host: str) -> socket.socket:
    """Bind a port and do not listen on it: connections are refused, and nobody else can take it."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
    found = socket.socket(family, kind, protocol)
    found.bind(address)
    return found


def _variable(service: str) -> str:
    """Answer a service's id as the SDKs write it in the names of environment variables."""
    return str(service_model(service).service_id).replace(" ", "_").upper()
