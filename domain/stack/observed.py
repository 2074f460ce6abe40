"""A stack as CloudFormation describes it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tiercel.domain.stack.states import StackStatus


@dataclass(frozen=True)
class Stack:
    """What CloudFormation says of a stack. `token` is that of its newest operation.

    `protected` tells whether its termination protection is on, `drifted` whether the newest look
    for drift found any.
    """

    stack_id: str
    name: str
    status: StackStatus
    reason: str
    outputs: dict[str, str]
    token: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    protected: bool = False
    drifted: bool = False
