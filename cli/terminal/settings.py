"""The options that commands share, as one value: where a command works, and how it answers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from tiercel.cli.terminal.options import (
    ConfigOption,
    JsonOption,
    LocalOption,
    QuietOption,
    SandboxOption,
    StateOption,
    VerboseOption,
)
from tiercel.cli.terminal.output import Output
from tiercel.cli.terminal.session import DEFAULT_STATE, use_config, use_sandbox, use_workers

if TYPE_CHECKING:
    from tiercel.domain.organization.access import Target
    from tiercel.domain.organization.names import Names
    from tiercel.domain.organization.topology import Topology

S = TypeVar("S", bound="Settings")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a command that looks at environments is told beside its own options."""

    sandbox: SandboxOption = False
    state: StateOption = DEFAULT_STATE
    config: ConfigOption = None
    as_json: JsonOption = False

    @property
    def output(self) -> Output:
        """Where the command's words go."""
        return Output(as_json=self.as_json)

    def topology(self) -> Topology:
        """Return what the configuration says; in the sandbox it is one that runs, or an error."""
        from tiercel.tasks.source.topology_file import config_path, read_topology

        if self.sandbox:
            use_sandbox(self.state, self.config)
        use_config(self.config)
        return read_topology(config_path())

    def names(self, environment: str) -> Names:
        """Return the names of an environment; ConfigurationError if there is none of the name."""
        from tiercel.domain.organization.names import Names

        return Names.of(self.topology(), environment)

    def become(self, profile: str) -> None:
        """Be whom the sandbox has as this profile; in AWS one is who one is.

        An environment's name is the profile of its operator.
        """
        if self.sandbox:
            from tiercel.tasks.aws.clients import forget_clients

            use_sandbox(self.state, self.config, profile)
            forget_clients()

    def become_approver(self, environment: str) -> None:
        """Be who gives his word on promotions in the sandbox; in AWS one is who one is."""
        if self.sandbox:
            from tiercel.sandbox.accounts.credentials import APPROVER

            self.become(f"{environment}-{APPROVER}")

    def target(self, names: Names) -> Target:
        """Return an environment as this command acts in it, having become its operator."""
        from tiercel.domain.organization.access import Target

        self.become(names.environment.name)
        return Target(names, "tiercel-cli")


@dataclass(frozen=True, kw_only=True)
class RunSettings(Settings):
    """What a command that starts a flow is told beside its own options."""

    local: LocalOption = False
    quiet: QuietOption = False
    verbose: VerboseOption = False

    @property
    def output(self) -> Output:
        """Where the command's words go."""
        return Output(as_json=self.as_json, quiet=self.quiet, verbose=self.verbose)

    def settle(self, environment: str) -> None:
        """Be where a run of an environment's deployments can be started, or the flow itself."""
        use_config(self.config)
        if self.sandbox:
            use_sandbox(self.state, self.config, environment)
            if not self.local:
                use_workers(self.state, environment)


def shared(kind: type[S]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command's last parameter, `settings`, as an option for each field of its type."""
    hints = get_type_hints(kind, include_extras=True)
    options = [
        inspect.Parameter(
            one.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if one.default is MISSING else one.default,
            annotation=hints[one.name],
        )
        for one in fields(kind)
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True)
        kept = [one for name, one in own.parameters.items() if name != "settings"]

        @wraps(command)
        def called(*arguments: Any, **named: Any) -> None:
            settings = kind(
                **{one.name: named.pop(one.name) for one in options if one.name in named}
            )
            command(*arguments, settings=settings, **named)

        called.__signature__ = own.replace(parameters=[*kept, *options])  # type: ignore[attr-defined]
        called.__annotations__ = {one.name: one.annotation for one in (*kept, *options)}
        return called

    return decorate
