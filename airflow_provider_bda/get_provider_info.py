"""What Airflow registers of this provider. Imports nothing: Airflow calls it while it is still starting."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Answer the provider's metadata in the form of Airflow's ``provider_info.schema.json``."""
    integration = "Amazon Bedrock Data Automation"
    package = "airflow_provider_bda"
    return {
        "package-name": "airflow-provider-bda",
        "name": integration,
        "description": "Hooks, deferrable operators, sensors and triggers for Amazon Bedrock Data Automation.",
        "integrations": [
            {
                "integration-name": integration,
                "external-doc-url": "https://docs.aws.amazon.com/bedrock/latest/userguide/bda.html",
                "tags": ["aws"],
            }
        ],
        "operators": [
            {
                "integration-name": integration,
                "python-modules": [
                    f"{package}.operators.async_invoke",
                    f"{package}.operators.batch",
                    f"{package}.operators.blueprint",
                    f"{package}.operators.evaluation",
                    f"{package}.operators.invocation",
                    f"{package}.operators.knowledge_base",
                    f"{package}.operators.library",
                    f"{package}.operators.lookout_equipment",
                    f"{package}.operators.project",
                    f"{package}.operators.review",
                    f"{package}.operators.tables",
                ],
            },
        ],
        "hooks": [
            {
                "integration-name": integration,
                "python-modules": [
                    f"{package}.hooks.bedrock_async_invoke",
                    f"{package}.hooks.bedrock_data_automation",
                    f"{package}.hooks.bedrock_knowledge_base",
                    f"{package}.hooks.lookout_equipment",
                ],
            },
        ],
        "sensors": [
            {
                "integration-name": integration,
                "python-modules": [
                    f"{package}.sensors.async_invoke_list",
                    f"{package}.sensors.job",
                ],
            },
        ],
        "triggers": [
            {
                "integration-name": integration,
                "python-modules": [
                    f"{package}.triggers.async_invoke_list",
                    f"{package}.triggers.batch",
                    f"{package}.triggers.events",
                    f"{package}.triggers.job",
                ],
            },
        ],
        "extra-links": [
            f"{package}.links.BdaMonitorLink",
            f"{package}.links.BdaOutputLink",
            f"{package}.links.BdaProjectLink",
        ],
        "config": {
            "bda": {
                "description": "Options of airflow-provider-bda.",
                "options": {
                    "default_tags": {
                        "description": "Tags put on every job, as a JSON object of strings.",
                        "type": "string",
                        "example": '{"team": "claims"}',
                        "default": None,
                        "version_added": "0.1.0",
                    },
                    "airflow_tags": {
                        "description": (
                            "Whether every job is tagged with airflow_dag_id and airflow_task_id. "
                            "Tagging needs the permission bedrock:TagResource."
                        ),
                        "type": "boolean",
                        "example": None,
                        "default": "True",
                        "version_added": "0.1.0",
                    },
                    "ui_documents": {
                        "description": (
                            "What the UI shows of documents: 'redacted' shows only the redacted files and no "
                            "page of a job whose project redacts, and originals elsewhere; 'full' shows "
                            "originals; 'off' shows no document."
                        ),
                        "type": "string",
                        "example": None,
                        "default": "redacted",
                        "version_added": "0.1.0",
                    },
                    "require_assumed_role": {
                        "description": (
                            "Whether waiting is refused to a triggerer that would use the machine's own AWS "
                            "credentials: aws_conn_id=None, or a connection with neither role_arn nor keys."
                        ),
                        "type": "boolean",
                        "example": None,
                        "default": "False",
                        "version_added": "0.1.0",
                    },
                },
            }
        },
    }
