"""The documentation site: it builds, lists every page, and its translations are current."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import ModuleType
from urllib.parse import unquote

import pytest

from ..extras import require_extra
from . import pages

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def load_build() -> ModuleType:
    """The program behind `make docs`."""
    spec = importlib.util.spec_from_file_location("build_site", DOCS / "site" / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


BUILD = load_build()
TABLE = BUILD.read_table()
USERS_PAGES = {
    *("index.md", "five-minutes.md", "recipes.md", "metrics.md", "health.md", "compare.md"),
    "what-helps.md",
}
"""What a user needs first, in English and in Chinese."""
TWINS = [page.path for page in TABLE.pages if page.translated]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it. Two seconds of a core: the one build of these tests."""
    require_extra("docs")
    folder = tmp_path_factory.mktemp("documentation") / "site"
    done = subprocess.run(
        [sys.executable, DOCS / "site" / "build.py", folder], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder


class TestTableOfPages:
    def test_every_page_of_docs_is_in_the_navigation(self) -> None:
        files = {PurePosixPath(file.relative_to(DOCS)) for file in DOCS.rglob("*.md")}
        listed = {*TABLE.places, *TABLE.left_out}
        lines = [
            f'"{file}" = {{ en = "TITLE", zh = "标题" }}'
            for file in sorted(files - listed)
            if file.parts[0] != "zh"
        ]
        assert not lines, "add to the right section of docs/site/pages.toml: " + ", ".join(lines)

    def test_every_line_has_its_pages(self) -> None:
        missing = [str(place) for place in TABLE.places if not TABLE.source(place).is_file()]
        assert not missing, f"docs/site/pages.toml lists pages without a file in docs: {missing}"

    def test_every_chinese_page_is_marked_as_a_translation(self) -> None:
        files = {PurePosixPath(file.relative_to(DOCS)) for file in (DOCS / "zh").rglob("*.md")}
        unmarked = sorted(str(file) for file in files - set(TABLE.places))
        assert not unmarked, f"add `translated = true` in docs/site/pages.toml to: {unmarked}"

    def test_pages_of_users_are_translated(self) -> None:
        assert {*map(str, TWINS)} >= USERS_PAGES


@pytest.mark.parametrize("path", TWINS, ids=str)
class TestTranslation:
    """A page and its translation say the same; a change of one without the other fails here."""

    def test_has_the_same_commands(self, path: PurePosixPath) -> None:
        english, chinese = both(path)
        assert code_lines(chinese) == code_lines(english)

    def test_has_the_same_headings_and_pictures(self, path: PurePosixPath) -> None:
        english, chinese = (BUILD.FENCED.sub("", text) for text in both(path))
        levels, pictures = re.compile(r"^#+(?= )", re.MULTILINE), re.compile(r"!\[")
        assert levels.findall(chinese) == levels.findall(english)
        assert len(pictures.findall(chinese)) == len(pictures.findall(english))

    def test_has_the_same_tables(self, path: PurePosixPath) -> None:
        english, chinese = map(table_columns, both(path))
        assert chinese == english, "the number of columns of each row"

    def test_breaks_no_line_between_chinese_words(self, path: PurePosixPath) -> None:
        _, chinese = both(path)
        assert not BROKEN.findall(chinese), "a browser shows the break as a space"

    def test_has_the_same_numbers_and_code_words(self, path: PurePosixPath) -> None:
        english, chinese = (BUILD.FENCED.sub("", text) for text in both(path))
        for what in (CODE, NUMBER):
            there, here = Counter(what.findall(english)), Counter(what.findall(chinese))
            assert here - there == Counter(), "only in the Chinese page"
            assert there - here == Counter(), "only in the English page"
            english, chinese = CODE.sub("", english), CODE.sub("", chinese)


BROKEN = re.compile(r"\S+[\u3001-\u9fff\uff00-\uffef]\n[\u4e00-\u9fff]\S+")
CODE = re.compile(r"`[^`]+`")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def both(path: PurePosixPath) -> tuple[str, str]:
    """The English and the Chinese text of a page, without the targets of links."""
    english, chinese = (TABLE.text(place) for place in (path, BUILD.CHINESE / path))
    return tuple(re.sub(r"\]\([^)]*\)", "]", text) for text in (english, chinese))


def code_lines(text: str) -> list[str]:
    """The lines of all blocks, without comments, which are translated."""
    blocks = BUILD.FENCED.findall(text)
    return [re.sub(r"\s*#.*", "", line) for block in blocks for line in block.splitlines()]


def table_columns(text: str) -> list[int]:
    """How many columns each row of a table has."""
    rows = [line for line in text.splitlines() if line.strip().startswith("|")]
    return [row.count("|") - row.count("\\|") for row in rows]


class TestSite:
    def test_has_every_page_and_a_switch_between_its_languages(self, site: Path) -> None:
        for place in TABLE.places:
            text = (site / place.with_suffix(".html")).read_text(encoding="utf-8")
            language, other = ("zh", "en") if place.parts[0] == "zh" else ("en", "zh")
            assert f'<html lang="{language}"' in text
            switch = re.search(rf'<a [^>]*hreflang="{other}" href="([^"]+)"', text)
            assert switch, place
            twin = place.relative_to("zh") if language == "zh" else BUILD.CHINESE / place
            if twin in TABLE.places:
                leads_to = (site / place).parent / switch[1]
                assert leads_to.resolve() == (site / twin.with_suffix(".html")).resolve()

    def test_shows_the_navigation_of_the_pages_language(self, site: Path) -> None:
        english, chinese = (
            navigation_of(site / page) for page in ("metrics.html", "zh/metrics.html")
        )
        assert "Five minutes" in english
        assert "五分钟上手" not in english
        assert "五分钟上手" in chinese
        assert "报告（英文）" in chinese
        assert "Five minutes" not in chinese

    def test_shows_every_list_and_table_as_one(self, site: Path) -> None:
        for page, text in html_of(site).items():
            content = re.search(r"<article.*</article>", text, re.DOTALL)
            assert content, page
            prose = re.sub(r"<(pre|code)\b.*?</\1>", "", content[0], flags=re.DOTALL)
            assert not re.findall(r"^\s*(?:[-*] |\|.*\|$|#+ ).*", prose, re.MULTILINE), page

    def test_every_link_inside_leads_to_a_file_and_an_anchor(self, site: Path) -> None:
        targets = {page: set(ANCHOR.findall(text)) for page, text in html_of(site).items()}
        dead = []
        for page, text in html_of(site).items():
            for address in re.findall(r'\s(?:href|src)="([^"]*)"', text):
                path, _, anchor = unquote(address).partition("#")
                if re.match(r"[a-z]+:", path):
                    continue
                file = (page.parent / path).resolve() if path else page
                file = file / "index.html" if file.is_dir() else file
                if not file.is_file() or (anchor and anchor not in targets.get(file, {anchor})):
                    dead.append(f"{page.relative_to(site)} -> {address}")
        assert not dead

    def test_asks_no_other_host_for_anything(self, site: Path, tmp_path: Path) -> None:
        fetched = re.compile(
            r"<(?:script|img|iframe|source|video)\b[^>]*\ssrc=[\"']?(?:https?:)?//[^>]*"
            r"|<link\b[^>]*\shref=[\"']?(?:https?:)?//[^>]*"
        )
        for page, text in html_of(site).items():
            assert not fetched.findall(text), page
        for style in site.rglob("*.css"):
            assert not re.findall(
                r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", style.read_text(encoding="utf-8")
            )
        rendered = pages.open_in_browser(site / "zh" / "index.html", tmp_path)
        assert rendered.console == []
        assert {address.partition(":")[0] for address in rendered.requests} <= {"file", "data"}

    def test_reference_has_every_public_name(self, site: Path) -> None:
        public = {*public_names("ganvas"), *public_names("ganvas.recipes")} - {
            "ganvas.recipes",
            "ganvas.recipes.Recipe",  # which is ganvas.Recipe
        }
        assert public >= {"ganvas.train", "ganvas.recipes.dcgan"}
        reference = "".join(file.read_text(encoding="utf-8") for file in site.glob("api/*.html"))
        described = {*re.findall(r'id="(ganvas\.[\w.]+)"', reference)}
        missing = [f"::: {name}" for name in sorted(public - described)]
        assert not missing, f"add to a page of docs/api: {missing}"

    def test_search_finds_words_in_both_languages(self, site: Path, tmp_path: Path) -> None:
        (worker,) = site.glob("assets/javascripts/workers/search.*.js")
        page = site / "search-of-a-test.html"
        words = json.dumps(["weights clipped", "权重裁剪", "怎样更省"])
        page.write_text(SEARCH % (worker.relative_to(site), words), encoding="utf-8")
        rendered = pages.open_in_browser(page, tmp_path)
        page.unlink()
        assert rendered.console == []
        english, *chinese = re.findall(r"<li>([\w/.#%-]+)</li>", rendered.dom)
        assert not english.startswith("zh/")
        assert [place[:3] for place in chinese] == ["zh/", "zh/"]


ANCHOR = re.compile(r'\s(?:id|name)="([^"]+)"')
SEARCH = """<!doctype html><meta charset="utf-8"><body>
<script src="assets/iframe-worker.js"></script>
<script src="search.js"></script>
<script>
  const search = new Worker("%s");
  search.onmessage = ({ data }) => {
    if (data.type === 1)
      for (const input of %s) search.postMessage({ type: 2, data: { input } });
    else {
      const place = __index.items[data.data.items[0].id].location;
      document.body.insertAdjacentHTML("beforeend", `<li>${place}</li>`);
    }
  };
  search.postMessage({ type: 0, data: __index });
</script>
"""
"""A page from file:// that searches as pages of the site do, and lists the first place of each."""


def html_of(site: Path) -> dict[Path, str]:
    """The text of every page that the theme makes; a copied report is checked where it is made."""
    copied = {site / file.relative_to(DOCS) for file in DOCS.rglob("*.html")}
    return {
        page: page.read_text(encoding="utf-8")
        for page in sorted(site.resolve().rglob("*.html"))
        if page not in copied and page.name != "404.html"
    }


def public_names(package: str) -> Iterator[str]:
    """What a package offers: the names that it imports as themselves."""
    file = ROOT.joinpath("src", *package.split("."), "__init__.py")
    for name in re.findall(
        r"import ([A-Za-z]\w*) as \1$", file.read_text(encoding="utf-8"), re.MULTILINE
    ):
        yield f"{package}.{name}"


def navigation_of(page: Path) -> str:
    """The text of a page's navigation."""
    text = page.read_text(encoding="utf-8")
    after = text.partition('<nav class="md-nav md-nav--primary"')[2]
    return after.partition("md-sidebar--secondary")[0]
