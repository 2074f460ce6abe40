"""Lets stack operations take time, as they do on AWS."""
# ruff: noqa: SLF001 - the emulator has only private names for it

from __future__ import annotations

import asyncio
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, handlers, stacks


def let_stacks_take(seconds: float) -> None:
    """Hold back every operation on a stack for this long before its first resource.

    The stack is in progress meanwhile. Change sets are as fast as before.
    """
    original = stacks._deploy_stack_async

    async def deploy(*arguments: Any, **options: Any) -> None:
        await asyncio.sleep(seconds)
        await original(*arguments, **options)

    delete = stacks._delete_stack_async

    async def remove(name: str, *arguments: Any, **options: Any) -> None:
        cloudformation._stacks[name]["StackStatus"] = "DELETE_IN_PROGRESS"
        await asyncio.sleep(seconds)
        await delete(name, *arguments, **options)

    for module in (changesets, handlers):
        module._deploy_stack_async = deploy
    handlers._delete_stack_async = remove
