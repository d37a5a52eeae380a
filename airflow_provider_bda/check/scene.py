"""What the checks of a preflight share: the hook's clients, who is asking, and how an error is read.

Everything goes through the hook's own connection (role, endpoint table, proxy, CA bundle), so that what is
checked is what a task would use.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from airflow_provider_bda import iam
from airflow_provider_bda.check.findings import Finding, Verdict
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.jobs.decision import Nature
from airflow_provider_bda.waiting.errors import CALL_ERRORS, REFUSALS, call_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bda.hooks.base import BdaBaseHook

RUNTIME = "bedrock-data-automation-runtime"
CONTROL = "bedrock-data-automation"
DENIED = frozenset({"403", "AccessDenied", "AccessDeniedException", "Forbidden", "UnauthorizedException"})
#: Somebody waits for the table: no endpoint is given minutes.
PATIENCE = Config(connect_timeout=8, read_timeout=20, retries={"total_max_attempts": 2, "mode": "standard"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a preflight looks at; what is left out is not looked at.

    :param project: the project's ARN or name.
    :param project_stage: "LIVE" or "DEVELOPMENT".
    :param input_s3_uri: a file, or a prefix that ends in "/".
    :param output_s3_uri: the prefix of the output.
    :param kms_key_id: the customer's key for the output.
    :param profile_arn: the data-automation profile, where the Region's own shall not be used.
    :param submit: whether to buy a page: submit a made document and wait for it.
    """

    project: str | None = None
    project_stage: str | None = None
    input_s3_uri: str | None = None
    output_s3_uri: str | None = None
    kms_key_id: str | None = None
    profile_arn: str | None = None
    submit: bool = False


class Scene:
    """One preflight under way.

    :param hook: whose connection is checked.
    :param plan: what is looked at.
    """

    def __init__(self, hook: BdaBaseHook, plan: Plan) -> None:
        self.hook = hook
        self.plan = plan
        self._session: Any = None
        self._clients: dict[str, Any] = {}
        self.region = ""
        self.account: str | None = None
        #: The project's ARN, once it is known.
        self.project_arn = plan.project if (plan.project or "").startswith("arn:") else None

    def client(self, service: str) -> Any:
        """Answer a client that gives up soon."""
        if service not in self._clients:
            if self._session is None:
                self._session = self.hook.get_session(region_name=self.hook.region_name)
            self._clients[service] = self._session.client(
                service_name=service,
                endpoint_url=self.hook.conn_config.get_service_endpoint_url(service_name=service),
                config=PATIENCE.merge(self.hook.config),
                verify=self.hook.verify,
            )
        return self._clients[service]

    def statement(self, sid: str, *actions: str) -> dict[str, Any]:
        """Build the statement of the policy that allows something, or some actions of it."""
        scope = iam.Scope(
            region=self.region,
            account=self.account or "*",
            project=self.project_arn,
            input_s3_uri=self.plan.input_s3_uri,
            output_s3_uri=self.plan.output_s3_uri,
            kms_key=self.plan.kms_key_id,
        )
        need = iam.find(sid)
        return iam.statement(replace(need, actions=actions) if actions else need, scope)

    def attempt(
        self,
        what: str,
        call: Callable[[], Any],
        passed: str | Callable[[Any], str],
        *,
        statement: dict[str, Any] | None = None,
        optional: bool = False,
        fine: frozenset[str] = frozenset(),
    ) -> tuple[Any, Finding]:
        """Try a call; answer what it answered (None if it failed) and what that means.

        :param passed: what to say if it succeeds.
        :param statement: what is missing in IAM if it is denied.
        :param optional: whether a failure only means that it cannot be told.
        :param fine: error codes that are as good as success.
        """
        try:
            answer = call()
        except CALL_ERRORS as error:
            seen = call_error(error)
            if seen.code in fine:
                return None, Finding(what, Verdict.PASS, passed if isinstance(passed, str) else seen.code)
            verdict = Verdict.CANNOT_TELL if optional else _verdict(seen.nature, seen.code)
            missing = statement if seen.code in DENIED else None
            words = seen.message if isinstance(error, BdaInputError) else f"{seen.code}: {seen.message}"
            return None, Finding(what, verdict, words, missing)
        return answer, Finding(what, Verdict.PASS, passed if isinstance(passed, str) else passed(answer))


def _verdict(nature: Nature, code: str) -> Verdict:
    """Tell a refusal, which stands, from a service that is busy. Credentials that are refused stand, too."""
    if nature is Nature.THROTTLED:
        return Verdict.CANNOT_TELL
    if nature is Nature.TRANSIENT and code not in REFUSALS and code.endswith(("Exception", "Unavailable")):
        return (
            Verdict.CANNOT_TELL
        )  # the service's own trouble; a network that does not lead there is a failure
    return Verdict.FAIL
