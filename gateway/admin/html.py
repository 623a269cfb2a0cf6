"""Pages need no script, load nothing from elsewhere, and escape every text that they are given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Literal, Self

from aiohttp import web

from gateway.admin.guard import VISITOR, Visitor

ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#3b7bea" '
    'stroke-width="2.2" stroke-linecap="round"><path d="M4 5v14M20 5v14"/>'
    '<path d="M7.5 12h9M13 8.5l3.5 3.5-3.5 3.5"/></svg>'
)

_CODE = re.compile(r"`([^`]*)`")

HOME = "/"
GENERAL = "/settings/general"

Tone = Literal["good", "bad", "note", ""]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table. The cells of `title` name their row."""

    name: str
    kind: Literal["text", "number", "title"] = "text"


@dataclass(frozen=True, slots=True)
class PageLink:
    """A page in the navigation."""

    path: str
    title: str


PAGES: web.AppKey[Sequence[PageLink]] = web.AppKey("pages")
"""The pages that extensions bring."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What is around a page: who looks at it, and where else they may go."""

    visitor: Visitor
    more_pages: Sequence[PageLink] = ()

    @classmethod
    def of(cls, request: web.Request) -> Self:
        return cls(request[VISITOR], request.app[PAGES])


def page(title: str, about: str, path: str, frame: Frame, *parts: str) -> str:
    """A page with its navigation. `about` and `parts` are HTML."""
    sign_out = ""
    if frame.visitor.may_sign_out:
        sign_out = (
            f'<form method="post" action="/sign-out">{form_key(frame.visitor)}'
            '<button class="quiet">Sign out</button></form>'
        )
    return _document(
        title,
        f'<a class="skip" href="#main">Skip to the page</a><div class="frame"><div class="side">'
        f"{_brand()}<nav aria-label=Pages><ul>{_navigation(path, frame)}</ul></nav>{sign_out}</div>"
        f'<main id="main"><header><h1>{escape(title)}</h1>{about}</header>'
        f"{''.join(parts)}</main></div>",
    )


def signed_out(title: str, *parts: str) -> str:
    """A page for who is not signed in."""
    return _document(
        title, f'<main class="door">{_brand()}<div class="card">{"".join(parts)}</div></main>'
    )


def _document(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · Telemetry gateway</title>"
        '<link rel="icon" href="/icon.svg"><link rel="stylesheet" href="/style.css"></head>'
        f"<body>{body}</body></html>"
    )


def _brand() -> str:
    return f'<a class="brand" href="{HOME}"><img src="/icon.svg" alt="">Telemetry gateway</a>'


def navigation(more_pages: Sequence[PageLink]) -> Sequence[tuple[str, Sequence[PageLink]]]:
    """Groups of pages, each with its title."""
    return (
        ("", (PageLink(HOME, "Status"), *more_pages)),
        ("Settings", (PageLink(GENERAL, "General"),)),
    )


def _navigation(here: str, frame: Frame) -> str:
    return "".join(
        f"<li>{f'<span>{group}</span>' if group else ''}<ul>"
        + "".join(
            f'<li><a href="{escape(link.path)}"{" aria-current=page" * (link.path == here)}>'
            f"{escape(link.title)}</a></li>"
            for link in links
        )
        + "</ul></li>"
        for group, links in navigation(frame.more_pages)
    )


def form_key(visitor: Visitor) -> str:
    """The hidden field without which no form is taken."""
    return f'<input type="hidden" name="form_key" value="{escape(visitor.form_key)}">'


def notice(tone: Tone, *paragraphs: str, items: Sequence[str] = ()) -> str:
    """A message above the page. `paragraphs` and `items` are HTML."""
    role = "alert" if tone == "bad" else "status"
    lines = "".join(f"<li>{item}</li>" for item in items)
    lines = f"<ul>{lines}</ul>" if lines else ""
    text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return f'<div class="notice {tone}" role="{role}">{text}{lines}</div>'


def card(title: str, *parts: str) -> str:
    """A section. `parts` are HTML."""
    return f'<section class="card"><h2>{escape(title)}</h2>{"".join(parts)}</section>'


def badge(tone: Tone, text: str) -> str:
    return f'<span class="badge {tone}">{escape(text)}</span>'


def empty(title: str, what: str) -> str:
    """What stands where there is nothing yet."""
    return f'<div class="empty"><b>{escape(title)}</b>{escape(what)}</div>'


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML. On a phone each row becomes a block."""
    heads = [escape(column.name[:1].upper() + column.name[1:]) for column in columns]
    head = "".join(
        f'<th class="{column.kind}" scope="col">{name}</th>'
        for column, name in zip(columns, heads, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{column.kind}" data-head="{name}"><span>{cell}</span></td>'
            for column, name, cell in zip(columns, heads, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f"<div><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def marked(text: str) -> str:
    """A sentence of ours as HTML: what stands in backquotes becomes code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def when(timestamp: str) -> str:
    """A timestamp for a person."""
    moment = datetime.fromisoformat(timestamp)
    text = f"{moment:%-d %b %Y, %H:%M:%S} UTC"
    return f'<time datetime="{escape(timestamp)}">{text}</time>'
