from __future__ import annotations

import pytest
import yaml

from airflow_provider_bda import __version__
from release import listing


def test_airflow_s_own_schema_takes_the_file(tmp_path):
    assert listing.write(tmp_path) == []
    told = yaml.safe_load((tmp_path / "provider.yaml").read_text())
    assert (told["package-name"], told["versions"]) == ("airflow-provider-bda", [__version__])
    assert (tmp_path / "ecosystem.md").read_text().startswith("[airflow-provider-bda]()")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"versions": "0.1.0"}, "versions"),
        ({"state": "released"}, "state"),
        ({"homepage": "x"}, "homepage"),
        (
            {"hooks": [{"integration-name": "x", "python-modules": ["airflow_provider_bda.hooks.gone"]}]},
            "airflow_provider_bda.hooks.gone",
        ),
        ({"extra-links": ["airflow_provider_bda.links.GoneLink"]}, "GoneLink"),
    ],
)
def test_what_does_not_hold_is_found(change, said):
    assert any(said in fault for fault in listing.faults({**listing.provider_yaml(), **change}))
