"""The demonstration site as the companion serves it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.companion.site import FILES, FOLDER, SITE_PAGES
from shared.playbook import compile_playbook
from tests.infra.companion_stand import API_ID, Stand, running_companion

PATHS = [each.path for each in SITE_PAGES]


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with running_companion(tmp_path_factory.mktemp("site")) as running:
        running.write_outputs(api_id=API_ID, public_key='public_local_a"b')
        yield running


@pytest.mark.parametrize("path", PATHS)
def test_a_page_loads_the_tracker_of_this_stage_and_names_itself(stand: Stand, path: str) -> None:
    answer = stand.get(f"/site{path}")
    assert answer.status_code == 200
    assert f'src="{stand.url}/ripen.js" data-key="public_local_a&#34;b"' in answer.text
    assert f'<link rel="canonical" href="https://www.ripen.example{path}">' in answer.text
    assert "not deployed" not in answer.text


@pytest.mark.parametrize("path", PATHS)
def test_no_page_needs_an_inline_script_or_another_host(stand: Stand, path: str) -> None:
    answer = stand.get(f"/site{path}")
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", answer.text)


@pytest.mark.parametrize("path", PATHS)
def test_every_link_of_a_page_leads_somewhere(stand: Stand, path: str) -> None:
    links = set(re.findall(r'(?:href|src)="(/site[^"#]*)"', stand.get(f"/site{path}").text))
    assert {link: stand.get(link).status_code for link in links} == dict.fromkeys(links, 200)


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_served_as_what_it_is(stand: Stand, name: str) -> None:
    answer = stand.get(f"/site/{name}")
    kinds = {"css": "text/css", "js": "text/javascript", "pdf": "application/pdf"}
    assert answer.headers["content-type"].startswith(kinds[name.rpartition(".")[2]])
    assert answer.content == (FOLDER / name).read_bytes()


@pytest.mark.parametrize(
    "path", ["/nowhere", "/layout", "/index", "/demo.html", "/%2e%2e/site.py", "/files/", "/files/../demo.html"]
)
def test_nothing_else_is_served(stand: Stand, path: str) -> None:
    assert stand.get(f"/site{path}").status_code == 404


def test_the_form_comes_back_to_the_site(stand: Stand) -> None:
    text = stand.get("/site/demo").text
    assert f'action="{stand.url}/forms/demo"' in text
    assert f'name="next" value="{stand.url}/site/thanks"' in text


def test_the_form_is_the_one_that_the_default_playbook_lists(stand: Stand) -> None:
    form = compile_playbook()["forms"]["demo"]
    text = stand.get("/site/demo").text
    box = re.search(r'<input name="(\w+)" type="checkbox"[^>]*> <span>(.*?)</span>', text, re.DOTALL)
    assert box is not None
    assert (box[1], " ".join(box[2].split())) == (form["consent"]["field"], form["consent"]["text"])
    assert f'<input name="{form["honeypot"]}" hidden' in text
    assert form["min_seconds"] == 2


def test_before_the_deploy_the_site_says_so(tmp_path: Path) -> None:
    with running_companion(tmp_path, deployed=False) as bare:
        assert "make up" in bare.get("/site/").text
