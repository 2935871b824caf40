"""The manual's pages name what is there, all of it, and nothing else."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from raythumbs import errors
from raythumbs.cli import app
from raythumbs.errors import BadPicture, RaythumbsError
from raythumbs.manual import FOLDER, PAGES, read_page
from raythumbs.manual.settings_page import settings_page, variable
from raythumbs.model.photo import Fit, Format, RenditionSpec
from raythumbs.notifications import b2, s3
from raythumbs.settings import Settings
from raythumbs.web import bodies
from raythumbs.web.routes import ROUTERS

HOUSE = Path(__file__).parents[2]
TEXTS = {path: path.read_text() for path in (HOUSE / "README.md", *sorted(FOLDER.glob("*.md")))}


# --- pages and their links


def test_every_page_of_the_contents_is_there_and_no_other():
    assert {path.stem for path in FOLDER.glob("*.md")} == PAGES.keys()


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_every_link_leads_somewhere(path):
    assert [link for link in links(TEXTS[path]) if not leads(path, link)] == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_a_page_has_one_title_and_no_two_headings_of_one_anchor(path):
    levels, found = levels_and_anchors(TEXTS[path])

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert len(set(found)) == len(found)


def test_the_recipes_for_changes_name_files_that_are_there():
    named = set(re.findall(r"`((?:raythumbs|tests)/[\w./-]+)`", TEXTS[FOLDER / "contributing.md"]))

    assert len(named) > 30
    assert [path for path in sorted(named) if not (HOUSE / path).exists()] == []


def links(text: str) -> list[str]:
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", prose(text)) if "://" not in link]


def leads(path: Path, link: str) -> bool:
    file, _, anchor = link.partition("#")
    target = (path.parent / file).resolve() if file else path
    if not target.is_file() or not target.is_relative_to(HOUSE):
        return False
    return not anchor or anchor in levels_and_anchors(target.read_text())[1]


def levels_and_anchors(text: str) -> tuple[list[int], list[str]]:
    """The levels of the headings, and their anchors as GitHub makes them."""
    headings = re.findall(r"(?m)^(#+) (.+)$", prose(text))
    anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for _, title in headings]
    return [len(marks) for marks, _ in headings], anchors


def prose(text: str) -> str:
    return re.sub(r"(?ms)^```.*?^```$", "", text)


def test_a_link_to_nowhere_is_noticed():
    here = FOLDER / "api.md"

    assert leads(here, "errors.md#codes-of-jobs")
    assert not leads(here, "errors.md#codes-of-cats")
    assert not leads(here, "cats.md")
    assert not leads(here, "#cats")


# --- settings


def test_the_page_about_settings_is_what_is_made_from_them():
    assert read_page("settings") == settings_page(), "run: python -m raythumbs.manual.settings_page"


@pytest.mark.parametrize("name", [variable(name, field) for name, field in Settings.model_fields.items()])
def test_the_page_about_settings_has_every_setting(name):
    assert f"| `{name}` |" in read_page("settings")


def test_the_manual_names_no_setting_that_is_not_there():
    named = set(re.findall(r"\bRAYTHUMBS_\w+", "".join(TEXTS.values())))

    assert named - {"RAYTHUMBS_URL", "RAYTHUMBS_API_KEY"} <= {
        variable(name, field) for name, field in Settings.model_fields.items()
    }


def test_a_default_of_bytes_and_of_days_can_be_read():
    page = read_page("settings")

    assert "| `RAYTHUMBS_MAX_PHOTO_BYTES` | `134217728` (128 MiB) |" in page
    assert "| `RAYTHUMBS_MAX_UPLOAD_BYTES` | `1073741824` (1 GiB) |" in page
    assert "| `RAYTHUMBS_KEEP_FINISHED_SECONDS` | `604800` (7 days) |" in page
    assert "| `RAYTHUMBS_UMASK` | `077` |" in page
    assert '| `RAYTHUMBS_TRUSTED_PROXIES` | `["127.0.0.1", "::1"]` |' in page


# --- the command line


def commands() -> Iterator[tuple[str, Any]]:
    group = typer.main.get_command(app)
    for name, command in group.commands.items():
        yield name, command
        for sub, part in getattr(command, "commands", {}).items():
            yield f"{name} {sub}", part


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_the_page_about_the_command_line_has_every_command(name):
    assert f"`raythumbs {name}`" in read_page("command-line")


@pytest.mark.parametrize(("name", "command"), [(name, one) for name, one in commands() if not name.startswith("bench")])
def test_the_page_about_the_command_line_has_every_option(name, command):
    page = read_page("command-line")
    section = next(part for title, part in sections(page) if name in title.split(" and "))

    options = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]

    assert [option for option in options if option != "--help" and f"`{option}" not in section] == []


def sections(page: str) -> Sequence[tuple[str, str]]:
    return re.findall(r"(?ms)^## (.+?)\n(.*?)(?=^## |\Z)", page)


# --- the API and its errors


def test_the_page_about_the_api_has_every_route():
    page = read_page("api")

    routes = [route for router in ROUTERS for route in router.routes]
    routes = {f"{method} {route.path.replace(':path', '')}" for route in routes for method in route.methods}

    assert [route for route in sorted(routes) if not route.startswith("HEAD") and f"`{route}`" not in page] == []


def bodies_of_the_api() -> list[type[BaseModel]]:
    kinds = [kind for kind in vars(bodies).values() if isinstance(kind, type) and issubclass(kind, bodies.Body)]
    return [kind for kind in kinds if kind.__module__ == bodies.__name__]


@pytest.mark.parametrize("body", bodies_of_the_api(), ids=lambda body: body.__name__)
def test_the_manual_has_every_field_of_the_api(body):
    pages = read_page("api") + read_page("notifications")

    names = [field.alias or name for name, field in body.model_fields.items()]

    assert [name for name in names if f"`{name}`" not in pages and f'"{name}"' not in pages] == []


def codes(kinds: Iterator[type[RaythumbsError]]) -> set[str]:
    return {kind.code for kind in kinds}


def leaves(root: type[RaythumbsError]) -> Iterator[type[RaythumbsError]]:
    """The errors of the product below a root."""
    for kind in root.__subclasses__():
        if kind.__module__.startswith(f"{errors.__name__}."):
            yield kind
            yield from leaves(kind)


# What never leaves the service, or only as another code: commands say it in one line, and logs have it.
INSIDE = {"bad_picture", "stale_lease", "needs_memory", "crash", "bad_settings", "not_started"}


def test_the_page_about_errors_has_every_code():
    page = read_page("errors")

    assert [code for code in sorted(codes(leaves(RaythumbsError)) - INSIDE) if f"`{code}`" not in page] == []


def test_the_page_about_errors_names_no_code_that_the_service_does_not_know():
    in_tables = set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"(?m)^\|.*$", read_page("errors")))))
    source = "".join(path.read_text() for path in (HOUSE / "raythumbs").rglob("*.py"))
    by_status = {"not_found", "method_not_allowed"}  # HTTP's own names, in lower case

    assert [code for code in sorted(in_tables - by_status) if f'"{code}"' not in source] == []


def replies() -> set[tuple[int, str]]:
    rows = re.findall(r"(?m)^\| (\d[\d, ]+) \| (.+?) \|", read_page("errors"))
    return {(int(status), code) for statuses, those in rows for status in statuses.split(", ")
            for code in re.findall(r"`(\w+)`", those)}  # fmt: skip


def test_the_page_about_errors_has_each_code_at_its_status():
    listed = replies()
    pictures = codes(leaves(BadPicture))
    only_jobs = {"timeout", "poison", "no_sandbox", "archived", "encrypted"} | pictures

    kinds = [kind for kind in leaves(RaythumbsError) if kind.code not in INSIDE | only_jobs]

    assert [kind.code for kind in kinds if (kind.http_status, kind.code) not in listed] == []


# --- notifications, sizes and formats


def test_the_page_about_notifications_has_every_event_that_does_something():
    page = read_page("notifications-minio") + read_page("notifications-b2")

    events = s3._CREATED | s3._MARKED | s3._DELETED | b2._CREATED | b2._HIDDEN | b2._DELETED

    assert [event for event in sorted(events) if not named(event, page)] == []


def named(event: str, page: str) -> bool:
    """Whether a row has the event, or its first half and elsewhere its second."""
    kind, _, how = event.rpartition(":")
    rows = re.findall(r"(?m)^\|.*$", page)
    return any(f"`{event}`" in row or (f"`{kind}:" in row and f"`{how}`" in row) for row in rows)


def test_the_page_about_sizes_has_every_field_of_a_spec_and_every_word_of_it():
    page = read_page("sizes-and-formats")

    words: list[Any] = [*RenditionSpec.__dataclass_fields__, *Fit, *Format]

    assert [word for word in words if f"`{word}`" not in page] == []
