"""Build the documentation site of docs/, in English and Chinese, with the reference of the API.

    python docs/site/build.py [FOLDER]

`pages.toml` lists the pages, `zensical.toml` says how they look. Nothing is fetched from another
host. A link that leads nowhere, or any other warning, ends the build with exit code 1.

zensical sees only one folder, and resolves no link out of it. So the pages are first laid out in a
temporary folder, where links to files of the repository become links to pages or to copies.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import tomli_w

from ganvas.extras import MissingExtra, check_extra

SITE = Path(__file__).parent
DOCS = SITE.parent
ROOT = DOCS.parent
CHINESE = PurePosixPath("zh")
"""Where the Chinese pages lie, in docs/ as in the site."""
FILES = PurePosixPath("files")
"""Where the site has copies of files that pages link to, and that are no pages."""

FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
IN_A_LIST = re.compile(r"^  (?=\S)", re.MULTILINE)
LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")


@dataclass(frozen=True)
class Page:
    """A line of the table of pages.

    Attributes:
        path: its place in the site; a Chinese page has the same, below `zh`.
        en: its English title, or None for a page that is only there in Chinese.
        zh: its Chinese title.
        translated: whether there are an English and a Chinese page.
    """

    path: PurePosixPath
    en: str | None
    zh: str
    translated: bool

    @property
    def chinese(self) -> PurePosixPath | None:
        """Where the Chinese page lies, if there is one."""
        return CHINESE / self.path if self.translated or self.en is None else None


@dataclass(frozen=True)
class Table:
    """The table of pages, `pages.toml`."""

    sections: list[tuple[str, str, list[Page]]]
    """The English title of a section, the Chinese one, and its pages."""
    outside: dict[PurePosixPath, str]
    """Pages by place whose text lies outside docs/: FILE or FILE#SECTION, below the root."""
    left_out: frozenset[PurePosixPath]
    """Files of docs/ that are no pages."""

    @property
    def pages(self) -> list[Page]:
        return [page for _, _, pages in self.sections for page in pages]

    @property
    def places(self) -> list[PurePosixPath]:
        """Every page of the site in both languages."""
        english = [page.path for page in self.pages if page.en is not None]
        return english + [page.chinese for page in self.pages if page.chinese]

    def source(self, place: PurePosixPath) -> Path:
        """The file that holds a page's text."""
        outside = self.outside.get(place)
        return ROOT / outside.partition("#")[0] if outside else DOCS / place

    def text(self, place: PurePosixPath) -> str:
        """A page's Markdown, with the links of its source."""
        text = self.source(place).read_text(encoding="utf-8")
        outside = self.outside.get(place)
        if outside is None:
            return text
        file, _, section = outside.partition("#")
        if section:
            return "# " + section + section_of(text, section)
        for other, its_outside in self.outside.items():
            if its_outside.startswith(f"{file}#"):
                title = its_outside.partition("#")[2]
                link = f"**[{title}]({os.path.relpath(DOCS / other, ROOT / file / '..')})**\n\n"
                text = text.replace(f"## {title}{section_of(text, title)}", link)
        return text


def read_table(file: Path = SITE / "pages.toml") -> Table:
    """Read the table of pages."""
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    sections = [
        (
            section["en"],
            section["zh"],
            [
                Page(PurePosixPath(path), of.get("en"), of["zh"], of.get("translated", False))
                for path, of in section["pages"].items()
            ],
        )
        for section in content["sections"]
    ]
    outside = {PurePosixPath(place): source for place, source in content["outside"].items()}
    return Table(sections, outside, frozenset(map(PurePosixPath, content["left_out"])))


def section_of(text: str, title: str) -> str:
    """What follows a heading of the second level, up to the next one.

    Raises:
        ValueError: there is no such heading.
    """
    _, heading, after = text.partition(f"\n## {title}\n")
    if not heading:
        raise ValueError(f"no heading '## {title}' where pages.toml expects it")
    return "\n" + re.split(r"^(?=## )", after, maxsplit=1, flags=re.MULTILINE)[0]


def lay_out(table: Table, folder: Path) -> None:
    """Write all that zensical reads into a folder: pages, pictures, theme and configuration."""
    pages = folder / "pages"
    markdown_and_site = shutil.ignore_patterns("*.md", SITE.name)
    shutil.copytree(DOCS, pages, ignore=markdown_and_site)
    shutil.copytree(SITE / "assets", pages / "assets")
    shutil.copytree(SITE / "theme", folder / "theme")
    for place in table.places:
        target = pages / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(markdown_of_the_site(table, place, pages), encoding="utf-8")
    configuration = tomllib.loads((SITE / "zensical.toml").read_text(encoding="utf-8"))
    project = configuration["project"]
    project["nav"] = [
        {"English": list(navigation(table, chinese=False))},
        {"中文": list(navigation(table, chinese=True))},
    ]
    project["extra"]["twins"] = dict(twins(table))
    project["plugins"]["mkdocstrings"]["handlers"]["python"]["paths"] = [str(ROOT / "src")]
    (folder / "zensical.toml").write_text(tomli_w.dumps(configuration), encoding="utf-8")


def navigation(table: Table, chinese: bool) -> Iterator[dict[str, Any]]:
    """The sections of the navigation in one language, as zensical takes them."""
    for english_title, chinese_title, pages in table.sections:
        entries = []
        for page in pages:
            if not chinese and page.en is not None:
                entries.append({page.en: str(page.path)})
            elif chinese and page.chinese:
                entries.append({page.zh: str(page.chinese)})
            elif chinese:
                entries.append({f"{page.zh}（英文）": str(page.path)})
        yield {chinese_title if chinese else english_title: entries}


def twins(table: Table) -> Iterator[tuple[str, str]]:
    """Addresses of pages in the site, each with that of the same page in the other language."""
    for page in table.pages:
        if page.translated and page.chinese:
            there, here = (str(place.with_suffix(".html")) for place in (page.chinese, page.path))
            yield here, there
            yield there, here


def markdown_of_the_site(table: Table, place: PurePosixPath, pages: Path) -> str:
    """A page's Markdown, where links lead to pages and files of the site.

    zensical's Markdown wants four spaces where a table or paragraph belongs to the item of a list
    above it. Our pages have two, as CommonMark and those who read the file need no more.

    Raises:
        FileNotFoundError: a link leads to no file of the repository.
    """
    source = table.source(place)
    whole = {table.source(other): other for other in reversed(table.places)}

    def replace(link: re.Match[str]) -> str:
        before, target, anchor, after = link.groups(default="")
        if "://" in target:
            return link[0]
        file = Path(os.path.normpath(source.parent / target))
        if file in whole:
            leads_to = whole[file]
        elif (place_of_section := PurePosixPath(os.path.relpath(file, DOCS))) in table.outside:
            leads_to = place_of_section
        elif not file.is_file():
            raise FileNotFoundError(f"{source.relative_to(ROOT)}: no file at {target}")
        elif file.is_relative_to(DOCS):
            leads_to = PurePosixPath(file.relative_to(DOCS))
        else:
            leads_to = FILES / file.relative_to(ROOT)
            (pages / leads_to).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, pages / leads_to)
        return f"{before}{os.path.relpath(leads_to, place.parent)}{anchor}{after}"

    def translate(text: str) -> str:
        return LINK.sub(replace, IN_A_LIST.sub("    ", text))

    parts = FENCED.split(table.text(place))
    return "".join(part if part.startswith("```") else translate(part) for part in parts)


def build(folder: Path) -> int:
    """Build the site into a folder, in place of what was there; gives the exit code."""
    try:
        check_extra("docs", "the documentation", "zensical", "mkdocstrings")
    except MissingExtra as error:
        print(error, file=sys.stderr)
        return error.exit_code
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        lay_out(read_table(), work)
        command = [sys.executable, "-m", "zensical", "build", "--strict"]
        command += ["--config-file", str(work / "zensical.toml")]
        environment = {**os.environ, "NO_COLOR": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode != 0 or "Warning" in done.stdout + done.stderr:
            print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
            return 1
        search_chinese_words(work / "site" / "search.json", work / "site" / "search.js")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(work / "site", folder)
    print(f"the site is in {folder}: open {folder / 'index.html'}")
    return 0


def search_chinese_words(*indices: Path) -> None:
    """Let the search find Chinese words, although the site's first language is English."""
    for index in indices:
        before, _, rest = index.read_text(encoding="utf-8").partition("{")
        after = ";" if rest.endswith(";") else ""
        content = json.loads("{" + rest.removesuffix(";"))
        content["config"]["lang"] = ["en", "zh"]
        index.write_text(before + json.dumps(content, ensure_ascii=False) + after, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "site"))
