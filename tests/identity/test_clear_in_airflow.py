"""What the fakes say of a clear is what Airflow does: ``max_tries`` changes for the cleared task instance alone."""

from __future__ import annotations

import pytest

from airflow_provider_bda.emulator.dag_run import AirflowDatabase, run_dag
from tests.fakes import FakeRun

RETRIES = 2


@pytest.mark.airflow
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")
def test_a_clear_changes_max_tries_of_the_cleared_task_instance_and_of_no_other(tmp_path):
    from airflow.models.taskinstance import TaskInstance, clear_task_instances
    from airflow.sdk import DAG, task
    from airflow.utils.session import create_session

    with DAG("a_dag", schedule=None, default_args={"retries": RETRIES}) as dag:

        @task
        def cleared():
            return 1

        @task
        def sibling():
            return 1

        @task
        def mapped(number):
            return number

        cleared()
        sibling()
        mapped.expand(number=[1, 2])

    def max_tries(session):
        rows = session.query(TaskInstance).filter(TaskInstance.dag_id == "a_dag").all()
        return {(row.task_id, row.map_index): row.max_tries for row in rows}

    fake = FakeRun(lambda **_: None, retries=RETRIES)
    with AirflowDatabase(tmp_path).active():
        assert run_dag(dag).state == "success"
        fake.next_try()
        with create_session() as session:
            assert set(max_tries(session).values()) == {fake.max_tries}
            rows = session.query(TaskInstance).filter(
                (TaskInstance.task_id == "cleared") | (TaskInstance.map_index == 1)
            )
            clear_task_instances(rows.all(), session)
            session.flush()
            after = max_tries(session)
    fake.clear()
    assert after == {
        ("cleared", -1): fake.max_tries,
        ("sibling", -1): RETRIES,
        ("mapped", 0): RETRIES,
        ("mapped", 1): fake.max_tries,
    }
