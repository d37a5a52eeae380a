"""The fields of blueprints by ARN and version, each asked for once (GetBlueprint)."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationHook
from airflow_provider_bda.tables.shapes import Shape, shape_of_schema
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from airflow_provider_bda.aws import AwsTarget

_log = logging.getLogger(__name__)


class BlueprintShapes:
    """Looks up what fields a blueprint declares.

    :param target: which AWS is asked; in the blueprint's own Region.
    """

    def __init__(self, target: AwsTarget) -> None:
        self._target = target
        self._hooks: dict[str, BedrockDataAutomationHook] = {}
        self._known: dict[tuple[str, str | None], Shape | None] = {}

    def __call__(self, arn: str, version: str | None) -> Shape | None:
        """Answer its fields; None where they may not be read: then the results tell."""
        key = (arn, version)
        if key not in self._known:
            self._known[key] = self._ask(arn, version)
        return self._known[key]

    def _ask(self, arn: str, version: str | None) -> Shape | None:
        parts = arn.split(":")
        if len(parts) < 6 or parts[4] == "aws":  # AWS's own samples cannot be read
            return None
        request = {"blueprintArn": ":".join(parts[:6])}
        if version:
            request["blueprintVersion"] = version
        try:
            answer = self._hook(parts[3]).get_blueprint(**request)
            return shape_of_schema(json.loads(answer["blueprint"]["schema"]))
        except CALL_ERRORS as raised:
            error = call_error(raised)
            _log.warning(
                "the schema of %s could not be read (%s), so its columns come from the results. It needs bedrock:GetBlueprint",
                ":".join(filter(None, (arn, version))),
                error.code,
            )
        except (KeyError, ValueError):
            _log.warning("the schema of %s is no JSON object, so its columns come from the results", arn)
        return None

    def _hook(self, region: str) -> BedrockDataAutomationHook:
        if region not in self._hooks:
            self._hooks[region] = BedrockDataAutomationHook.for_target(
                replace(self._target, region_name=region)
            )
        return self._hooks[region]
