"""Lets stack operations take time, as they do on AWS."""
# ruff: noqa: SLF001 - the emulator has only private names for it

from __future__ import annotations

import asyncio
from typing import Any

from ministack.services.cloudformation import changesets, handlers, stacks


def let_stacks_take(seconds: float) -> None:
    """Hold back every creation and update of a stack for this long before its first resource.

    The stack is in progress meanwhile. Change sets and deletions are as fast as before.
    """
    original = stacks._deploy_stack_async

    async def deploy(*arguments: Any, **options: Any) -> None:
        await asyncio.sleep(seconds)
        await original(*arguments, **options)

    for module in (changesets, handlers):
        module._deploy_stack_async = deploy
