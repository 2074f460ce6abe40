"""Where a configuration builds that is put into an image."""

from __future__ import annotations

from tiercel.domain.configuration.toml_text import parse_toml, text_of_tables


def with_build_place(text: str, where: str, source: str) -> str:
    """Return a configuration that builds at `where`; ConfigurationError if it is no TOML.

    One that says so already stays as it is; any other loses its comments.
    """
    tables = parse_toml(text, source)
    builds = tables.get("builds", {})
    if not isinstance(builds, dict) or builds.get("where") == where:
        return text
    return text_of_tables({**tables, "builds": {**builds, "where": where}})
