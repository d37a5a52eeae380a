"""The monitor in a real Airflow, in a real browser: every page, the tabs, the theme, and nothing from elsewhere."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
#: Where pictures of the pages go, for the docs; nowhere by default.
PICTURES = os.environ.get("BDA_UI_PICTURES")


#: Seconds for the runs the pages are about; a quiet machine needs twenty.
LIMIT = 400.0
#: Documents of the batches: the running one goes on as long as the tests do.
SIZES = {"finished": 60, "portion": 30, "stopped": 20, "running": 400}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """An Airflow with users, mapped jobs of all kinds, batches that have ended in three ways, and one that runs."""
    from airflow_provider_bda.emulator import Emulator, Settings
    from demo.airflow_process import RealAirflow
    from demo.batches import start_batches, with_batches
    from demo.documents import make_documents
    from demo.job import BUCKET, DAG_ID, DAGS_FOLDER, POOL, create_project, upload
    from demo.kinds import FIXTURES, make_kinds, start_kinds

    folder = tmp_path_factory.mktemp("ui")
    documents = {path.name: path for path in make_documents(folder / "documents")}
    good = dict(documents)
    hostile = folder / "documents" / "hostile.txt"
    hostile.write_text(
        "Invoice number: <script>window.broken=1</script>\n"
        'Vendor name: "><img src=x onerror="window.broken=1">\nTotal amount due: $7.00\n'
    )
    documents[hostile.name] = hostile
    kinds = make_kinds(folder / "documents")
    with (
        Emulator(Settings(duration=0.5, fixtures=FIXTURES)) as aws,
        RealAirflow(
            folder / "airflow",
            with_batches(DAGS_FOLDER, folder / "dags"),
            users={"ada": "admin", "vic": "viewer"},
            progress=print,
            # On a busy machine the first import of a Dag file takes longer than Airflow's half a minute.
            env={"AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "180"},
        ) as airflow,
    ):
        upload(aws, documents)
        project = create_project(aws)
        rest = airflow.rest
        rest.add_connection("aws_default", **aws.connection())
        rest.add_pool(*POOL)
        rest.wait_for_dag(DAG_ID)
        conf = {
            "documents": [f"s3://{BUCKET}/in/{name}" for name in documents],
            "output_s3_uri": f"s3://{BUCKET}/out",
            "project": project,
        }
        jobs = rest.trigger(DAG_ID, conf)
        more = start_kinds(aws, rest, BUCKET, DAG_ID, kinds, project)
        batches = start_batches(aws, rest, BUCKET, good, project, SIZES)
        for run in (jobs, *more.values()):
            assert rest.wait_for_run(DAG_ID, run, timeout=LIMIT) == "success"
        for name, state in (("finished", "success"), ("portion", "success"), ("stopped", "failed")):
            assert rest.wait_for_run(f"bda_demo_{name}", batches[name], timeout=LIMIT) == state
        yield SimpleNamespace(
            airflow=airflow,
            url=airflow.url,
            jobs=jobs,
            kinds=more,
            batches=batches,
            dag_id=DAG_ID,
            names=list(documents),
            kind_names=[name for name in kinds if name != "letter.txt"],
        )


class Window:
    """A window of a user; what goes wrong in it is kept."""

    def __init__(
        self, browser: Any, world: SimpleNamespace, *, width: int = 1400, dark: bool = False
    ) -> None:
        self.world = world
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        self.context.add_cookies(
            [{"name": "_token", "value": world.airflow.rest.token(), "url": f"{world.url}/"}]
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.wrong: list[str] = []
        self.elsewhere: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("response", self._answered)

    def _heard(self, said: Any) -> None:
        # Airflow's own pages have errors of their own; ours come from our files.
        if said.type == "error" and "/bda/" in (said.location or {}).get("url", ""):
            self.wrong.append(said.text)

    def _asked(self, url: str) -> None:
        if not url.startswith((self.world.url, "data:", "blob:", "about:")):
            self.elsewhere.append(url)

    def _answered(self, answer: Any) -> None:
        if "/bda/" in answer.url and answer.status >= 400:
            self.wrong.append(f"{answer.status} {answer.url}")

    def open(self, **place: Any) -> Any:
        """Open a page of ours without Airflow around it."""
        self.page.goto(f"{self.world.url}/bda/page?{urlencode(place)}")
        return self.page

    def shot(self, name: str) -> None:
        if PICTURES:
            time.sleep(0.4)
            self.page.screenshot(path=Path(PICTURES) / f"ui-{name}.png")


@pytest.fixture
def window(browser: Any, world: SimpleNamespace) -> Iterator[Any]:
    opened: list[Window] = []

    def make(**look: Any) -> Window:
        opened.append(Window(browser, world, **look))
        return opened[-1]

    yield make
    for one in opened:
        broken = [frame.evaluate("() => window.broken ?? null") for frame in one.page.frames]
        one.context.close()
        assert one.wrong == []
        assert one.elsewhere == []
        assert set(broken) == {None}


def task_of(world: SimpleNamespace, run: str) -> dict[str, str]:
    return {"dag_id": f"bda_demo_{run}", "run_id": world.batches[run], "task_id": "extract_all"}


def jobs_of(world: SimpleNamespace, **more: Any) -> dict[str, Any]:
    return {"dag_id": world.dag_id, "run_id": world.jobs, "task_id": "extract", **more}


def kind_of(world: SimpleNamespace, name: str) -> dict[str, Any]:
    index = world.kind_names.index(name)
    return jobs_of(world, run_id=world.kinds["kinds"], map_index=index)


def test_the_overview_lists_filters_and_opens_from_the_menu(window, world):
    one = window()
    one.page.goto(f"{world.url}/plugin/bda")
    frame = one.page.frame_locator("iframe")
    frame.locator("tbody tr").nth(6).wait_for()
    frame.get_by_text("stopped by its own limits").wait_for()
    frame.get_by_text("a portion").wait_for()
    one.shot("overview-light")
    assert frame.locator("tbody tr").count() == 7
    frame.locator("#state").select_option("running")
    frame.locator("tbody tr").nth(1).wait_for(state="detached")
    frame.get_by_role("link", name="bda_demo_running").wait_for()
    frame.locator("#state").select_option("")
    frame.locator("#search").fill(world.jobs)
    frame.locator("tbody tr").nth(1).wait_for(state="detached")
    frame.get_by_role("link", name="extract", exact=True).click()
    frame.get_by_role("link", name=world.names[0]).wait_for()
    one.shot("jobs-light")


def test_it_follows_airflows_theme_live(window, world):
    one = window()
    one.page.goto(f"{world.url}/plugin/bda")
    frame = one.page.frame_locator("iframe")
    frame.locator("tbody tr").first.wait_for()

    def ground() -> str:
        return frame.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")

    one.page.evaluate("document.documentElement.className = 'light'")
    frame.locator("html:not(.dark)").wait_for()
    light = ground()
    one.page.evaluate("document.documentElement.className = 'dark'")
    frame.locator("html.dark").wait_for()
    assert ground() != light
    one.shot("overview-dark")


def test_a_batch_shows_failures_plots_and_a_searchable_table(window, world):
    one = window()
    page = one.open(**task_of(world, "finished"))
    page.locator(".documents tbody tr").first.wait_for()
    assert page.locator("figure.plot").count() == 2
    one.shot("batch-light")
    page.locator(".failures button").first.click()
    page.locator("tbody .state.succeeded").first.wait_for(state="detached")
    assert page.locator("tbody .state.rejected, tbody .state.failed").count() > 0
    page.locator("button.chosen").click()
    page.locator("tbody .state.succeeded").first.wait_for()
    page.locator("#status").select_option("succeeded")
    page.get_by_role("button", name="Took").click()
    page.locator("th[aria-sort=ascending]").wait_for()
    page.get_by_role("button", name="Next page").click()
    page.get_by_text("51\u201355 of").wait_for()
    page.locator("tbody .name a").first.click()
    page.locator(".sheet img").wait_for()


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("portion", "10 documents were begun, which is the limit set"),
        ("stopped", "documents in a row were rejected"),
    ],
)
def test_why_a_batch_ended_early_is_said(window, world, run, words):
    one = window(dark=run == "stopped")
    page = one.open(**task_of(world, run))
    page.get_by_text(words).wait_for()
    page.locator(".documents tbody tr").first.wait_for()
    one.shot(run)


def test_a_running_batch_moves_by_itself_and_unchanged_answers_are_304(window, world):
    one = window(dark=True)
    statuses: list[int] = []
    one.page.on("response", lambda answer: "/task?" in answer.url and statuses.append(answer.status))
    page = one.open(**task_of(world, "running"))
    page.locator(".documents tbody tr").first.wait_for()
    one.shot("batch-dark")
    # Which documents are under way stands in the ledger, long before the segment is closed.
    page.locator("#status").select_option("succeeded")
    page.locator("tbody .state.succeeded").first.wait_for()
    seen = page.locator(".summary").inner_text()
    page.wait_for_function(
        "before => document.querySelector('.summary').innerText !== before", arg=seen, timeout=30_000
    )
    still = window()
    seen_by: list[int] = []
    still.page.on("response", lambda answer: "/overview" in answer.url and seen_by.append(answer.status))
    still.open(dag_id=world.dag_id).locator("tbody tr").first.wait_for()
    still.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    deadline = time.monotonic() + 20
    while 304 not in seen_by and time.monotonic() < deadline:
        still.page.wait_for_timeout(100)
    assert 304 in seen_by
    assert 200 in statuses


@pytest.mark.parametrize("dark", [False, True])
def test_a_recording_a_picture_a_packet_and_a_redacted_letter(window, world, dark):
    one = window(dark=dark)
    look = "dark" if dark else "light"
    page = one.open(**kind_of(world, "call.wav"))
    page.locator(".transcript li").nth(4).wait_for()
    assert page.locator(".transcript .speaker").all_inner_texts() == [
        "spk_0",
        "spk_1",
        "spk_0",
        "spk_0",
        "spk_1",
    ]
    one.shot(f"audio-{look}")
    page = one.open(**kind_of(world, "sign.png"))
    page.locator(".sheet img").wait_for()
    page.wait_for_function("() => document.querySelector('.sheet img').naturalWidth > 500")
    one.shot(f"image-{look}")
    page = one.open(**kind_of(world, "packet.pdf"))
    page.locator("[data-segment]").nth(2).click()
    page.locator("[data-segment='2'][aria-pressed=true]").wait_for()
    page.locator("tr[data-field]").first.wait_for()
    one.shot(f"packet-{look}")
    page = one.open(**jobs_of(world, run_id=world.kinds["redacted"], map_index=0))
    page.get_by_text("so the original pages are not shown").wait_for()
    page.get_by_role("tab", name="Text").click()
    page.get_by_text("[EMAIL]").first.wait_for()
    assert "ada@example.com" not in page.locator("main").inner_text()
    one.shot(f"redacted-{look}")


def test_pointing_at_a_field_lights_its_box_and_the_other_way_round(window, world):
    one = window()
    index = world.names.index("invoice-juniper.pdf")
    page = one.open(**jobs_of(world, map_index=index))
    page.locator(".sheet img").wait_for()
    page.wait_for_function("() => document.querySelector('.sheet img').naturalWidth > 500")
    row = page.locator("tr[data-field]", has_text="invoice_number")
    row.hover()
    number = row.get_attribute("data-field")
    page.locator(f".box.lit[data-box='{number}']").wait_for()
    one.shot("document-light")
    other = page.locator(".box:not(.lit)").first.get_attribute("data-box")
    page.locator(f".box[data-box='{other}']").first.hover()
    page.locator(f"tr.lit[data-field='{other}']").wait_for()
    page.get_by_role("tab", name="Text").click()
    page.locator(".prose").get_by_text("Juniper Paper Supply").first.wait_for()
    page.get_by_role("tab", name="JSON").click()
    page.get_by_text("inference_result").wait_for()


def test_the_keyboard_reaches_fields_and_tabs(window, world):
    one = window()
    page = one.open(**jobs_of(world, map_index=0))
    page.locator("tr[data-field]").first.wait_for()
    page.locator("[role=tab]").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.getAttribute('aria-selected')") == "true"
    page.keyboard.press("Home")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.hasAttribute('data-field')")
    page.locator("tr.lit").wait_for()


def test_what_stands_in_a_document_is_text_everywhere(window, world):
    one = window()
    page = one.open(**jobs_of(world, map_index=world.names.index("hostile.txt")))
    page.get_by_role("tab").first.wait_for()
    for tab in page.get_by_role("tab").all():
        tab.click()
        page.wait_for_timeout(200)
        assert page.locator("main img:not(.sheet img), main script").count() == 0
    page.get_by_role("tab", name="Text").click()
    page.get_by_text("<script>window.broken=1</script>").first.wait_for()


def test_tabs_of_the_run_and_of_a_mapped_and_an_unmapped_task(window, world):
    one = window()
    runs = f"{world.url}/dags/{world.dag_id}/runs/{world.jobs}"
    one.page.goto(f"{runs}/plugin/bda-run")
    frame = one.page.frame_locator("iframe")
    frame.get_by_role("link", name="extract", exact=True).wait_for()
    one.page.goto(f"{runs}/tasks/extract/mapped/2/plugin/bda-task")
    frame.get_by_role("heading", name=world.names[2]).wait_for()
    frame.locator(".sheet img").wait_for()
    one.shot("tab-light")
    place = task_of(world, "finished")
    one.page.goto(
        f"{world.url}/dags/{place['dag_id']}/runs/{place['run_id']}/tasks/extract_all/plugin/bda-task"
    )
    frame.locator(".failures button").first.wait_for()
    frame.get_by_role("link", name="Task log").click()
    one.page.wait_for_url("**/tasks/extract_all")
    link = world.airflow.rest.links(world.airflow.rest.task_instances(world.dag_id, world.jobs, "extract")[1])
    one.page.goto(f"{world.url}{link['Documents']}")
    frame.get_by_role("heading", name=world.names[1]).wait_for()


def test_a_narrow_window_stays_readable(window, world):
    one = window(width=400)
    for place, table in (
        ({}, ""),
        (task_of(world, "finished"), ".documents "),
        (jobs_of(world, map_index=0), ".fields "),
    ):
        page = one.open(**place)
        page.locator(f"{table}tbody tr").first.wait_for()
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, place
    one.shot("narrow")
