"""Runs a Dag in a test, in this process, against a throw-away Airflow database.

Airflow may have been imported long before (the test module imports its Dag), so nothing here relies on
coming first: the database is swapped under Airflow while a test runs, and put back afterwards.
"""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class DagResult:
    """What came of a run.

    :param state: of the run: ``success`` or ``failed``.
    :param tasks: the state of each task, by task id; mapped ones as ``task_id[map_index]``.
    :param xcoms: every XCom pushed, by (task id, map index, key); the map index of an unmapped task is -1.
    :param run: Airflow's own object.
    """

    dag_id: str
    run_id: str
    state: str
    tasks: Mapping[str, str]
    xcoms: Mapping[tuple[str, int, str], Any] = field(repr=False)
    run: Any = field(repr=False, compare=False, default=None)

    def xcom(self, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """Answer one XCom.

        :raises KeyError: there is none; the message says which there are.
        """
        try:
            return self.xcoms[task_id, map_index, key]
        except KeyError:
            raise KeyError(
                f"no XCom {key!r} of {task_id}[{map_index}]; there are {sorted(self.xcoms)}"
            ) from None


class AirflowDatabase:
    """A migrated SQLite database in a folder of its own.

    :param folder: an empty folder; Airflow's logs and its (empty) Dags folder go there too.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._migrated = False

    @contextmanager
    def active(self) -> Iterator[None]:
        """Let Airflow use this database for a while; migrate it the first time."""
        settings = import_module("airflow.settings")
        with _environment(self._variables()):
            settings.configure_vars()
            settings.reconfigure_orm()
            try:
                self._migrate()
                yield
            finally:
                settings.dispose_orm()
        settings.configure_vars()
        settings.configure_orm()

    def _variables(self) -> dict[str, str]:
        dags = self._folder / "dags"
        dags.mkdir(exist_ok=True)
        # An Airflow that is imported first of all here shall not make itself at home in ~/airflow.
        free = "airflow" not in sys.modules and not os.environ.get("AIRFLOW_HOME")
        return {
            **({"AIRFLOW_HOME": str(self._folder)} if free else {}),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self._folder / 'airflow.db'}",
            "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self._folder / "logs"),
        }

    def _migrate(self) -> None:
        if not self._migrated:
            import_module("airflow.utils.db").initdb()
            self._migrated = True


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def run_dag(
    dag: Any, conf: Mapping[str, Any] | None = None, *, logical_date: datetime | None = None
) -> DagResult:
    """Run a Dag to its end and answer what came of it.

    :param dag: the Dag, wherever it was defined.
    :param conf: of the run.
    :param logical_date: of the run, from which its timetable makes the data interval; None is now.
    """
    with warnings.catch_warnings():
        # Airflow's own deprecations are not the tested Dag's.
        warnings.simplefilter("ignore")
        _store(dag)
        when = {"logical_date": logical_date} if logical_date else {}
        run = dag.test(run_conf=dict(conf) if conf else None, **when)
        return _result(dag.dag_id, run)


def _store(dag: Any) -> None:
    """Put the Dag into the database: ``dag.test()`` wants a version of it, and it may be in no Dags folder."""
    try:
        bags = import_module("airflow.dag_processing.dagbag")
    except ImportError:
        bags = import_module("airflow.models.dagbag")
    import_module("airflow.dag_processing.bundles.manager").DagBundlesManager().sync_bundles_to_db()
    bag = bags.DagBag(dag_folder=os.devnull)
    bag.bag_dag(dag)
    bags.sync_bag_to_db(bag, "dags-folder", None)


def _result(dag_id: str, run: Any) -> DagResult:
    session_scope = import_module("airflow.utils.session").create_session
    model = import_module("airflow.models.xcom").XComModel
    with session_scope() as session:
        rows = session.query(model).filter(model.dag_id == dag_id, model.run_id == run.run_id).all()
        xcoms = {(row.task_id, row.map_index, row.key): model.deserialize_value(row) for row in rows}
        instances = run.get_task_instances(session=session)
        tasks = {
            _name(ti): str(ti.state) for ti in sorted(instances, key=lambda ti: (ti.task_id, ti.map_index))
        }
        session.expunge_all()
    return DagResult(dag_id, run.run_id, str(run.state), tasks, xcoms, run)


def _name(ti: Any) -> str:
    return ti.task_id if ti.map_index < 0 else f"{ti.task_id}[{ti.map_index}]"
