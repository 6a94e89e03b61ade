"""The page that a browser shows where there is nothing: one sentence, and the way back."""

from __future__ import annotations

import html

from ganvas.package_files import package_text

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{sentence} · ganvas</title>
<link rel="icon" href="data:,">
<style>
{style}</style>
</head>
<body>
<div class="page">
<header>
<p class="kicker">ganvas</p>
<h1 style="overflow-wrap: anywhere">{sentence}</h1>
</header>
<main><p><a href="/">{home}</a></p></main>
</div>
</body>
</html>
"""


def error_page(sentence: str, home: str) -> str:
    """The page, in the look of all others, which needs no other file.

    Args:
        sentence: what is wrong; it may hold what somebody typed.
        home: what `/` shows.
    """
    return PAGE.format(
        sentence=html.escape(sentence),
        home=html.escape(home),
        style=package_text("reports/templates/style.css"),
    )
