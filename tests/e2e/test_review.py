"""The review form of a real Airflow, filled in by a person in a real browser."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.pdf import a_pdf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_bda.emulator import Emulator
    from demo.airflow_process import RealAirflow

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
EXAMPLES = Path(__file__).parents[2] / "example_dags"
DAG_ID = "bda_human_review"
#: Where pictures of the form go; nowhere by default.
PICTURES = os.environ.get("BDA_UI_PICTURES")


@pytest.fixture(scope="module")
def quick() -> Iterator[Emulator]:
    """An emulator with one invoice that names no total, and a project that asks for it."""
    from airflow_provider_bda.emulator import Emulator, Settings

    schema = EXAMPLES.joinpath("blueprints/invoice.json").read_text()
    with Emulator(Settings(duration=0.5)) as aws:
        s3, control = aws.client("s3"), aws.client("bedrock-data-automation")
        s3.create_bucket(Bucket="documents")
        s3.put_object(Bucket="documents", Key="in/bill.pdf", Body=a_pdf(70707))
        made = control.create_blueprint(blueprintName="supplier-invoice", type="DOCUMENT", schema=schema)
        control.create_data_automation_project(
            projectName="invoices",
            standardOutputConfiguration={},
            customOutputConfiguration={"blueprints": [{"blueprintArn": made["blueprint"]["blueprintArn"]}]},
        )
        yield aws


@pytest.fixture(scope="module")
def office(quick: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealAirflow]:
    """An Airflow with the example, and a person who works there."""
    from demo.airflow_process import RealAirflow

    folder = tmp_path_factory.mktemp("review")
    dags = folder / "dags"
    dags.mkdir()
    shutil.copy(EXAMPLES / f"{DAG_ID}.py", dags)
    with RealAirflow(folder / "airflow", dags, users={"ann": "admin"}, progress=print) as running:
        running.rest.add_connection("aws_default", **quick.connection())
        running.rest.wait_for_dag(DAG_ID)
        yield running


def test_a_person_answers_the_form_and_the_copy_says_who(
    quick: Emulator, office: RealAirflow, browser: Any, until: Callable[..., None]
):
    rest = office.rest
    conf = {
        "input_s3_uri": "s3://documents/in/",
        "output_s3_uri": "s3://documents/out",
        "project": "invoices",
    }
    run_id = rest.trigger(DAG_ID, conf)

    def asking() -> list[bool]:
        tasks = rest.task_instances(DAG_ID, run_id, "ask")
        # What waits for a person is deferred; Airflow 3.3 has a state of its own for it.
        return [task["state"] in {"deferred", "awaiting_input"} for task in tasks if task["map_index"] >= 0]

    until(asking, [True])
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.add_cookies([{"name": "_token", "value": rest.token(), "url": f"{office.url}/"}])
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{office.url}/dags/{DAG_ID}/runs/{run_id}/tasks/ask/mapped/0/required_actions")
    page.get_by_text("Look at bill.pdf").first.wait_for()
    page.get_by_text("70707").first.wait_for()
    # Airflow names a field of a form after its param.
    page.locator('[name="element_total"]').fill("99.5")
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / "review-form.png")
    page.get_by_role("button", name=re.compile("^OK$")).click()

    assert rest.wait_for_run(DAG_ID, run_id, timeout=180.0) == "success"
    context.close()
    (apply,) = rest.task_instances(DAG_ID, run_id, "apply")
    told = rest.xcom(apply)
    assert (told["documents"], told["fields"]) == (1, 1)

    def stored(uri: str) -> Any:
        key = uri.removeprefix("s3://documents/")
        return json.loads(quick.client("s3").get_object(Bucket="documents", Key=key)["Body"].read())

    ((_, truth),) = told["ground_truth"]
    assert stored(truth)["total"] == 99.5
    metadata = stored(told["corrected"][0])
    output = stored(metadata["output_metadata"][0]["segment_metadata"][0]["custom_output_path"])
    (correction,) = output["corrections"]
    assert (correction["path"], correction["new"], correction["by"]) == ("total", 99.5, "ann")
