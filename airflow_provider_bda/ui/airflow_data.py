"""The one module that reads Airflow's tables. They are no public interface: tests hold it to both Airflows.

Columns only, by the prefix of an index, and never a query a row: a thousand mapped tasks cost four queries.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow.models.connection import Connection
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import func, select, tuple_

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from sqlalchemy.orm import Session

#: What operators of this package push before they wait.
JOB_KEY, BATCH_KEY = "bda_job", "bda_batch"
#: What an operator returned.
RESULT_KEY = "return_value"
#: What an operator pushes when the service ended its job badly.
ERROR_KEY = "bda_error"
#: Tuples in one IN: SQLite takes 32,766 variables, others fewer.
_CHUNK = 250

TaskKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Instance:
    """One task instance.

    :param xcoms: what it pushed, of the keys that were asked for.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    state: str | None
    label: str | None
    start: datetime | None
    end: datetime | None
    try_number: int
    xcoms: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Group:
    """A task of a run that processes documents, mapped or not; or one batch.

    :param map_index: of a batch; None for a task's jobs together.
    :param states: how many task instances are in which state.
    :param batch: what the batch operator pushed; None for single jobs.
    :param result: what the batch operator returned, once it has.
    """

    dag_id: str
    run_id: str
    task_id: str
    started: datetime
    map_index: int | None = None
    states: dict[str | None, int] = field(default_factory=dict)
    ended: datetime | None = None
    batch: dict[str, Any] | None = None
    result: dict[str, Any] | None = None

    @property
    def key(self) -> TaskKey:
        """The task of the run."""
        return self.dag_id, self.run_id, self.task_id


def session_scope() -> Any:
    """Open a session that is closed at the end of the ``with``."""
    return create_session(scoped=False)


def find_groups(
    session: Session,
    *,
    since: datetime | None,
    dag_id: str | None = None,
    run_id: str | None = None,
    task_id: str | None = None,
) -> list[Group]:
    """Find what processes documents, newest first, of every Dag: who asks must drop what the user may not see."""
    query = select(
        XComModel.dag_id,
        XComModel.run_id,
        XComModel.task_id,
        func.min(XComModel.timestamp),
    ).where(XComModel.key == JOB_KEY)
    batches = select(
        XComModel.dag_id,
        XComModel.run_id,
        XComModel.task_id,
        XComModel.map_index,
        XComModel.timestamp,
        XComModel.value,
    ).where(XComModel.key == BATCH_KEY)
    conditions = []
    if since is not None:
        conditions.append(XComModel.timestamp >= since)
    if dag_id:
        conditions.append(XComModel.dag_id == dag_id)
    if run_id:
        conditions.append(XComModel.run_id == run_id)
    if task_id:
        conditions.append(XComModel.task_id == task_id)
    query = query.where(*conditions).group_by(XComModel.dag_id, XComModel.run_id, XComModel.task_id)
    found = [Group(dag, run, task, started) for dag, run, task, started in session.execute(query)]
    for dag, run, task, map_index, started, value in session.execute(batches.where(*conditions)):
        told = _value(value)
        if isinstance(told, dict):
            found.append(Group(dag, run, task, started, map_index, batch=told))
    return sorted(found, key=lambda group: group.started, reverse=True)


def fill_groups(session: Session, groups: Iterable[Group]) -> None:
    """Read the states of the groups' task instances, and what batches returned."""
    by_task: dict[TaskKey, list[Group]] = defaultdict(list)
    for group in groups:
        by_task[group.key].append(group)
    for keys in _chunks(list(by_task)):
        _fill_states(session, keys, by_task)
    batches = [key for key, members in by_task.items() if any(member.batch for member in members)]
    for keys in _chunks(batches):
        for dag, run, task, map_index, state, end in session.execute(
            select(
                TaskInstance.dag_id,
                TaskInstance.run_id,
                TaskInstance.task_id,
                TaskInstance.map_index,
                TaskInstance.state,
                TaskInstance.end_date,
            ).where(_among(TaskInstance, keys))
        ):
            for group in by_task[dag, run, task]:
                if group.map_index == map_index:
                    group.states, group.ended = {state: 1}, end
        for dag, run, task, map_index, value in session.execute(
            select(
                XComModel.dag_id, XComModel.run_id, XComModel.task_id, XComModel.map_index, XComModel.value
            ).where(_among(XComModel, keys), XComModel.key == RESULT_KEY)
        ):
            for group in by_task[dag, run, task]:
                if group.map_index == map_index and isinstance(told := _value(value), dict):
                    group.result = told


def _fill_states(session: Session, keys: list[TaskKey], by_task: dict[TaskKey, list[Group]]) -> None:
    rows = session.execute(
        select(
            TaskInstance.dag_id,
            TaskInstance.run_id,
            TaskInstance.task_id,
            TaskInstance.state,
            func.count(),
            func.max(TaskInstance.end_date),
        )
        .where(_among(TaskInstance, keys))
        .group_by(TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.task_id, TaskInstance.state)
    )
    for dag, run, task, state, count, end in rows:
        for group in by_task[dag, run, task]:
            if group.map_index is None:
                group.states[state] = count
                group.ended = max(filter(None, (group.ended, end)), default=None)


def find_instances(
    session: Session,
    dag_id: str,
    run_id: str,
    task_id: str,
    *,
    map_index: int | None = None,
    keys: tuple[str, ...] = (JOB_KEY, BATCH_KEY, RESULT_KEY, ERROR_KEY),
) -> list[Instance]:
    """Read the task instances of a task of a run, by map index, with what they pushed."""
    where = [
        TaskInstance.dag_id == dag_id,
        TaskInstance.run_id == run_id,
        TaskInstance.task_id == task_id,
        *([TaskInstance.map_index == map_index] if map_index is not None else []),
    ]
    rows = session.execute(
        select(
            TaskInstance.map_index,
            TaskInstance.state,
            TaskInstance._rendered_map_index,  # noqa: SLF001 - the column has no other name
            TaskInstance.start_date,
            TaskInstance.end_date,
            TaskInstance.try_number,
        )
        .where(*where)
        .order_by(TaskInstance.map_index)
    ).all()
    pushed: dict[int, dict[str, Any]] = defaultdict(dict)
    if rows:
        for index, key, value in session.execute(
            select(XComModel.map_index, XComModel.key, XComModel.value).where(
                XComModel.dag_id == dag_id,
                XComModel.run_id == run_id,
                XComModel.task_id == task_id,
                XComModel.key.in_(keys),
                *([XComModel.map_index == map_index] if map_index is not None else []),
            )
        ):
            pushed[index][key] = _value(value)
    return [
        Instance(dag_id, run_id, task_id, index, state, label, start, end, tries or 0, pushed[index])
        for index, state, label, start, end, tries in rows
    ]


def rendered_fields(
    session: Session, dag_id: str, run_id: str, task_id: str, map_index: int | None = None
) -> dict[int, dict[str, Any]]:
    """Read the arguments tasks ran with, by map index. Airflow keeps them for a number of runs only."""
    fields = RenderedTaskInstanceFields
    rows = session.execute(
        select(fields.map_index, fields.rendered_fields).where(
            fields.dag_id == dag_id,
            fields.run_id == run_id,
            fields.task_id == task_id,
            *([fields.map_index == map_index] if map_index is not None else []),
        )
    )
    return {index: value for index, value in rows if isinstance(value, dict)}


def connection(conn_id: str) -> Any:
    """Read a connection as the api-server may.

    :raises AirflowNotFoundException: there is none.
    """
    return Connection.get_connection_from_secrets(conn_id)


def _value(value: Any) -> Any:
    """Read an XCom: tasks write it as JSON within the JSON column."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _among(model: Any, keys: list[TaskKey]) -> Any:
    return tuple_(model.dag_id, model.run_id, model.task_id).in_(keys)


def _chunks(keys: list[TaskKey]) -> Iterator[list[TaskKey]]:
    for start in range(0, len(keys), _CHUNK):
        yield keys[start : start + _CHUNK]
