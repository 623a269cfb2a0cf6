"""What is wrong in a file, in a sentence that says what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway.config.source import Document
from gateway.event import JsonPath


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean …)` where a known word is near, else the known words if they are few."""
    choices = sorted(known)
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    if near:
        return f" (did you mean `{near[0]}`?)"
    return f" (known: {', '.join(choices)})" if 0 < len(choices) <= 20 else ""


def path_in(document: Document, location: JsonPath) -> JsonPath:
    """The location pydantic gives, without the union tags that it mixes in."""
    path: JsonPath = ()
    for step in location:
        deeper = (*path, step)
        if deeper in document.lines or deeper in document.variables or step == location[-1]:
            path = deeper
    return path


def sentence(path: JsonPath, known: set[str], detail: Mapping[str, Any]) -> str:
    """What is wrong; `known` are the settings that may stand beside the one in question."""
    where = ".".join(str(step) for step in path) or "the file"
    kind = detail["type"]
    if kind == "extra_forbidden":
        return f"`{path[-1]}` is not a setting here{did_you_mean(str(path[-1]), known)}"
    if kind == "missing":
        return f"`{where}` is missing"
    message = str(detail["msg"]).removeprefix("Value error, ")
    if kind == "literal_error" and isinstance(detail["input"], str):
        expected = str(detail["ctx"]["expected"])
        words = [word.strip("' ") for word in expected.replace(" or ", ",").split(",")]
        return f"`{where}` must be one of {expected}{near(detail['input'], words)}"
    return f"`{where}`: {message[:1].lower()}{message[1:]}"


def near(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f" (did you mean `{near[0]}`?)" if near else ""


def keys_at(model: type[BaseModel], path: JsonPath) -> set[str]:
    """The settings that may stand at `path`."""
    models = [model]
    for step in path:
        following: list[type[BaseModel]] = []
        for current in models:
            for name, field in current.model_fields.items():
                if step == (field.alias or name):
                    following += _models_in(field)
        models = following or models
    return {
        field.alias or name for current in models for name, field in current.model_fields.items()
    }


def _models_in(field: FieldInfo) -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = []
    pending: list[Any] = [field.annotation]
    while pending:
        annotation = pending.pop()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            found.append(annotation)
        elif get_origin(annotation) in (tuple, dict, list, Union) or get_args(annotation):
            pending += get_args(annotation)
    return found
