"""The one module that asks Airflow's security who is there and what they may see.

Airflow does not authenticate an application it mounts, and its ready-made dependencies for lists look for the
auth manager in the wrong application; what is used here is tried in both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, get_user, requires_access_dag
from fastapi import Depends, HTTPException

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["GetUserDep", "authenticated", "readable", "reads_tasks"]

#: Anybody who is logged in: 401 without a token, 403 with a bad one.
authenticated = Depends(get_user)


def _one_dag(dag_id: str) -> None:
    # To Airflow's dependency this word means "any Dag", which is no Dag to show.
    if dag_id == "~":
        raise HTTPException(404, "~ is no Dag")


#: The user may see the task instances of the Dag in the path, and its XComs, which name the documents.
reads_tasks = [
    Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE)),
    Depends(requires_access_dag("GET", DagAccessEntity.XCOM)),
    Depends(_one_dag),
]


def readable(user: Any, dag_ids: Iterable[str]) -> set[str]:
    """Answer which of these Dags the user may see, with their task instances and XComs."""
    manager = get_auth_manager()
    wanted = set(dag_ids)
    allowed = wanted & set(manager.get_authorized_dag_ids(user=user, method="GET")) if wanted else set()
    return {
        dag_id
        for dag_id in allowed
        if all(
            manager.is_authorized_dag(
                method="GET", access_entity=entity, details=DagDetails(id=dag_id), user=user
            )
            for entity in (DagAccessEntity.TASK_INSTANCE, DagAccessEntity.XCOM)
        )
    }
