"""Texts that are, or could be put together into, a dynamic reference of CloudFormation.

`Fn::Join` and `Fn::Sub` put texts together, and what comes out is resolved as well. A reference
begins with two braces: where no piece of a text ends within that beginning, none can come out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_WHOLE = re.compile(r"\{\{resolve", re.IGNORECASE)
_BEGUN = re.compile(r"\{(\{(r(e(s(o(l(ve?)?)?)?)?)?)?)?$", re.IGNORECASE)
# What Fn::Sub puts something in the place of.
_PLACEHOLDER = re.compile(r"\$\{[^{}]*\}")
_SPACE = re.compile(r"\s+")


def dynamic_texts(texts: Iterable[str], *, is_split: bool) -> bool:
    """Tell whether any of the texts is part of a dynamic reference, or could become one.

    Where texts are also split, any brace that is no placeholder's could come to stand at an end.
    """
    return any(_may_be_dynamic(_SPACE.sub("", one), is_split=is_split) for one in texts)


def _may_be_dynamic(text: str, *, is_split: bool) -> bool:
    if _WHOLE.search(text):
        return True
    pieces = _PLACEHOLDER.split(text)
    return any(_BEGUN.search(one) or (is_split and "{" in one) for one in pieces)
